"""Which part of a video's time a timeline shows. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_LEAST_S = 1.0
_PAGE_SHARE = 0.1  # where the position appears when it has left the window


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A part of a length of time.

    Attributes:
        duration_s: The whole, seconds.
        start_s: Where the part begins.
        span_s: How long it is.
    """

    duration_s: float = 0.0
    start_s: float = 0.0
    span_s: float = 0.0

    @staticmethod
    def whole(duration_s: float) -> TimeWindow:
        """All of it."""
        return TimeWindow(duration_s, 0.0, duration_s)

    @property
    def is_whole(self) -> bool:
        """Returns whether nothing lies outside."""
        return self.span_s >= self.duration_s

    @property
    def end_s(self) -> float:
        """Returns where the part ends."""
        return self.start_s + self.span_s

    def share_of(self, seconds: float) -> float:
        """Returns where a time lies: 0 at the start of the part, 1 at its end; beyond these outside."""
        return (seconds - self.start_s) / self.span_s if self.span_s > 0 else 0.0

    def at(self, share: float) -> float:
        """Returns the time at a share of the part, within it."""
        return self.start_s + min(max(share, 0.0), 1.0) * self.span_s

    def zoomed(self, factor: float, share: float) -> TimeWindow:
        """Returns a part ``factor`` times as short, in which the time at ``share`` stays where it is."""
        span_s = min(max(self.span_s / factor, min(_LEAST_S, self.duration_s)), self.duration_s)
        return self._within(self.at(share) - share * span_s, span_s)

    def moved(self, share: float) -> TimeWindow:
        """Returns a part as long, later by a share of its length."""
        return self._within(self.start_s + share * self.span_s, self.span_s)

    def following(self, before_s: float, now_s: float) -> TimeWindow:
        """Returns the part in which a position is seen that was seen before it went on, as a page is turned."""
        was_seen = 0 <= self.share_of(before_s) <= 1
        if not was_seen or 0 <= self.share_of(now_s) <= 1:
            return self
        return self._within(now_s - _PAGE_SHARE * self.span_s, self.span_s)

    def _within(self, start_s: float, span_s: float) -> TimeWindow:
        return TimeWindow(self.duration_s, min(max(start_s, 0.0), self.duration_s - span_s), span_s)
