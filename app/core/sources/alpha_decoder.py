"""The decoder of a video stream. The container belongs to the calling thread.

VP8 and VP9 keep alpha beside the frames, as a second stream inside the packets of WebM and Matroska. FFmpeg's own
decoders pass it over, libvpx decodes it.
"""

from __future__ import annotations

from pathlib import Path

import av

from app.core.errors import AppError
from app.core.media.container import MAX_PIXELS, close_container, main_video, open_container

_MATROSKA = b"\x1a\x45\xdf\xa3"
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def has_separate_alpha(stream: av.VideoStream) -> bool:
    """Returns whether the container says that alpha lies beside the frames."""
    told = next((value for key, value in stream.metadata.items() if key.lower() == "alpha_mode"), "")
    return told == "1" and stream.codec_context.name in _WITH_ALPHA


def decoder_of(stream: av.VideoStream) -> av.VideoCodecContext:
    """The stream's own decoder, or one that gives alpha, too, where the stream has it.

    A decoder that is not the stream's own has to be flushed by the caller after the container was sought.
    """
    own = stream.codec_context
    if not has_separate_alpha(stream):
        return own
    try:
        decoder = av.CodecContext.create(_WITH_ALPHA[own.name], "r")
    except (av.FFmpegError, ValueError):  # FFmpeg was built without libvpx
        return own
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata = own.extradata
    decoder.thread_type = own.thread_type
    decoder.options = {"max_pixels": str(MAX_PIXELS)}
    return decoder


def alpha_notes(stream: av.VideoStream, decoder: av.VideoCodecContext, name: str) -> list[str]:
    """Returns a line where the stream has alpha that ``decoder`` passes over; ``name`` is what to call the source."""
    if has_separate_alpha(stream) and decoder is stream.codec_context:
        return [f"{name}: its alpha cannot be decoded here; transparent parts are shown as opaque."]
    return []


def usual_reading(path: Path) -> str:
    """Returns how frames are made of a video that is read as it is, as ``StoreFacts.reading``.

    "" unless it has separate alpha: detections of such a video were once made of the colours that alpha hides.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_MATROSKA)) != _MATROSKA:
                return ""
        container = open_container(str(path))
    except (AppError, av.FFmpegError, OSError, ValueError):
        return ""  # whoever reads it says what is wrong
    try:
        stream = main_video(container)
        return "alpha on black" if stream is not None and has_separate_alpha(stream) else ""
    finally:
        close_container(container)
