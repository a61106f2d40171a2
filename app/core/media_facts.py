"""Facts about a video file for people: size, rate, length, tracks. Reads the file; for a worker, not the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av

from app.core.errors import AppError
from app.core.file_types import is_sequence
from app.core.frames import SourceInfo
from app.core.media.container import open_container
from app.core.sources.image_sequence import SequenceReader
from app.core.sources.video import VideoReader


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """One file.

    Attributes:
        info: Upright size, rate, duration, frames.
        codec: FFmpeg's name of the video codec.
        audio: Audio tracks, e.g. ("aac, stereo",).
        subtitles: Number of subtitle tracks.
        size_bytes: Size of the file.
    """

    info: SourceInfo
    codec: str
    audio: tuple[str, ...]
    subtitles: int
    size_bytes: int


def media_facts(path: Path) -> MediaFacts:
    """Look into ``path``.

    Raises:
        AppError: Not there, not a video, or damaged before its first frame.
    """
    if is_sequence(path):
        return _images_facts(path)
    reader = VideoReader(path)
    try:
        info = reader.info
    finally:
        reader.close()
    try:
        with open_container(str(path)) as container:
            video = container.streams.best("video")
            codec = video.codec_context.name if isinstance(video, av.VideoStream) else ""
            audio = tuple(
                f"{sound.name}, {sound.layout.name}" if (sound := stream.codec_context) is not None else "unknown"
                for stream in container.streams.audio
            )
            subtitles = len(container.streams.subtitles)
        size = path.stat().st_size
    except (av.FFmpegError, OSError) as error:
        raise AppError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    return MediaFacts(info, codec, audio, subtitles, size)


def _images_facts(path: Path) -> MediaFacts:
    """Facts about images that are to become a video, whose rate is chosen later."""
    reader = SequenceReader(path, Fraction(1))
    try:
        info = replace(reader.info, fps=None, duration_s=None)
        return MediaFacts(info, "", (), 0, sum(image.stat().st_size for image in reader.paths))
    except OSError as error:
        raise AppError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    finally:
        reader.close()
