"""Sound tracks: packets copied bit for bit where MP4 can hold them, otherwise encoded as AAC, and said so.

Owned by ``ssdv-export-write``. Reads the source by a handle of its own, as far as the pictures have got.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Protocol

import av
from av.audio.resampler import AudioResampler

log = logging.getLogger(__name__)

_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)


class _Track(Protocol):
    """One sound track on its way to the copy."""

    def put(self, packet: av.Packet[Any]) -> list[av.Packet[Any]]:
        """Packets to write for one that was read."""
        ...

    def flush(self) -> list[av.Packet[Any]]:
        """What is left at the end."""
        ...


class _Copied:
    """Packets pass as they are; only their clock is moved to the copy's zero."""

    def __init__(self, source: av.AudioStream, target: av.AudioStream, origin_s: Fraction) -> None:
        assert source.time_base is not None
        self._target = target
        self._shift = round(origin_s / source.time_base)

    def put(self, packet: av.Packet[Any]) -> list[av.Packet[Any]]:
        packet.stream = self._target
        if packet.pts is not None:
            packet.pts -= self._shift
        if packet.dts is not None:
            packet.dts -= self._shift
        return [packet]

    def flush(self) -> list[av.Packet[Any]]:
        return []


class _Encoded:
    """Decoded, resampled where AAC needs it, encoded."""

    def __init__(self, source: av.AudioStream, target: av.AudioStream, origin_s: Fraction) -> None:
        self._source, self._target = source, target
        self._origin_s = origin_s
        self._resampler: AudioResampler | None = None
        self.broken = 0

    def put(self, packet: av.Packet[Any]) -> list[av.Packet[Any]]:
        try:
            frames = self._source.decode(packet)
        except av.FFmpegError:
            self.broken += 1
            return []
        return [out for frame in frames for out in self._encode(frame)]

    def flush(self) -> list[av.Packet[Any]]:
        packets = self._encode(None) if self._resampler is not None else []
        return packets + self._target.encode(None)

    def _encode(self, frame: av.AudioFrame | None) -> list[av.Packet[Any]]:
        if self._resampler is None:
            context = self._target.codec_context
            context.open(strict=False)
            self._resampler = AudioResampler("fltp", context.layout, context.sample_rate, context.frame_size)
        if frame is not None and frame.pts is not None and frame.time_base is not None:
            frame.pts -= round(self._origin_s / frame.time_base)
        return [packet for sound in self._resampler.resample(frame) for packet in self._target.encode(sound)]


class SoundTracks:
    """Every sound track of a file, fed into an MP4 beside its pictures.

    Args:
        source: The open file; its sound is read through it.
        copy: The file being written; its video stream must be set up already.
        origin_s: Source time that is 0 in the copy.
    """

    def __init__(
        self, source: av.container.InputContainer, copy: av.container.OutputContainer, origin_s: Fraction
    ) -> None:
        self._copy = copy
        self._origin_s = origin_s
        self.notes: list[str] = []
        self._tracks: dict[int, _Track] = {}
        self._dropped = 0
        for number, stream in enumerate(source.streams.audio, 1):
            track = self._add(number, stream)
            if track is not None:
                self._tracks[stream.index] = track
        chosen = [stream for stream in source.streams.audio if stream.index in self._tracks]
        self._packets: Iterator[av.Packet[Any]] = iter(source.demux(chosen)) if chosen else iter(())
        self._next: av.Packet[Any] | None = None

    def _add(self, number: int, stream: av.AudioStream) -> _Track | None:
        name = stream.codec_context.name
        target: av.AudioStream
        if name in self._copy.supported_codecs:
            try:
                target = self._copy.add_stream_from_template(stream)
            except (av.FFmpegError, ValueError) as error:
                log.info("sound track %d (%s) cannot be copied: %s", number, name, error)
            else:
                _describe(stream, target)
                return _Copied(stream, target, self._origin_s)
        try:
            rate = min(_AAC_RATES, key=lambda known: (known < stream.rate, abs(known - stream.rate)))
            target = self._copy.add_stream("aac", rate=rate, layout=stream.layout.name)
        except (av.FFmpegError, ValueError, AttributeError) as error:
            log.info("sound track %d (%s) cannot be encoded: %s", number, name, error)
            self.notes.append(f"Sound track {number} ({name}) is left out: it cannot be decoded.")
            return None
        _describe(stream, target)
        self.notes.append(f"Sound track {number} was encoded as AAC: an MP4 cannot hold {name}.")
        return _Encoded(stream, target, self._origin_s)

    def advance(self, until_s: Fraction | None) -> None:
        """Write the sound up to ``until_s`` (source time); all that is left for None."""
        while (packet := self._peek()) is not None:
            stamp = packet.dts if packet.dts is not None else packet.pts
            if until_s is not None and stamp is not None and stamp * (packet.time_base or 0) > until_s:
                return
            self._next = None
            self._write(self._tracks[packet.stream.index].put(packet))
        if until_s is None:
            for track in self._tracks.values():
                self._write(track.flush())
            broken = self._dropped + sum(t.broken for t in self._tracks.values() if isinstance(t, _Encoded))
            if broken:
                self.notes.append(f"{broken} damaged sound packets were left out.")

    def _peek(self) -> av.Packet[Any] | None:
        while self._next is None:
            try:
                packet = next(self._packets, None)
            except (av.FFmpegError, OSError):
                self.notes.append("The sound ends early: the file is damaged there.")
                self._packets = iter(())
                return None
            if packet is None:
                return None
            if packet.dts is not None or packet.pts is not None:  # an empty packet marks a stream's end
                self._next = packet
        return self._next

    def _write(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            try:
                self._copy.mux(packet)
            except av.ArgumentError:  # a time stamp that runs backwards
                self._dropped += 1


def _describe(source: av.AudioStream, target: av.AudioStream) -> None:
    """Language and title of the track."""
    for key in ("language", "title", "handler_name"):
        if key in source.metadata:
            target.metadata[key] = source.metadata[key]
