"""Frames that should be there, going by a steady rate, where a container does not count them itself. Arithmetic."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

_LONG_S = Fraction(1)


class MissingFrames:
    """Counts gaps between frames.

    A long gap in which the sound goes on is a video that stands still, as senders make it, rather than a loss.

    Args:
        period_s: From one frame to the next.
        until_s: When the last one should end, by what the file says of this very track; None when it does not.
    """

    def __init__(self, period_s: Fraction, until_s: Fraction | None) -> None:
        self._period_s, self._until_s = period_s, until_s
        self._last_s: Fraction | None = None
        self._sound: deque[tuple[Fraction, Fraction]] = deque()
        self.missing = 0

    def sound(self, time_s: Fraction, length_s: Fraction) -> None:
        """Sound of ``length_s`` is heard at ``time_s``; it may be told earlier than the frames beside it."""
        self._sound.append((time_s, length_s))

    def put(self, time_s: Fraction) -> None:
        """A frame is shown at ``time_s``."""
        if self._last_s is not None:
            gap_s = time_s - self._last_s
            if gap_s <= _LONG_S or self._heard_s(self._last_s, time_s) < gap_s / 2:
                self.missing += max(0, round(gap_s / self._period_s) - 1)
        self._last_s = time_s
        while self._sound and self._sound[0][0] < time_s:
            self._sound.popleft()

    def end(self) -> None:
        """There are no more. Less than a second is a difference between what is told and what is, not a loss."""
        if self._until_s is not None and self._last_s is not None and self._until_s - self._last_s > 1 + self._period_s:
            self.put(self._until_s)

    def _heard_s(self, start_s: Fraction, end_s: Fraction) -> Fraction:
        return sum((length_s for time_s, length_s in self._sound if start_s <= time_s < end_s), Fraction(0))
