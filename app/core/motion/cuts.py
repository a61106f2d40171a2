"""Notices cuts where nothing else of the motion is wanted: a fraction of the time that following it takes."""

from __future__ import annotations

from app.core.motion.estimator import is_lost
from app.core.motion.likeness import is_another, small_copy
from app.core.motion.stillness import Gray
from detector.runtime.base import AnyFrame


class CutFinder:
    """Tells where another scene begins, as ``MotionEstimator`` does. One a video, on one thread; keeps one frame."""

    def __init__(self) -> None:
        self._last: Gray | None = None
        self._size = (0, 0)

    def update(self, image: AnyFrame) -> bool:
        """Takes the next frame.

        Args:
            image: UInt8[H, W, 3].

        Returns:
            Whether it shows another scene than the one before, as a frame of another size does; not the first frame.
        """
        small, size = small_copy(image), image.shape[:2]
        last, same = self._last, self._size == size
        self._last, self._size = small, size
        if last is None:
            return False
        return not same or (is_another(last, small) and is_lost(last, small))
