"""Sound and subtitles of a video on their way to the copy, in step with its frames.

Owned by ``ssdv-export-write``. Reads the source by a handle of its own, as far as the frames have got.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer, OutputContainer

from app.core.media.container import FREE_CLOCK
from app.core.media.continuous_packets import ContinuousPackets
from app.core.muxing.audio import add_sound
from app.core.muxing.stream_copier import StreamCopier
from app.core.muxing.subtitles import add_subtitles
from app.core.muxing.video_options import ContainerKind

_INTERLEAVED_S = Fraction(2)  # so much later a file may hold what another track has at the same time


class SideTracks:
    """Every sound and subtitle track of a file, fed into a copy beside its frames.

    Args:
        source: The open file; its tracks are read through it.
        copy: The file being written; its video stream must be set up already.
        container: The kind of ``copy``.
        origin_s: Source time that is 0 in the copy.
        is_clip: Whether the copy begins there, so that nothing before it is wanted.
    """

    def __init__(
        self,
        source: InputContainer,
        copy: OutputContainer,
        container: ContainerKind,
        origin_s: Fraction,
        is_clip: bool = False,
    ) -> None:
        self._copy = copy
        self._origin_s = origin_s
        self._tracks: dict[int, StreamCopier] = {}
        self._dropped = 0
        self._ended_early = False
        self._added: list[str] = []
        for number, sound in enumerate(source.streams.audio, 1):
            self._keep(sound, *add_sound(number, sound, copy, container))
        for number, text in enumerate(source.streams.subtitles, 1):
            self._keep(text, *add_subtitles(number, text, copy, container))
        chosen = [stream for stream in source.streams if stream.index in self._tracks]
        self._packets: Iterator[av.Packet[Any]] = ContinuousPackets(source, chosen) if chosen else iter(())
        self._next: av.Packet[Any] | None = None
        self._next_s = Fraction(0)
        self._from_s = origin_s if is_clip else None
        if (
            is_clip and not source.format.flags & FREE_CLOCK
        ):  # there times cannot be sought: what comes before is read over
            with contextlib.suppress(av.FFmpegError, OSError):
                source.seek(max(0, int(origin_s * 1_000_000)), backward=True)

    def _keep(self, stream: Any, track: StreamCopier | None, line: str) -> None:
        if track is not None:
            self._tracks[stream.index] = track
        if line:
            self._added.append(line)

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines about what differs from a perfect copy."""
        broken = self._dropped + sum(track.broken for track in self._tracks.values())
        return (
            *self._added,
            *(["The sound ends early: the file is damaged there."] if self._ended_early else []),
            *([f"{broken} damaged packets of sound or subtitles were left out."] if broken else []),
        )

    def advance(self, until_s: Fraction | None) -> None:
        """Write what begins up to ``until_s`` (source time); all that is left for None."""
        while (packet := self._peek()) is not None:
            if until_s is not None and self._next_s > until_s:
                return
            self._next = None
            self._write(self._tracks[packet.stream.index].put(packet))

    def finish(self, until_s: Fraction | None) -> None:
        """Write all that is left, or what of it begins before ``until_s``; nothing comes after it."""
        while (packet := self._peek()) is not None and (until_s is None or self._next_s < until_s + _INTERLEAVED_S):
            self._next = None
            if until_s is None or self._next_s < until_s:
                self._write(self._tracks[packet.stream.index].put(packet))
        for track in self._tracks.values():
            self._write(track.flush())

    def _peek(self) -> av.Packet[Any] | None:
        while self._next is None:
            try:
                packet = next(self._packets, None)
            except (av.FFmpegError, OSError):
                self._ended_early = True
                self._packets = iter(())
                return None
            if packet is None:
                return None
            if packet.stream.index not in self._tracks:
                continue  # the video's own, which only tells the time
            if packet.dts is not None or packet.pts is not None:  # an empty packet marks a stream's end
                self._next_s = self._move(packet)
                if self._from_s is None or self._next_s >= self._from_s:
                    self._next = packet
            elif packet.size:
                self._dropped += 1
        return self._next

    def _move(self, packet: av.Packet[Any]) -> Fraction:
        """Move the packet's times to the copy's clock; returns its time on the source's."""
        base = packet.time_base
        stamp = packet.dts if packet.dts is not None else packet.pts
        assert stamp is not None
        ticks = round(self._origin_s / base)
        if packet.pts is not None:
            packet.pts -= ticks
        if packet.dts is not None:
            packet.dts -= ticks
        return stamp * base

    def _write(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            try:
                self._copy.mux(packet)
            except (av.ArgumentError, av.InvalidDataError):  # stamps that run backwards, or no packet of its codec
                self._dropped += 1
