"""The decoder of a video stream. The container belongs to the calling thread.

VP8 and VP9 keep alpha beside the frames, as a second stream inside the packets of WebM and Matroska. FFmpeg's own
decoders pass it over, libvpx decodes it.
"""

from __future__ import annotations

import av

from app.core.media.container import MAX_PIXELS

_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def has_separate_alpha(stream: av.VideoStream) -> bool:
    """Whether the container says that alpha lies beside the frames."""
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
