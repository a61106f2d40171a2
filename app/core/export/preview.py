"""Small copies of the frames that an export writes, for who watches it. Owned by the writing thread."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np

from app.core.frames import ImageBGR, ImageBGRA
from detector.detections import Detections

_SIDE = 640  # pixels of the longer side, at most
_EVERY_S = 0.5

Painted = Callable[[], ImageBGR]
"""Returns the frame with its boxes."""


class Preview:
    """Makes small copies of frames, not more often than an eye needs.

    Args:
        wanted: Whether anybody looks.
        clock: Seconds, monotonic.

    Attributes:
        telling: The frame with the most detections so far, small; None where there were none, or nobody looks.
    """

    def __init__(self, wanted: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._wanted = wanted
        self._clock = clock
        self._next_s = 0.0
        self._painted: Painted | None = None
        self._newest: ImageBGRA | None = None
        self._most = (0, 0.0)
        self.telling: ImageBGRA | None = None

    def add(self, detections: Detections, painted: Painted) -> None:
        """Take note of the next frame; ``painted`` may be called until there is another."""
        if not self._wanted:
            return
        self._painted = painted
        found = len(detections), float(detections.scores.sum())
        if found > self._most:
            self._most, self.telling = found, small(painted())

    def newest(self) -> ImageBGRA | None:
        """Returns a small copy of the newest frame, or of one a moment ago; None where nobody looks."""
        now = self._clock()
        if self._painted is not None and (self._newest is None or now >= self._next_s):
            self._next_s = now + _EVERY_S
            self._newest = small(self._painted())
        return self._newest


def small(image: ImageBGR) -> ImageBGRA:
    """Returns UInt8[height, width, 4], at most 640 pixels wide and high, its own memory."""
    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shrunk = image if scale == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(shrunk, cv2.COLOR_BGR2BGRA), np.uint8)
