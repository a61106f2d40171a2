"""The motions of the last frames, to carry boxes from a frame some time ago to the newest one."""

from __future__ import annotations

from collections import deque

from app.core.motion.boxes import moved
from app.core.motion.frame_motion import FrameMotion
from app.core.motion.similarity import Floats

_MAX_FRAMES = 600  # ten seconds at 60 frames a second: a detector that takes longer starts anew


class MotionHistory:
    """Motions between neighbouring frames, the newest last. Used by one thread."""

    def __init__(self) -> None:
        self._motions: deque[tuple[int, FrameMotion]] = deque(maxlen=_MAX_FRAMES)

    @property
    def newest(self) -> int | None:
        """Index of the newest frame; None before the second one."""
        return self._motions[-1][0] if self._motions else None

    def add(self, index: int, motion: FrameMotion) -> None:
        """Appends the motion that led to frame ``index`` from the frame added before it."""
        self._motions.append((index, motion))

    def clear(self) -> None:
        """Forgets everything: the next frame has nothing to do with the last."""
        self._motions.clear()

    def carry(self, boxes_xyxy: Floats, start: int, end: int) -> Floats | None:
        """Moves boxes from frame ``start`` to frame ``end``.

        Args:
            boxes_xyxy: Float64[N, 4], pixels of frame ``start``.
            start: Index of the frame they lie in.
            end: Index of a later frame, or the same.

        Returns:
            Float64[N, 4] pixels; None where a cut lies between, or motions are no longer known.
        """
        if end <= start:
            return boxes_xyxy.copy()
        between = [entry for entry in self._motions if start < entry[0] <= end]
        if not between or any(motion.cut for _, motion in between) or not self._reaches(start):
            return None
        for _, motion in between:
            boxes_xyxy = moved(boxes_xyxy, motion)
        return boxes_xyxy

    def _reaches(self, start: int) -> bool:
        """Returns whether frame ``start`` is one the motions know, or the one before the oldest of them."""
        return len(self._motions) < _MAX_FRAMES or self._motions[0][0] <= start
