"""A file's packets with times that run on where its clock jumps. Read by the thread that owns the container.

Whoever reads a file through this, for its frames or for its sound, comes to the same times, for all look at all tracks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from app.core.media.container import FREE_CLOCK, main_video, open_container
from app.core.media.program_clock import ProgramClock, Stamp

_AHEAD_BYTES = 64 * 2**20  # of packets that are looked at to decide about a jump
_MAX_LOOKED_THROUGH = 64 * 2**20  # bytes
_RESTARTED = frozenset(("flv", "live_flv"))  # senders of which start their clock anew without leaving a trace
_APART_S = Fraction(1, 1000)  # packets of sound that lie over each other; the least any container can tell apart


@dataclass(frozen=True, slots=True)
class KeyPoint:
    """A place in a file at which decoding can begin.

    Attributes:
        time_s: When its frame is shown, on the continuous clock.
        byte: Where it lies.
        shift_s: By how much times there are moved.
    """

    time_s: Fraction
    byte: int
    shift_s: Fraction


class ContinuousPackets:
    """Iterates over the packets from where the container stands: those of the wanted tracks, of video and of sound.

    The last packets are empty ones without times, which make a decoder give out what it holds back.

    Args:
        container: Open; stays the caller's.
        wanted: Tracks that are needed. Others that tell the time come along.
        shift_s: By how much times are moved where the container stands.

    Attributes:
        key_points: Of the video, met so far.
    """

    def __init__(self, container: InputContainer, wanted: Sequence[Any], shift_s: Fraction = Fraction(0)) -> None:
        main = main_video(container)
        self._main = -1 if main is None else main.index
        self._tells_time = {self._main, *(stream.index for stream in container.streams.audio)}
        self._clock = ProgramClock(self._main, bool(container.format.flags & FREE_CLOCK), shift_s)
        self.key_points: list[KeyPoint] = []
        chosen = self._tells_time | {stream.index for stream in wanted}
        self._source = container.demux([stream for stream in container.streams if stream.index in chosen])
        self._ahead: deque[av.Packet[Any]] = deque()
        self._failure: BaseException | None = None
        self._sound_to: dict[int, Fraction] = {}  # last decoding time of each track of sound

    @property
    def jumps(self) -> int:
        """Returns how often the clock jumped so far."""
        return self._clock.jumps

    def __iter__(self) -> Iterator[av.Packet[Any]]:
        return self

    def __next__(self) -> av.Packet[Any]:
        if self._ahead:
            packet = self._ahead.popleft()
        elif self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        else:
            packet = next(self._source)
        stamp = self._stamp(packet)
        if stamp is not None:
            shift_s = self._clock.put(stamp, self._following())
            _move(packet, shift_s)
            self._keep_apart(packet)
            if packet.is_keyframe and packet.stream.index == self._main:
                self._note_key(packet, shift_s)
        elif packet.pts is not None or packet.dts is not None:
            track = packet.stream.index
            told = track in self._tells_time
            _move(packet, self._clock.shift_of(track) if told else self._clock.shift_s)
        return packet

    def _following(self) -> Iterator[Stamp]:
        """The stamps after the packet at hand, which are kept for their turn."""
        for packet in self._ahead:
            if (stamp := self._stamp(packet)) is not None:
                yield stamp
        size = sum(packet.size for packet in self._ahead)
        while size < _AHEAD_BYTES and self._failure is None:
            try:
                packet = next(self._source)
            except (StopIteration, av.FFmpegError, OSError) as error:
                self._failure = error
                return
            self._ahead.append(packet)
            size += packet.size
            if (stamp := self._stamp(packet)) is not None:
                yield stamp

    def _stamp(self, packet: av.Packet[Any]) -> Stamp | None:
        """The packet's times, if the clock can be told by them."""
        if packet.dts is None or packet.stream.index not in self._tells_time:
            return None
        base = packet.time_base
        show_s = None if packet.pts is None else packet.pts * base
        return Stamp(packet.stream.index, packet.dts * base, show_s, (packet.duration or 0) * base)

    def _note_key(self, packet: av.Packet[Any], shift_s: Fraction) -> None:
        if packet.pts is not None and packet.pos is not None:
            self.key_points.append(KeyPoint(packet.pts * packet.time_base, packet.pos, shift_s))

    def _keep_apart(self, packet: av.Packet[Any]) -> None:
        """Sound that lies over what came before, by less than a jump, follows it as closely as can be told."""
        track, base = packet.stream.index, packet.time_base
        if track == self._main or packet.dts is None:
            return
        last_s, now_s = self._sound_to.get(track), packet.dts * base
        if last_s is not None and now_s <= last_s:
            ticks = -((now_s - last_s - _APART_S) // base)
            _move(packet, ticks * base)
            now_s += ticks * base
        self._sound_to[track] = now_s


@dataclass(frozen=True, slots=True)
class JumpyVideo:
    """A video whose clock jumps.

    Attributes:
        key_points: Where decoding can begin.
        last_s: When its last frame is shown, on the continuous clock.
    """

    key_points: tuple[KeyPoint, ...]
    last_s: Fraction


def find_jumps(container: InputContainer) -> JumpyVideo | None:
    """Reads a local file through, by a handle of its own, to see whether its clock jumps.

    Returns:
        None where it does not, where the container rules it out, or where the file is too long to be read for that.
    """
    url = container.name
    if not (container.format.flags & FREE_CLOCK or container.format.name in _RESTARTED):
        return None
    try:
        if "://" in url or Path(url).stat().st_size > _MAX_LOOKED_THROUGH:
            return None
        with open_container(url) as own:
            packets, main, times = ContinuousPackets(own, ()), main_video(own), [Fraction(0)]
            for packet in packets:
                if main is not None and packet.stream.index == main.index and packet.pts is not None:
                    times.append(packet.pts * packet.time_base)
            return JumpyVideo(tuple(packets.key_points), max(times)) if packets.jumps else None
    except (av.FFmpegError, OSError, ValueError):
        return None


def _move(packet: av.Packet[Any], shift_s: Fraction) -> None:
    if not shift_s:
        return
    ticks = round(shift_s / packet.time_base)
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks
