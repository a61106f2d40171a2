"""When something is about: appearances with some time before and after, joined where they meet. Pure; one class each.

Decides frame by frame, so late only by the time before, and holds no more than that.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Decision:
    """About one frame.

    Attributes:
        inside: It belongs to a span.
        begins: The span begins with it.
        seen: The class is in it.
    """

    inside: bool
    begins: bool = False
    seen: bool = False


class Spans:
    """Cuts a stream of frames.

    A frame is inside when its time lies within ``before_s`` before a frame that shows the class or within ``after_s``
    after the end of one. A frame ends where the next begins.

    Args:
        before_s: Seconds.
        after_s: Seconds.
    """

    def __init__(self, before_s: Fraction, after_s: Fraction) -> None:
        self._before_s, self._after_s = before_s, after_s
        self._waiting: deque[tuple[Fraction, bool]] = deque()
        self._seen_s: deque[Fraction] = deque()  # of the waiting frames that show the class
        self._until_s: Fraction | None = None
        self._inside = False

    def put(self, pts_s: Fraction, seen: bool) -> list[Decision]:
        """Take the next frame; times rise. What is known now of the earliest frames not decided yet, in order."""
        self._waiting.append((pts_s, seen))
        if seen:
            self._seen_s.append(pts_s)
        decided = []
        while self._waiting and self._waiting[0][0] + self._before_s < pts_s:
            decided.append(self._decide(self._waiting[1][0]))
        return decided

    def end(self, end_s: Fraction) -> list[Decision]:
        """Ends the video, its last frame at ``end_s``; returns the frames left, in order."""
        decided = []
        while self._waiting:
            decided.append(self._decide(self._waiting[1][0] if len(self._waiting) > 1 else end_s))
        return decided

    def _decide(self, next_s: Fraction) -> Decision:
        pts_s, seen = self._waiting.popleft()
        if seen:
            self._seen_s.popleft()
            self._until_s = next_s + self._after_s
        coming = bool(self._seen_s) and self._seen_s[0] - self._before_s <= pts_s
        inside = seen or coming or (self._until_s is not None and pts_s < self._until_s)
        begins, self._inside = inside and not self._inside, inside
        return Decision(inside, begins, seen)
