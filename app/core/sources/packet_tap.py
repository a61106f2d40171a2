"""Passes the packets of a stream on as they come, beside their decoding. Owned by the source, on ``ssdv-capture``."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer

from app.core.media.packet_format import describe_streams
from app.core.media.packets import SOUND, VIDEO, MediaPacket, MediaSink

log = logging.getLogger(__name__)

_CLOCKLESS = frozenset(("mpjpeg", "mjpeg", "h264", "hevc", "m4v"))
"""Formats without times: what FFmpeg says instead is a guess at 25 frames a second."""

_SAMPLES = {"aac": 1024, "mp3": 1152, "mp3float": 1152}
"""Samples in each packet, which FFmpeg does not say at the beginning of a stream."""


class PacketTap:
    """The tap on one connection.

    Args:
        container: The open stream.
        video: The stream whose frames are shown.
        sink: Takes the packets.

    Attributes:
        streams: Those to read.
    """

    def __init__(self, container: InputContainer, video: av.VideoStream, sink: MediaSink) -> None:
        sound = container.streams.best("audio")
        self.streams: list[Any] = [video, *([sound] if sound is not None else [])]
        self._sink = sink
        self._has_clock = container.format.name not in _CLOCKLESS
        self._begun = self._refused = self._passes = False

    def take(self, packet: av.Packet[Any], arrived_ns: int) -> None:
        """Passes on a packet of one of ``streams``, from the first key frame on.

        Args:
            packet: As it came.
            arrived_ns: ``time.monotonic_ns()`` when it was here, or would have been if it did not come in pieces.
        """
        track = VIDEO if packet.stream.index == self.streams[0].index else SOUND
        if not packet.size or self._refused or track >= len(self.streams):
            return
        is_key = track == VIDEO and packet.is_keyframe
        if not self._begun and not (is_key and self._begin(packet)):
            return
        self._passes = self._passes or is_key
        if not self._passes:
            return
        base = packet.time_base
        self._sink.packet(
            MediaPacket(
                track,
                bytes(packet),
                packet.pts * base if self._has_clock and packet.pts is not None else None,
                packet.dts * base if self._has_clock and packet.dts is not None else None,
                self._duration_s(packet, track),
                packet.is_keyframe,
                arrived_ns,
            )
        )

    def replayed(self, packet: av.Packet[Any]) -> None:
        """Takes a packet of the video that was passed on before: only what it says of the format."""
        if not self._begun and not self._refused and packet.size and packet.is_keyframe:
            self._begin(packet)

    def _duration_s(self, packet: av.Packet[Any], track: int) -> Fraction:
        if packet.duration:
            return packet.duration * packet.time_base if self._has_clock else Fraction(0)
        context = self.streams[track].codec_context
        samples = _SAMPLES.get(context.name, 0) if track == SOUND else 0
        return Fraction(samples, context.sample_rate) if samples and context.sample_rate else Fraction(0)

    def _begin(self, first: av.Packet[Any]) -> bool:
        while True:
            try:
                self._sink.begin(describe_streams(self.streams, first))
            except (av.FFmpegError, ValueError, OSError) as error:
                log.info("packets of %s cannot be kept: %s", self.streams[-1].name, type(error).__name__)
                if len(self.streams) > 1:
                    self.streams = self.streams[:1]  # without the sound, then
                    continue
                self._refused = True
                return False
            self._begun = True
            return True
