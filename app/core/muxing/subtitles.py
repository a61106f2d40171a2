"""Subtitle tracks: copied where the container can hold them, text converted where it cannot, and said so.

Owned by ``ssdv-export-write``.
"""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import Any

import av
from av.container import OutputContainer
from av.subtitles.stream import SubtitleStream

from app.core.muxing.audio import PacketCopier
from app.core.muxing.container_support import container_accepts
from app.core.muxing.metadata import describe
from app.core.muxing.stream_copier import StreamCopier
from app.core.muxing.video_options import MKV, MP4, WEBM, ContainerKind

log = logging.getLogger(__name__)

_TEXT = frozenset(("subrip", "mov_text", "webvtt", "ass", "text"))
_WRITTEN_AS = {MP4: "mov_text", MKV: "subrip", WEBM: "webvtt"}
# What players understand, which is less than what muxers put up with.
_COPIED = {
    MP4: frozenset(("mov_text",)),
    MKV: frozenset(("subrip", "ass", "webvtt", "dvd_subtitle", "hdmv_pgs_subtitle", "dvb_subtitle")),
    WEBM: frozenset(("webvtt",)),
}
_CLOCK = Fraction(1, 1000)


def add_subtitles(
    number: int, source: SubtitleStream, copy: OutputContainer, container: ContainerKind
) -> tuple[StreamCopier | None, str]:
    """Add one subtitle track to ``copy``.

    Returns:
        The track, and a line for people; None where it has to be left out, "" where there is nothing to say.
    """
    context = source.codec_context
    if context is None:
        return None, f"Subtitle track {number} is left out: its kind is not built in."
    name = context.codec.canonical_name
    if name in _COPIED[container] and container_accepts(container.format, lambda c: c.add_stream_from_template(source)):
        target = copy.add_stream_from_template(source)
        describe(source, target)
        return PacketCopier(target), ""
    if name not in _TEXT:
        return None, (
            f"Subtitle track {number} ({name}) is left out: {container.name} cannot hold it. Matroska (.mkv) can."
        )
    header = _header_of(source)
    written = _WRITTEN_AS[container]
    if header is None or not container_accepts(container.format, lambda c: _add(c, written, header)):
        return None, f"Subtitle track {number} ({name}) is left out: it cannot be converted."
    converted = _add(copy, written, header)
    describe(source, converted)
    return _SubtitleConverter(source, converted), f"Subtitle track {number} was converted from {name} to {written}."


def _add(copy: OutputContainer, codec: str, header: bytes) -> SubtitleStream:
    stream = copy.add_stream(codec)
    assert isinstance(stream, SubtitleStream)
    stream.codec_context.subtitle_header = header
    stream.codec_context.time_base = _CLOCK
    stream.time_base = _CLOCK
    return stream


def _header_of(source: SubtitleStream) -> bytes | None:
    """The styles every text decoder of FFmpeg makes up or reads; they are there once it is open."""
    try:
        source.codec_context.open(strict=False)
    except (av.FFmpegError, ValueError) as error:
        log.info("subtitles cannot be decoded: %s", error)
        return None
    return source.codec_context.subtitle_header


class _SubtitleConverter:
    """Decoded to text with styles, encoded anew."""

    def __init__(self, source: SubtitleStream, target: SubtitleStream) -> None:
        self._source, self._target = source, target
        self.broken = 0

    def put(self, packet: av.Packet[Any]) -> list[av.Packet[Any]]:
        if packet.pts is None:
            self.broken += 1
            return []
        try:
            shown = self._source.decode2(packet)
            if shown is None or len(shown) == 0:  # a pause
                return []
            made = self._target.codec_context.encode_subtitle(shown)
        except (av.FFmpegError, ValueError):
            self.broken += 1
            return []
        made.time_base = _CLOCK
        made.pts = made.dts = round(packet.pts * packet.time_base / _CLOCK)
        made.duration = max(1, round((packet.duration or 0) * packet.time_base / _CLOCK))
        made.stream = self._target
        return [made]

    def flush(self) -> list[av.Packet[Any]]:
        return []
