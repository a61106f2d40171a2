"""A video stream's frames in presentation order; what is damaged is skipped and counted. Owned by a ``VideoReader``."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import av
from av.container import InputContainer

from app.core.sources.alpha_decoder import decoder_of, has_separate_alpha
from app.core.sources.deinterlace import Deinterlacer


class FrameFeed:
    """Decodes, and deinterlaces where asked.

    Args:
        container: Open; stays the caller's.
        stream: One of its streams.
        name: What to call the file.

    Attributes:
        broken_packets: Pieces that could not be decoded, so far.
        left_out_to: Up to this time, ticks, pictures may have been left out; None: all have been given.
    """

    def __init__(self, container: InputContainer, stream: av.VideoStream, name: str) -> None:
        self._container, self._stream, self._name = container, stream, name
        self._decoder = decoder_of(stream)
        self._deinterlacer: Deinterlacer | None = None
        self._ready: deque[av.VideoFrame] = deque()
        self._notes: list[str] = []
        if has_separate_alpha(stream) and self._decoder is stream.codec_context:
            self._notes.append(f"{name}: its alpha cannot be decoded here; transparent parts are shown as opaque.")
        self.broken_packets = 0
        self._hurry_to: int | None = None
        self.restart()

    def restart(self) -> None:
        """The container was sought: forget what is waiting."""
        self._packets = self._feed()
        self._ready.clear()
        self._decoder.flush_buffers()  # again, where it is the stream's own
        self.left_out_to: int | None = None
        if self._deinterlacer is not None:
            self._deinterlacer.flush()

    def deinterlace(self, first: av.VideoFrame, bottom_first: bool) -> av.VideoFrame:
        """From here on give whole pictures.

        Args:
            first: The one frame taken so far.
            bottom_first: The lower lines are the earlier half.

        Returns:
            What ``first`` became.
        """
        self._deinterlacer = Deinterlacer(bottom_first)
        self._ready.extendleft(reversed(self._deinterlacer.put(first)))
        return self.take() or first

    def make_as(self, other: FrameFeed) -> None:
        """Whole pictures, if ``other`` gave them; that is not used any more."""
        self._deinterlacer = other._deinterlacer
        self.restart()

    def take(self) -> av.VideoFrame | None:
        """The next frame; None at the end."""
        while not self._ready:
            try:
                packet = next(self._packets)
            except StopIteration:
                self._ready.extend(self._deinterlacer.flush() if self._deinterlacer is not None else [])
                return self._ready.popleft() if self._ready else None
            self._leave_out(packet)
            try:
                for frame in self._decoder.decode(packet):
                    self._ready.extend([frame] if self._deinterlacer is None else self._deinterlacer.put(frame))
            except av.FFmpegError:
                self.skip("damaged parts are skipped")
        return self._ready.popleft()

    def hurry(self, until: int | None) -> None:
        """Leave out pictures that no other needs, up to a time in the stream's ticks; None: leave out none any more."""
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
        """Damage met since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def _feed(self) -> Iterator[av.Packet[av.VideoStream] | None]:
        """The stream's packets, then an empty one or None, which makes the decoder give out what it holds back."""
        try:
            yield from self._container.demux(self._stream)
        except (av.FFmpegError, OSError):
            self.skip("the file ends early or is damaged")
            yield None
