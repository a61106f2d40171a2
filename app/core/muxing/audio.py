"""Sound tracks: packets copied bit for bit where the container can hold them, otherwise encoded, and said so.

Owned by ``ssdv-export-write``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import av
from av.audio.resampler import AudioResampler
from av.container import OutputContainer

from app.core.muxing.container_support import container_accepts
from app.core.muxing.metadata import describe
from app.core.muxing.stream_copier import StreamCopier
from app.core.muxing.video_options import MP4, WEBM, ContainerKind

log = logging.getLogger(__name__)

_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_OPUS_RATE = 48000


def add_sound(
    number: int, source: av.AudioStream, copy: OutputContainer, container: ContainerKind
) -> tuple[StreamCopier | None, str]:
    """Add one sound track to ``copy``.

    Returns:
        The track, and a line for people; None where it has to be left out, "" where there is nothing to say.
    """
    context = source.codec_context
    if context is None:
        return None, f"Sound track {number} is left out: its codec is not built in."
    name = context.codec.canonical_name
    if container_accepts(container.format, lambda c: c.add_stream_from_template(source)):
        target = copy.add_stream_from_template(source)
        describe(source, target)
        return PacketCopier(target), ""
    codec = "libopus" if container is WEBM else "aac"
    for rate, layout in _settings(codec, source):
        if not container_accepts(container.format, lambda c, r=rate, n=layout: c.add_stream(codec, rate=r, layout=n)):  # type: ignore[misc] # mypy gives up on a lambda's defaults
            continue
        encoded = copy.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(encoded, av.AudioStream)
        describe(source, encoded)
        shown = "Opus" if codec == "libopus" else "AAC"
        return _AudioEncoder(source, encoded), (
            f"Sound track {number} was encoded as {shown}: "
            f"{'an' if container is MP4 else 'a'} {container.name} file cannot hold {name}."
        )
    return None, f"Sound track {number} ({name}) is left out: it cannot be decoded."


def _settings(codec: str, source: av.AudioStream) -> Iterator[tuple[int, str]]:
    """(rate, layout) to try, nearest to the source first."""
    rate = _OPUS_RATE
    if codec == "aac":
        told = source.rate or 48000
        rate = min(_AAC_RATES, key=lambda known: (known < told, abs(known - told)))
    for layout in (source.layout.name, "mono" if source.channels == 1 else "stereo"):
        yield rate, layout


class PacketCopier:
    """Packets pass as they are; only their clock is moved to the copy's zero."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self.broken = 0

    def put(self, packet: av.Packet[Any]) -> list[av.Packet[Any]]:
        packet.stream = self._target
        return [packet]

    def flush(self) -> list[av.Packet[Any]]:
        return []


class _AudioEncoder:
    """Decoded, resampled where the encoder needs it, encoded."""

    def __init__(self, source: av.AudioStream, target: av.AudioStream) -> None:
        self._source, self._target = source, target
        self._resampler: AudioResampler | None = None
        self.broken = 0

    def put(self, packet: av.Packet[Any]) -> list[av.Packet[Any]]:
        try:
            return [out for frame in self._source.decode(packet) for out in self._encode(frame)]
        except (av.FFmpegError, ValueError):
            self.broken += 1
            return []

    def flush(self) -> list[av.Packet[Any]]:
        if self._resampler is None:
            return []  # nothing could be decoded; the track is empty
        try:
            rest = [out for frame in self._source.decode(None) for out in self._encode(frame)]
            return [*rest, *self._encode(None), *self._target.encode(None)]
        except (av.FFmpegError, ValueError):
            self.broken += 1
            return []

    def _encode(self, frame: av.AudioFrame | None) -> list[av.Packet[Any]]:
        if self._resampler is None:
            context = self._target.codec_context
            context.open(strict=False)
            self._resampler = AudioResampler(context.format, context.layout, context.sample_rate, context.frame_size)
        return [packet for sound in self._resampler.resample(frame) for packet in self._target.encode(sound)]
