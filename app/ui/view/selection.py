"""Which box the mouse is on, and which one is pinned; a pinned one is found again in the next frames. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.core.settings import DetectionSettings
from app.ui.view.shown_frame import ShownFrame
from detector.boxes import iou

_SAME_IOU = 0.3  # of boxes of one class in neighbouring frames, where nothing has a number
_WAITED_S = 1.0  # for an object that is not there; the follower gives up as soon


@dataclass(frozen=True, slots=True)
class _Pin:
    """The pinned object as it was when it was last there; ``box`` in pixels, ``image`` the name of a folder's image."""

    number: int | None
    class_id: int
    box: tuple[float, ...]
    seen_s: float
    image: str


class Selection:
    """Rows of the detections that are shown; fed with every frame."""

    def __init__(self) -> None:
        self._shown = ShownFrame(None, DetectionSettings())
        self._point: tuple[float, float] | None = None
        self._pin: _Pin | None = None
        self.hovered: int | None = None
        """The box under the mouse: the smallest that contains it."""
        self.pinned: int | None = None
        """The pinned box; None where it is not in the frame."""

    @property
    def row(self) -> int | None:
        """The box that is spoken of: under the mouse, else the pinned one."""
        return self.hovered if self.hovered is not None else self.pinned

    @property
    def is_pinned(self) -> bool:
        """Returns whether an object is pinned, in the frame or not for a moment."""
        return self._pin is not None

    def show(self, shown: ShownFrame) -> None:
        """Another frame is shown, or the same one filtered differently."""
        self._shown = shown
        self.hovered = self.row_at(self._point)
        self.pinned = self._found_again()

    def point_at(self, point: tuple[float, float] | None) -> bool:
        """The mouse is at a place, 0 to 1 of the frame, or beside it; returns whether it is on another box now."""
        before, self._point = self.hovered, point
        self.hovered = self.row_at(point)
        return self.hovered != before

    def row_at(self, point: tuple[float, float] | None) -> int | None:
        """Returns the smallest box that contains a place, 0 to 1 of the frame."""
        if point is None or not len(self._shown.detections):
            return None
        boxes = self._shown.detections.boxes_xyxy
        x, y = (share * side for share, side in zip(point, self._shown.size, strict=True))
        inside = (boxes[:, 0] <= x) & (x <= boxes[:, 2]) & (boxes[:, 1] <= y) & (y <= boxes[:, 3])
        if not inside.any():
            return None
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        return int(np.where(inside, areas, np.inf).argmin())

    def pin(self, row: int | None) -> None:
        """Pin a box, instead of the one before; None pins nothing."""
        self.pinned = row
        self._pin = None if row is None else self._pin_of(row)

    def click(self, point: tuple[float, float] | None) -> None:
        """Pin the box at a place, 0 to 1 of the frame; unpin where it is pinned already, or where there is none."""
        row = self.row_at(point)
        self.pin(None if row == self.pinned else row)

    def step(self, by: int) -> int | None:
        """Pin the next box from left to right, or the one before; returns which, None where there is none."""
        boxes = self._shown.detections.boxes_xyxy
        order = np.lexsort((boxes[:, 1], boxes[:, 0])).tolist()
        if not order:
            return None
        at = order.index(self.pinned) + by if self.pinned is not None else (0 if by > 0 else -1)
        self.pin(order[at % len(order)])
        return self.pinned

    def clear(self) -> None:
        """Nothing is pinned: there is another source."""
        self.pin(None)
        self.show(ShownFrame(None, DetectionSettings()))

    def _pin_of(self, row: int) -> _Pin:
        shown = self._shown
        assert shown.result is not None
        return _Pin(
            shown.numbers[row] if shown.numbers else None,
            int(shown.detections.class_ids[row]),
            tuple(shown.detections.boxes_xyxy[row].tolist()),
            float(shown.result.frame.time_s),
            shown.result.frame.name,
        )

    def _found_again(self) -> int | None:
        pin, result = self._pin, self._shown.result
        if pin is None or result is None:
            return None
        row = self._row_of(pin) if result.frame.name == pin.image else None
        if row is not None:
            self._pin = replace(self._pin_of(row), number=pin.number or self._pin_of(row).number)
        elif result.frame.name != pin.image or not 0 <= float(result.frame.time_s) - pin.seen_s <= _WAITED_S:
            self._pin = None
        return row

    def _row_of(self, pin: _Pin) -> int | None:
        shown = self._shown
        if pin.number is not None and any(shown.numbers):
            return shown.numbers.index(pin.number) if pin.number in shown.numbers else None
        found = shown.detections
        overlap = iou(np.array([pin.box], np.float32), found.boxes_xyxy)[0]
        overlap[found.class_ids != pin.class_id] = 0
        return int(overlap.argmax()) if len(overlap) and overlap.max() >= _SAME_IOU else None
