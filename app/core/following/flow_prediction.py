"""Expects boxes where what they hold has moved to, instead of where a constant velocity would take them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.core.following.motion_history import MotionHistory
from app.core.motion.similarity import Floats

_MIN_GAIN = 0.4  # of a detection that is about where the box was expected: that is the detector's noise, and smoothed
_NOISE = 0.08  # of the box's sides; a detection this far off is believed as it is


class FlowPrediction:
    """Boxes in the frame the network saw last, for ``Tracker``.

    Args:
        history: The motions that lead from one detected frame to the next.
    """

    def __init__(self, history: MotionHistory) -> None:
        self._history = history
        self._boxes = np.empty((0, 4))
        self._held = np.empty(0, np.bool_)
        self._frame: int | None = None

    def __len__(self) -> int:
        return len(self._boxes)

    def boxes_xyxy(self) -> Floats:
        """Returns where the boxes are expected, Float64[T, 4] pixels."""
        return self._boxes

    def go_to(self, index: int) -> bool:
        """Moves all boxes on to frame ``index``.

        Returns:
            Whether that was possible; False where a cut lies between: the objects are others then.
        """
        start, self._frame = self._frame, index
        if start is None or not len(self._boxes):
            return True
        carried = self._history.carry(self._boxes, start, index)
        if carried is None:
            return False
        self._boxes = np.where(self._held[:, None], self._boxes, carried)
        return True

    def predict(self, seconds: float, resting: npt.NDArray[np.bool_]) -> None:
        """Does nothing: ``go_to`` has moved the boxes already."""

    def correct(self, index: npt.NDArray[np.intp], boxes_xyxy: Floats) -> None:
        """Takes boxes ``index`` nearer to where they were seen, Float64[K, 4]."""
        off = boxes_xyxy - self._boxes[index]
        sides = np.tile(np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 1.0), 2)
        gain = np.clip(np.abs(off) / (_NOISE * sides), _MIN_GAIN, 1.0)
        self._boxes[index] += gain * off
        self._held[index] = False

    def add(self, boxes_xyxy: Floats) -> None:
        """Appends boxes seen for the first time, Float64[K, 4]."""
        self._boxes = np.concatenate((self._boxes, boxes_xyxy))
        self._held = np.concatenate((self._held, np.zeros(len(boxes_xyxy), np.bool_)))

    def keep(self, kept: npt.NDArray[np.bool_]) -> None:
        """Forgets all boxes but those of ``kept``, Bool[T]."""
        self._boxes, self._held = self._boxes[kept], self._held[kept]

    def hold(self, index: npt.NDArray[np.intp], boxes_xyxy: Floats) -> None:
        """Leaves boxes ``index`` where they were seen, Float64[K, 4]: what passes in front does not take them along."""
        self._boxes[index] = boxes_xyxy
        self._held[index] = True
