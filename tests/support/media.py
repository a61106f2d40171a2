"""Small generated media of coded images, so that a test can tell which frame it sees."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tools.fixtures.coded_images import ImageBGR, coded_image, read_frame_index

__all__ = [
    "ImageBGR",
    "coded_image",
    "damage",
    "make_audio",
    "make_changing_video",
    "make_transparent_video",
    "make_video",
    "read_frame_index",
    "truncate",
]

_TIME_BASE = Fraction(1, 90_000)
_AUDIO_RATE = 48_000


def make_video(
    path: Path,
    frames: int = 30,
    size: tuple[int, int] = (160, 120),
    fps: Fraction = Fraction(30),
    pts: Sequence[Fraction] | None = None,
    audio: bool = False,
    rotation: int = 0,
    codec: str = "libx264",
    gop: int = 12,
    faststart: bool = False,
) -> Path:
    """Write a coded video; frame i shows index i.

    Args:
        path: Where; the extension chooses the container (.mp4, .mov, .mkv, .avi).
        frames: How many.
        size: (width, height) of the upright frame, even numbers for H.264.
        fps: Constant rate, unless ``pts`` is given.
        pts: Presentation time of each frame in seconds, for a variable rate; multiples of 1/90000.
        audio: Add a mono AAC tone of the same length.
        rotation: 0, 90, 180 or 270: degrees clockwise a player turns the stored frame (.mp4 and .mov).
        codec: FFmpeg's encoder name; "ffv1" in .mkv takes any size, even 1 x 1; "mpeg4" in .avi has a constant rate.
        gop: Frames between keyframes.
        faststart: Index in front (.mp4), so that a truncated copy still opens.
    """
    times = [Fraction(i) / fps for i in range(frames)] if pts is None else list(pts)
    options = {"movflags": "+faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size if rotation % 180 == 0 else (size[1], size[0])
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        base = 1 / fps if codec == "mpeg4" else _TIME_BASE  # MPEG-4 part 2 and AVI count frames
        stream.time_base = stream.codec_context.time_base = base
        stream.codec_context.gop_size = gop
        if codec == "libx264":
            stream.options = {"preset": "veryfast", "crf": "18"}
        if rotation:
            stream.set_display_rotation(-rotation)
        tone = container.add_stream("aac", rate=_AUDIO_RATE, layout="mono") if audio else None
        for index, time in enumerate(times):
            stored = np.ascontiguousarray(np.rot90(coded_image(index, size), rotation // 90))
            coded = av.VideoFrame.from_ndarray(stored, format="bgr24")
            coded.pts, coded.time_base = int(time / base), base
            container.mux(stream.encode(coded))
        container.mux(stream.encode(None))
        if tone is not None:
            _add_tone(container, tone, times[-1] + 1 / fps)
    return path


def make_changing_video(path: Path, *sizes: tuple[int, int]) -> Path:
    """Eight coded frames of each size, one size after the other."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *sizes[0], "yuv420p"
        for part, size in enumerate(sizes):
            context = av.CodecContext.create("libx264", "w")
            assert isinstance(context, av.VideoCodecContext)
            context.width, context.height, context.pix_fmt = *size, "yuv420p"
            context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
            context.options = {"preset": "ultrafast", "tune": "zerolatency"}
            frames = [av.VideoFrame.from_ndarray(coded_image(i, size), format="bgr24") for i in range(8)]
            for index, frame in enumerate(frames):
                frame.pts, frame.time_base = part * 8 + index, Fraction(1, 25)
            for packet in [packet for frame in [*frames, None] for packet in context.encode(frame)]:
                packet.stream = stream
                container.mux(packet)
    return path


def make_transparent_video(path: Path, codec: str, frames: int = 24) -> Path:
    """A WebM of coded frames, of which the right third is transparent, with white behind it."""
    with av.open(str(path), "w") as container:
        options = {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "0", "threads": "1"}
        stream = container.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 240, 120, "yuva420p"
        stream.bit_rate, stream.codec_context.gop_size = 2_000_000, 6
        stream.metadata["alpha_mode"] = "1"
        for index in range(frames):
            image = np.full((120, 240, 4), 255, np.uint8)
            image[:, :160, :3] = coded_image(index, (160, 120))
            image[:, 160:, 3] = 0
            frame = av.VideoFrame.from_ndarray(image, format="bgra").reformat(format="yuva420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_audio(path: Path, seconds: Fraction = Fraction(1)) -> Path:
    """A file with a tone and no video (.m4a, .mp4, .mkv)."""
    with av.open(str(path), "w") as container:
        _add_tone(container, container.add_stream("aac", rate=_AUDIO_RATE, layout="mono"), seconds)
    return path


def truncate(path: Path, copy: Path, keep: float = 0.5) -> Path:
    """The first part of ``path``, as an interrupted download leaves it."""
    content = path.read_bytes()
    copy.write_bytes(content[: int(len(content) * keep)])
    return copy


def damage(path: Path, copy: Path, start: float, end: float) -> Path:
    """``path`` with the bytes between two fractions of its length overwritten."""
    content = bytearray(path.read_bytes())
    first, last = int(len(content) * start), int(len(content) * end)
    content[first:last] = b"\xa5" * (last - first)
    copy.write_bytes(content)
    return copy


def _add_tone(
    container: av.container.OutputContainer, stream: av.AudioStream | av.VideoStream, seconds: Fraction
) -> None:
    assert isinstance(stream, av.AudioStream)
    wave = np.sin(np.arange(int(seconds * _AUDIO_RATE)) * (2 * np.pi * 440 / _AUDIO_RATE)).astype(np.float32)
    for start in range(0, len(wave), 1024):
        sound = av.AudioFrame.from_ndarray(wave[None, start : start + 1024] * 0.2, format="fltp", layout="mono")
        sound.sample_rate = _AUDIO_RATE
        sound.pts, sound.time_base = start, Fraction(1, _AUDIO_RATE)
        container.mux(stream.encode(sound))
    container.mux(stream.encode(None))
