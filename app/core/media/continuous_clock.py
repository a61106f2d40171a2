"""Times that run on where a stream's own jump: joined recordings, a clock that wraps, damage; and what times give away
about pictures that are missing. Pure arithmetic.
"""

from __future__ import annotations

from fractions import Fraction

_BACK_S = Fraction(1)  # less is a slip of a single stamp, not a jump
_AHEAD_S = Fraction(6 * 3600)  # a still hour is a still hour; an MP4 cannot hold a picture for much longer than this
_AHEAD_FREE_S = Fraction(10)  # ... but where clocks start anywhere, they are also joined anywhere


class ContinuousClock:
    """One stream's times, in the order they are shown or, for sound, sent.

    Args:
        free_clock: The container's clock may start anew at any place (MPEG-TS).
    """

    def __init__(self, free_clock: bool) -> None:
        self._ahead_s = _AHEAD_FREE_S if free_clock else _AHEAD_S
        self._last_s: Fraction | None = None
        self.shift_s = Fraction(0)
        self.jumps = 0

    def put(self, time_s: Fraction, length_s: Fraction) -> Fraction:
        """``time_s`` as it is, or so that it follows the time before by ``length_s``, if the stream jumped here."""
        last_s, now_s = self._last_s, time_s + self.shift_s
        if last_s is not None and not last_s - _BACK_S <= now_s <= last_s + self._ahead_s:
            self.shift_s += last_s + length_s - now_s
            self.jumps += 1
            now_s = last_s + length_s
        self._last_s = now_s
        return now_s


class MissingFrames:
    """Pictures that should be there, going by a steady rate, where a container does not count them itself.

    Args:
        period_s: From one picture to the next.
        until_s: When the last one should end; None when unknown.
    """

    def __init__(self, period_s: Fraction, until_s: Fraction | None) -> None:
        self._period_s, self._until_s = period_s, until_s
        self._last_s: Fraction | None = None
        self.missing = 0

    def put(self, time_s: Fraction) -> None:
        """A picture is shown at ``time_s``."""
        if self._last_s is not None:
            self.missing += max(0, round((time_s - self._last_s) / self._period_s) - 1)
        self._last_s = time_s

    def end(self) -> None:
        """There are no more. Less than a second is a difference between tracks, not a loss."""
        if self._until_s is not None and self._last_s is not None and self._until_s - self._last_s > 1 + self._period_s:
            self.put(self._until_s)
