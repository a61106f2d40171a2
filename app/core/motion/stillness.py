"""Tells where nothing moves, so that noise does not add up to a drift. OpenCV does the pixels."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Gray = npt.NDArray[np.uint8]
"""UInt8[h, w]."""

_WINDOW = 8  # frames: what moves too slowly to be seen between two frames is seen within these
_AROUND = (7, 7)  # pixels


class Stillness:
    """The places where an image looks as it did some frames ago, and did so for a while.

    A place counts as moving as soon as it looks different, and as still again after a whole window of frames in which
    it did not; so a slow motion is not taken for rest between its steps.

    Args:
        first: The first image.
    """

    def __init__(self, first: Gray) -> None:
        self._reference = first
        self._changed = np.zeros(first.shape, np.bool_)  # in the present window
        self._moving = np.zeros(first.shape, np.bool_)
        self._frames = 0

    def moving(self, now: Gray, limit: float) -> npt.NDArray[np.bool_]:
        """Takes the next image.

        Args:
            now: Of the first one's size.
            limit: Mean change around a place, grey levels, above which it moves.

        Returns:
            Bool[h, w].
        """
        change = cv2.blur(cv2.absdiff(now, self._reference), _AROUND) > limit
        self._changed |= change
        self._moving |= change
        moving = self._moving.copy()
        self._frames += 1
        if self._frames % _WINDOW == 0:
            self._reference = now
            self._moving, self._changed = self._changed, np.zeros_like(self._changed)
        return moving
