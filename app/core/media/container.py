"""Opening a video's container, with limits before anything is allocated. The handle belongs to the calling thread.

PyAV's log level is left alone: by default it swallows what FFmpeg says. Setting any level routes FFmpeg's messages
through Python, where a decoder thread that has something to say waits for the interpreter lock while the thread that
holds the lock, closing the decoder, waits for that thread: the program hangs.
"""

from __future__ import annotations

import logging
import math
from fractions import Fraction
from pathlib import Path

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer

from app.core.addresses import as_understood
from app.core.errors import AppError
from app.core.media.certificates import Certificates
from app.core.media.playlists import REMOTE_FORMATS, local_options, refuse_disguised
from app.core.media.remote import REMOTE_OPTIONS, RemoteFiles

log = logging.getLogger(__name__)

MAX_PIXELS = 8192 * 8192
FREE_CLOCK = 0x0200  # AVFMT_TS_DISCONT
_NETWORK_S = 20.0  # without an answer for this long, a file on the network counts as at its end
_MAX_TICKS_PER_S = 1_000_000_000
_DECODING_TIMES = frozenset(("avi", "asf", "asf_o"))
_KEY_FRAMES_S = Fraction(1, 2)
_BELIEVED_S = Fraction(10)


def open_container(url: str, accelerator: HWAccel | None = None) -> InputContainer:
    """Open a file or a URL.

    Args:
        url: What to open.
        accelerator: What decodes a local file's streams where it can.

    Raises:
        AppError: It is a playlist that leads elsewhere than it may, or lies on a server that is not trusted.
        av.FFmpegError, OSError, ValueError: It cannot be.
    """
    limits = {"max_pixels": str(MAX_PIXELS)}
    if url.lower().startswith(("http://", "https://")):
        files = RemoteFiles(Certificates(), _NETWORK_S, _NETWORK_S)
        start = files.begin(as_understood(url))
        files.give_up_at = math.inf
        return av.open(
            start.url,
            format=start.format,
            io_open=files.open,
            metadata_errors="replace",
            options=limits | REMOTE_OPTIONS | {"format_whitelist": REMOTE_FORMATS},
        )
    path = Path(url)
    format_name, options = local_options(path)
    # Absolute, for FFmpeg would take the part before a colon in a file's name for a protocol.
    name, given = str(path.absolute()), limits | options
    return av.open(name, format=format_name, metadata_errors="replace", options=given, hwaccel=accelerator)


def close_container(container: InputContainer) -> None:
    """Close it and, of a web server, its files, which PyAV leaves to the garbage collector; idempotent."""
    container.close()
    files = getattr(container.io_open, "__self__", None)
    if isinstance(files, RemoteFiles):
        files.close()


def open_video(url: str, name: str, accelerator: HWAccel | None = None) -> tuple[InputContainer, av.VideoStream]:
    """Open a file or a URL that shall hold a video, and choose the stream.

    Args:
        url: What to open.
        name: What to call it.
        accelerator: As for ``open_container``.

    Raises:
        AppError: Not there, no video, of a codec that is not built in, or larger than any real one.
    """
    if "://" not in url:
        _check_file(Path(url))
    try:
        container = open_container(url, accelerator)
    except (av.FFmpegError, OSError, ValueError) as error:
        log.info("%s: %s", name, type(error).__name__)
        if "://" not in url:
            refuse_disguised(Path(url))
        raise AppError(
            f"{name} cannot be opened as a video.", "It is damaged, incomplete, or not a video file."
        ) from error
    try:
        stream = _checked(container, name)
    except BaseException:
        close_container(container)
        raise
    # A decoder allocates for what the frames themselves claim, which may be more than the container says.
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    # Each thread would take one of the surfaces that a card decodes into, of which there are 32 at most.
    stream.thread_type = "AUTO" if accelerator is None else "NONE"
    return container, stream


def _checked(container: InputContainer, name: str) -> av.VideoStream:
    if container.format.name == "tty":  # FFmpeg paints any text file as terminal art
        raise AppError(f"{name} is a text file.", "Choose a video.")
    stream = main_video(container)
    if stream is None:
        kind = "audio only" if container.streams.audio else "no video stream"
        raise AppError(f"{name} holds no video ({kind}).", "Choose a video file.")
    context = stream.codec_context
    if context is None:
        raise AppError(
            f"{name} cannot be decoded: its video codec is not built in.", "Convert it with another program."
        )
    if context.width * context.height > MAX_PIXELS:
        side = math.isqrt(MAX_PIXELS)
        raise AppError(
            f"{name} claims frames of {context.width} x {context.height} pixels.",
            f"At most {side} x {side} can be handled; the file may be damaged.",
        )
    if stream.time_base is None or not 0 < stream.time_base.denominator <= _MAX_TICKS_PER_S:
        raise AppError(f"{name} has no usable clock.", "The file is damaged.")
    return stream


def main_video(container: InputContainer) -> av.VideoStream | None:
    """Returns FFmpeg's choice among the video streams; cover art is none."""
    videos = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    best = container.streams.best("video")
    return next((s for s in videos if best is not None and s.index == best.index), videos[0] if videos else None)


def mean_rate(stream: av.VideoStream) -> Fraction | None:
    """Returns frames a second; None where unknown or absurd."""
    rate, guessed = stream.average_rate or stream.guessed_rate, stream.guessed_rate
    if rate and guessed and stream.time_base and rate * stream.time_base >= 1 and rate >= 2 * guessed:
        rate = guessed  # a frame in every tick, or in chunks of which half are empty, is not the rate of the frames
    return rate if rate and Fraction(1, 3600) <= rate <= 1000 else None


def keeps_only_decoding_times(container: InputContainer, stream: av.VideoStream) -> bool:
    """Returns whether what FFmpeg calls presentation times is its guess: the format has no room for them."""
    if container.format.name in _DECODING_TIMES:
        return True
    # Codecs of Video for Windows in Matroska, in which native ones have no such tag.
    return "matroska" in container.format.name and stream.codec_context.codec_tag.strip("\0") != ""


def _check_file(path: Path) -> None:
    try:
        if path.exists() and not path.is_file():
            raise AppError(f"{path.name} is not a file.")
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise AppError(f"{path.name}: no such file.", f"Looked for {path}.") from error
    except OSError as error:
        raise AppError(f"{path.name} cannot be read: {error.strerror}.", "Check its permissions.") from error
    if empty:
        raise AppError(f"{path.name} is empty.")


def key_frame_between(stream: av.VideoStream, start: int, end: int) -> bool:
    """Returns whether a key frame lies after ``start`` and not after ``end``, ticks, as far as the container tells.

    A table of all frames is believed. Others grow as a file is read and sought, and may have holes: they are believed
    over a short way, and no further than they reach. Elsewhere a key frame is assumed in every half second.
    """
    assert stream.time_base is not None  # open_video refuses such
    entries, away_s = stream.index_entries, (end - start) * stream.time_base
    if not 0 < stream.frames <= len(entries):
        reaches = len(entries) > 1 and entries[len(entries) - 1].timestamp >= end
        if not reaches or away_s > _BELIEVED_S:
            return away_s > _KEY_FRAMES_S
    number = entries.search_timestamp(end, backward=True)
    return number < 0 or entries[number].timestamp > start
