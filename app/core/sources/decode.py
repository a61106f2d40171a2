"""A video stream's frames in presentation order; what is damaged is skipped and counted. Owned by a ``FrameCursor``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer

from app.core.media.continuous_packets import ContinuousPackets, KeyPoint
from app.core.sources.alpha_decoder import alpha_notes, decoder_of
from app.core.sources.deinterlace import Deinterlacer


class FrameFeed:
    """Decodes, and deinterlaces where asked. Times run on where the container's clock jumps.

    Args:
        container: Open; stays the caller's.
        stream: One of its streams.
        name: What to call the file.
        tell: Says when a decoded frame is shown, ticks, which becomes its ``pts``.

    Attributes:
        broken_packets: Pieces that could not be decoded, so far.
        left_out_to: Up to this time, ticks, frames may have been left out; None: all have been given.
        packets: Pieces of the stream read since the start.
        first_dts: Decoding time of the first packet since the start, ticks; None before that, or when it has none.
        is_steady: The distance from decoding to presentation time has been the same in every packet so far.
        on_sound: Told the container time and the length of each packet of the first sound track, in seconds.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: av.VideoStream,
        name: str,
        tell: Callable[[av.VideoFrame], int | None],
    ) -> None:
        self._tell = tell
        self._container, self._stream, self._name = container, stream, name
        self._decoder = decoder_of(stream)
        self._deinterlacer: Deinterlacer | None = None
        self._ready: deque[av.VideoFrame] = deque()
        self._notes = alpha_notes(stream, self._decoder, name)
        self.broken_packets = 0
        self._hurry_to: int | None = None
        self.on_sound: Callable[[Fraction, Fraction], None] | None = None
        self.restart()

    def restart(self, shift_s: Fraction = Fraction(0)) -> None:
        """Forget what is waiting: the container was sought.

        Args:
            shift_s: By how much times are moved where it stands now.
        """
        self._packets = ContinuousPackets(self._container, [self._stream], shift_s)
        self._queue = self._feed()
        self._ready.clear()
        self._decoder.flush_buffers()  # again, where it is the stream's own
        self.left_out_to: int | None = None
        self.packets = 0
        self.first_dts: int | None = None
        self.is_steady = True
        self._distance: int | None = None
        if self._deinterlacer is not None:
            self._deinterlacer.flush()

    @property
    def jumps(self) -> int:
        """Returns how often the clock jumped since the start."""
        return self._packets.jumps

    @property
    def key_points(self) -> list[KeyPoint]:
        """Returns where decoding can begin, as far as was read since the start."""
        return self._packets.key_points

    def deinterlace(self, taken: Sequence[av.VideoFrame], bottom_first: bool) -> list[av.VideoFrame]:
        """Deinterlace from here on.

        Args:
            taken: The frames taken so far.
            bottom_first: The lower lines are the earlier half.

        Returns:
            What they became; the last one is held back.
        """
        self._deinterlacer = Deinterlacer(bottom_first)
        return [whole for frame in taken for whole in self._deinterlacer.put(frame)]

    def make_as(self, other: FrameFeed) -> None:
        """Give whole frames, if ``other`` gave them; that is not used any more."""
        self._deinterlacer = other._deinterlacer
        self.restart()

    def take(self) -> av.VideoFrame | None:
        """Returns the next frame; None at the end."""
        while not self._ready:
            try:
                packet = next(self._queue)
            except StopIteration:
                self._ready.extend(self._deinterlacer.flush() if self._deinterlacer is not None else [])
                return self._ready.popleft() if self._ready else None
            self._leave_out(packet)
            try:
                for frame in self._decoder.decode(packet):
                    frame.pts = self._tell(frame)
                    self._ready.extend([frame] if self._deinterlacer is None else self._deinterlacer.put(frame))
            except av.FFmpegError:
                self.skip("damaged parts are skipped")
        return self._ready.popleft()

    def hurry(self, until: int | None) -> None:
        """Leave out frames that no other needs, up to a time in the stream's ticks; None: leave out none any more."""
        self._hurry_to = None if self._deinterlacer is not None else until

    def _leave_out(self, packet: av.Packet[av.VideoStream] | None) -> None:
        until, pts = self._hurry_to, None if packet is None else packet.pts
        early = until is not None and pts is not None and pts < until
        if early and pts is not None:
            self.left_out_to = pts if self.left_out_to is None else max(self.left_out_to, pts)
        self._decoder.skip_frame = "NONREF" if early else "DEFAULT"

    def skip(self, what: str) -> None:
        """Count something that could not be used; the first one is noted."""
        self.broken_packets += 1
        if self.broken_packets == 1:
            self._notes.append(f"{self._name}: {what}.")

    def take_notes(self) -> list[str]:
        """Returns damage met since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def _feed(self) -> Iterator[av.Packet[av.VideoStream] | None]:
        """The stream's packets, then an empty one or None, which makes the decoder give out what it holds back."""
        sound = next((stream.index for stream in self._container.streams.audio), None)
        try:
            for packet in self._packets:
                if packet.stream.index == self._stream.index:
                    self._look_at(packet)
                    yield packet
                elif self.on_sound is not None and packet.stream.index == sound and packet.pts is not None:
                    self.on_sound(packet.pts * packet.time_base, (packet.duration or 0) * packet.time_base)
        except (av.FFmpegError, OSError):
            self.skip("the file ends early or is damaged")
            yield None

    def _look_at(self, packet: av.Packet[Any]) -> None:
        self.packets += packet.size > 0
        if packet.dts is None:
            return
        if self.first_dts is None:
            self.first_dts = packet.dts
        if packet.pts is not None:
            distance = packet.pts - packet.dts
            self.is_steady = self.is_steady and self._distance in (None, distance)
            self._distance = distance
