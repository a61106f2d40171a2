"""Formats of packets as plain bytes, so that a stream's description can cross threads and a handle need not."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import av
from av.container import InputContainer

from app.core.media.packets import MediaFormat


def describe_streams(streams: Sequence[Any], first: av.Packet[Any]) -> MediaFormat:
    """Returns the format of video and, after it, sound.

    Args:
        streams: Streams of an open container: the video, and perhaps the sound.
        first: A key frame of the video; it is not changed.

    Raises:
        av.FFmpegError, ValueError: It cannot be kept as it is.
    """
    content = io.BytesIO()
    with av.open(content, "w", format="nut") as header:
        tracks = [header.add_stream_from_template(stream, opaque=True) for stream in streams]
        packet = av.Packet(bytes(first))
        packet.pts = packet.dts = 0
        packet.time_base, packet.is_keyframe = tracks[0].time_base, True
        packet.stream = tracks[0]
        header.mux(packet)
    with open_format(MediaFormat(content.getvalue())):
        return MediaFormat(content.getvalue(), len(streams) > 1)


def open_format(media: MediaFormat) -> InputContainer:
    """Opens a format; its streams are templates for those of a file.

    Raises:
        av.FFmpegError, ValueError: It cannot be understood.
    """
    return av.open(io.BytesIO(media.header), "r", format="nut", metadata_errors="replace")
