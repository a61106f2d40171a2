"""Paints the marks of ``app.core.overlay`` on a BGR array: exported videos, annotated images, snapshots.

One ``ArrayPainter`` per thread; it keeps the font and the labels it has drawn. Nothing outside the array is touched.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from app.core.frames import DecodedFrame, ImageBGR
from app.core.overlay import BoxMark, Rect, View, layout
from app.core.settings import OverlaySettings
from detector.detections import Detections

_BOLD = 600
_LINE_HEIGHT = 1.36  # of the text size
_BASELINE = 1.0
_LABELS_KEPT = 1024
_UNWRAPPED = (0, 1 << 15)
_CANVAS = (1 << 15, 1 << 15)


class ArrayPainter:
    """Draws boxes and labels; Unicode labels in OpenCV's embedded font."""

    def __init__(self) -> None:
        self._font = cv2.FontFace("sans")
        self._sizes: OrderedDict[tuple[str, float], tuple[float, float]] = OrderedDict()
        self._labels: OrderedDict[tuple[object, ...], ImageBGR] = OrderedDict()

    def measure(self, text: str, size: float) -> tuple[float, float]:
        """Width and line height of ``text`` at ``size`` px, in px."""
        key = (text, size)
        if key not in self._sizes:
            x, _, width, _ = cv2.getTextSize(_CANVAS, text, (0, 0), self._font, round(size), _BOLD, wrap=_UNWRAPPED)
            self._sizes[key] = float(x + width), float(np.ceil(round(size) * _LINE_HEIGHT))
            if len(self._sizes) > _LABELS_KEPT:
                self._sizes.popitem(last=False)
        return self._sizes[key]

    def annotate(
        self,
        image: ImageBGR,
        detections: Detections,
        labels: Sequence[str],
        look: OverlaySettings,
        tracks: Sequence[int | None] = (),
        unseen_s: Sequence[float] = (),
    ) -> None:
        """Lay out ``detections`` for a file of the image's size, and paint them.

        Args:
            image: UInt8[H, W, 3] BGR, writeable; changed in place.
            detections: Boxes in its pixels.
            labels: Class names.
            look: Line width, label size, colours.
            tracks: A track number, or None, for each detection; empty to show none.
            unseen_s: How long the network has not found each; see ``layout``.
        """
        height, width = image.shape[:2]
        view = View.of_file(width, height)
        self.paint(image, layout(detections, labels, (width, height), view, look, self.measure, tracks, unseen_s))

    def annotated(
        self,
        frame: DecodedFrame,
        detections: Detections,
        labels: Sequence[str],
        look: OverlaySettings,
        tracks: Sequence[int | None] = (),
    ) -> DecodedFrame:
        """The frame with what ``annotate`` paints; its own array is changed, unless that is read-only."""
        if not frame.image_bgr.flags.writeable:
            frame = replace(frame, image=frame.image_bgr.copy())
        self.annotate(frame.image_bgr, detections, labels, look, tracks)
        return frame

    def paint(self, image: ImageBGR, marks: Sequence[BoxMark]) -> None:
        """Paint ``marks``, in their order; labels above all boxes. Edges are rounded to whole pixels only here."""
        for mark in marks:
            self._paint_box(image, mark)
        for mark in marks:
            if mark.text:
                self._paint_label(image, mark)

    def _paint_box(self, image: ImageBGR, mark: BoxMark) -> None:
        height, width = image.shape[:2]
        x1, y1, x2, y2 = _whole(mark.rect)
        if mark.fill:
            inside = image[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
            if inside.size:
                tint = np.full_like(inside, mark.colour[::-1])
                cv2.addWeighted(inside, 1.0 - mark.fill, tint, mark.fill, 0.0, dst=inside)
        line = max(1, round(mark.line_width))
        before, after = line // 2, line - line // 2
        # The outline is centred on the edge; at the image's edge it is moved inside to stay visible.
        left = min(max(x1 - before, 0), max(width - line, 0))
        right = max(min(x2 + after, width), min(line, width))
        top = min(max(y1 - before, 0), max(height - line, 0))
        bottom = max(min(y2 + after, height), min(line, height))
        colour = mark.colour[::-1]
        for x, y, past_x, past_y in (
            (left, top, right, top + line),
            (left, bottom - line, right, bottom),
            (left, top, left + line, bottom),
            (right - line, top, right, bottom),
        ):
            if mark.opacity >= 1.0:
                cv2.rectangle(image, (x, y), (past_x - 1, past_y - 1), colour, cv2.FILLED)
            elif (side := image[y:past_y, x:past_x]).size:
                _blend(side, np.full_like(side, colour), mark.opacity)

    def _paint_label(self, image: ImageBGR, mark: BoxMark) -> None:
        x1, y1, x2, y2 = _whole(mark.label_rect)
        target = image[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
        _blend(target, self._label(mark, x2 - x1, y2 - y1)[: target.shape[0], : target.shape[1]], mark.opacity)

    def _label(self, mark: BoxMark, width: int, height: int) -> ImageBGR:
        """UInt8[height, width, 3]: the text on its background; kept, for the same few come back in every frame."""
        key = (mark.text, mark.text_size, mark.colour, width, height)
        if key in self._labels:
            self._labels.move_to_end(key)
            return self._labels[key]
        label = np.full((height, width, 3), mark.colour[::-1], np.uint8)
        size = round(mark.text_size)
        start = (round(mark.padding), round(size * _BASELINE))
        cv2.putText(label, mark.text, start, mark.text_colour[::-1], self._font, size, _BOLD, wrap=_UNWRAPPED)
        self._labels[key] = label
        if len(self._labels) > _LABELS_KEPT:
            self._labels.popitem(last=False)
        return label


def _blend(target: ImageBGR, paint: ImageBGR, opacity: float) -> None:
    """Lays ``paint`` over ``target``, in place."""
    if opacity >= 1.0:
        target[...] = paint
    else:
        cv2.addWeighted(target, 1.0 - opacity, paint, opacity, 0.0, dst=target)


def _whole(rect: Rect) -> tuple[int, int, int, int]:
    return round(rect[0]), round(rect[1]), round(rect[2]), round(rect[3])
