"""When to show the frames of a stream that comes in pieces: evenly, by their own times. Pure; owned by the source.

A live stream is normally shown as it comes, newest first. HLS comes in segments, though, and some servers and relays
send in bursts: shown as they come, seconds of video would flash by and the last frame would then stand until the
next piece. Such streams are shown by their times, as little behind as the pieces allow.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction

_S = 1_000_000_000
_WAITED_NS = 80_000_000
"""Reading that took this long had to wait for the network."""
_LATE_NS = 20_000_000
_MAX_SPARE_NS = 3 * _S
"""Frames that lie ready this long before their turn are shown at once until the clock has caught up."""
_MAX_HOLD_NS = 2 * _S
_JUMP_S = (Fraction(-1, 2), Fraction(5))
_EDGES = 8

_PAUSE_NS = 300_000_000
_BURST_S = Fraction(1, 4)
_MAX_BURST_S = Fraction(30)
_TRICKLE = Fraction(1, 4)
"""What took longer than this part of its length to come was no burst but video at its pace, between two hiccups."""
_BURSTS = 4
"""So many pauses in a row, each followed by a burst, make a stream one that sends in bursts."""


class StreamClock:
    """Tells how long to hold each frame.

    Args:
        piece_s: Length of the pieces the stream comes in, seconds, where that is known; None for a stream that is shown
            as it comes unless it turns out to send in bursts.
    """

    def __init__(self, piece_s: Fraction | None = None) -> None:
        self.piece_s = piece_s
        self._origin_ns: int | None = None
        self._last_s: Fraction | None = None
        self._edges: deque[int] = deque(maxlen=_EDGES)
        self._burst_from_s: Fraction | None = None
        self._trickled_ns = 0
        self._bursts: deque[Fraction] = deque(maxlen=_BURSTS)

    @property
    def delay_s(self) -> Fraction:
        """The delay of the frames shown behind the newest that have come, seconds; 0 for a stream shown as it comes."""
        if self.piece_s is None:
            return Fraction(0)
        return self.piece_s + Fraction(self._spare_ns, _S)

    def hold_ns(self, pts_s: Fraction, asked_ns: int, arrived_ns: int) -> int:
        """Returns for how long to hold the frame that just came, nanoseconds.

        Args:
            pts_s: Its time in the stream.
            asked_ns: Moment of the monotonic clock at which the network was asked for it.
            arrived_ns: Moment at which it was here.
        """
        waited_ns = arrived_ns - asked_ns
        if self._last_s is not None and not _JUMP_S[0] <= pts_s - self._last_s <= _JUMP_S[1]:
            self._forget()
        if self.piece_s is None:
            self._look_for_bursts(pts_s, waited_ns)
        self._last_s = pts_s
        if self.piece_s is None:
            return 0
        offset_ns = arrived_ns - int(pts_s * _S)
        if self._origin_ns is None:
            self._origin_ns = offset_ns
        waited = waited_ns >= _WAITED_NS
        if waited:
            self._edges.append(offset_ns)
        if waited and offset_ns > self._origin_ns + _LATE_NS:
            self._origin_ns = offset_ns  # it could not be had earlier: from here on all is shown that much later
        elif self._spare_ns > _MAX_SPARE_NS:
            self._origin_ns = min(self._edges)
        return max(0, min(self._origin_ns - offset_ns, _MAX_HOLD_NS))

    @property
    def _spare_ns(self) -> int:
        if self._origin_ns is None or not self._edges:
            return 0
        return max(0, self._origin_ns - min(self._edges))

    def _forget(self) -> None:
        self._origin_ns = self._burst_from_s = None
        self._edges.clear()
        self._bursts.clear()

    def _look_for_bursts(self, pts_s: Fraction, waited_ns: int) -> None:
        if waited_ns < _PAUSE_NS:
            self._trickled_ns += waited_ns
            return
        if self._burst_from_s is not None and self._last_s is not None:
            length_s = self._last_s - self._burst_from_s
            if _BURST_S <= length_s <= _MAX_BURST_S and self._trickled_ns < length_s * _TRICKLE * _S:
                self._bursts.append(length_s)
            else:
                self._bursts.clear()
        self._burst_from_s, self._trickled_ns = pts_s, 0
        if len(self._bursts) == _BURSTS:
            self.piece_s = max(self._bursts)
