"""Times of packets on one clock that never runs back, whatever the source's clock does. Pure; owned by the recorder.

A source's own times are kept as they are, moved by a constant, so that frames keep their distances. Where it has none,
where they are missing, or where they jump, the moment of arrival counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from app.core.media.packets import VIDEO, MediaPacket

_BACK_S = Fraction(1, 2)
"""A clock that runs back by more has been set; by less, packets came out of order."""
_AHEAD_S = Fraction(5)
"""A clock that moves ahead by this much more than time has passed has been set."""

_STEP_S = Fraction(1, 1000)


@dataclass(frozen=True, slots=True, eq=False)
class TimedPacket:
    """A packet with times that can be written.

    Attributes:
        packet: As it came.
        pts_s: When it is shown, seconds on the clock of all packets of a source.
        dts_s: When it is decoded; never later than ``pts_s``.
    """

    packet: MediaPacket
    pts_s: Fraction
    dts_s: Fraction


@dataclass(slots=True)
class _Track:
    """The last packet of a track that had a time, or one reckoned from such."""

    told_s: Fraction
    arrived_ns: int
    duration_s: Fraction


class PacketClock:
    """Times packets, one after the other.

    Attributes:
        jumps: How often the source's clock was set.
    """

    def __init__(self) -> None:
        self._offset: Fraction | None = None
        self._last: dict[int, _Track] = {}
        self._now = Fraction(0)
        self.jumps = 0

    def begin(self) -> None:
        """Another connection begins, whose clock is another."""
        self._offset = None
        self._last.clear()

    def timed(self, packet: MediaPacket) -> TimedPacket:
        """Returns the packet with its times."""
        arrived_s = Fraction(packet.arrived_ns, 1_000_000_000)
        told = packet.dts_s if packet.dts_s is not None else packet.pts_s
        last = self._last.get(packet.track)
        if told is None and last is not None:  # its time is missing among others
            passed_s = Fraction(packet.arrived_ns - last.arrived_ns, 1_000_000_000)
            told = last.told_s + (packet.duration_s or last.duration_s or max(passed_s, _STEP_S))
        if told is None:
            dts = pts = max(arrived_s, self._now) if packet.track == VIDEO else arrived_s
        else:
            dts = told + self._offset_for(packet, told, arrived_s)
            pts = dts if packet.pts_s is None else packet.pts_s + (dts - told)
            duration_s = packet.duration_s or (last.duration_s if last is not None else Fraction(0))
            self._last[packet.track] = _Track(told, packet.arrived_ns, duration_s)
        if packet.track == VIDEO:
            self._now = max(self._now, dts)
        return TimedPacket(packet, max(pts, dts), dts)

    def _offset_for(self, packet: MediaPacket, told: Fraction, arrived_s: Fraction) -> Fraction:
        last = self._last.get(packet.track)
        if self._offset is None:
            # Behind what was written before: a second connection may bring what is older than it took to connect.
            self._offset = max(arrived_s, self._now) - told
        elif last is not None and packet.track == VIDEO:
            step = told - last.told_s
            passed_s = Fraction(packet.arrived_ns - last.arrived_ns, 1_000_000_000)
            if step < -_BACK_S or step > passed_s + _AHEAD_S:
                self.jumps += 1
                self._offset += min(max(passed_s, Fraction(0)), _AHEAD_S) - step
        return self._offset


def from_key_frame(packets: Iterator[TimedPacket]) -> Iterator[TimedPacket]:
    """Returns the packets from the first key frame of the video on."""
    begun = False
    for timed in packets:
        begun = begun or (timed.packet.track == VIDEO and timed.packet.is_key)
        if begun:
            yield timed
