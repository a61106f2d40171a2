"""The time stamps of the copy: exact, rising, and a duration that both clocks of an MP4 agree on.

An MP4 states a track's length twice, by decoding and by presentation times, and players take the less. The two differ
where B-frames change the order and the rate varies. Pure arithmetic on ticks; owned by ``ssdv-export-write``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av


class CopyClock:
    """Stamps frames on their way into the encoder, and packets on their way out.

    Args:
        time_base: Seconds per tick.
        origin_s: Source time that is 0 in the copy.
        period: Ticks from one frame to the next, nominally; for a video of a single frame.
    """

    def __init__(self, time_base: Fraction, origin_s: Fraction, period: int) -> None:
        self._time_base = time_base
        self._origin_s = origin_s
        self._step = period
        self._last_pts: int | None = None
        self._first: tuple[int, int] | None = None  # pts and dts of the first packet
        self._end: int | None = None
        self._held: av.Packet[Any] | None = None
        self._waiting: set[int] = set()  # stamps whose packets have not come out yet
        self.moved = 0

    def stamp(self, time_s: Fraction) -> int:
        """Presentation tick of a frame at source time ``time_s``; one that does not rise is moved, and counted."""
        pts = round((time_s - self._origin_s) / self._time_base)
        if self._last_pts is not None:
            if pts <= self._last_pts:
                pts = self._last_pts + 1
                self.moved += 1
            self._step = pts - self._last_pts
        self._last_pts = pts
        self._waiting.add(pts)
        return pts

    def end(self, end_s: Fraction | None) -> None:
        """Ends the video. The last frame lasts until ``end_s``, or as long as the one before where that is None."""
        assert self._last_pts is not None
        ticks = 0 if end_s is None else round((end_s - self._origin_s) / self._time_base) - self._last_pts
        self._end = self._last_pts + (ticks if ticks > 0 else max(1, self._step))

    def pass_on(self, packets: Iterable[av.Packet[Any]]) -> Iterator[av.Packet[Any]]:
        """The encoder's packets, one late: which is the last, whose duration counts, is known only at the end."""
        for packet in packets:
            self._restore(packet)
            if self._first is None and packet.pts is not None and packet.dts is not None:
                self._first = packet.pts, packet.dts
            held, self._held = self._held, packet
            if held is not None:
                yield self._timed(held)

    def last(self) -> Iterator[av.Packet[Any]]:
        """The packet decoded last; it makes up for what the decoding times lack."""
        packet, self._held = self._held, None
        if packet is None:
            return
        self._timed(packet)
        if self._first is not None and self._end is not None and packet.dts is not None:
            lacking = (self._end - self._first[0]) - (packet.dts - self._first[1])
            packet.duration = max(lacking, packet.duration or 1)
        yield packet

    def _restore(self, packet: av.Packet[Any]) -> None:
        """The exact stamp, where an encoder counts in coarser ticks of its own (hardware: 1/90000 s or less)."""
        if packet.pts is None or not self._waiting:
            return
        if packet.pts not in self._waiting:
            told = packet.pts
            packet.pts = min(self._waiting, key=lambda stamp: abs(stamp - told))
        self._waiting.discard(packet.pts)

    def _timed(self, packet: av.Packet[Any]) -> av.Packet[Any]:
        # One tick for all but the frame shown last: the muxer reckons the rest from the decoding times, and must not
        # be led beyond the end.
        packet.duration = 1
        if self._end is not None and packet.pts is not None and packet.pts == self._last_pts:
            packet.duration = self._end - packet.pts
        return packet
