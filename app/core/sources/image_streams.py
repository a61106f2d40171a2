"""Images through PyAV, where OpenCV cannot read them or drops their alpha. Any thread."""

from __future__ import annotations

import io
from typing import cast

from app.core.sources.alpha import Plane

MAX_PIXELS = 2**28


def read_avif(content: bytes) -> tuple[Plane, Plane | None] | None:
    """An AVIF image of one piece, as stored; bundles have an OpenCV without libavif.

    Returns:
        UInt8[H, W, 3] BGR and its alpha, UInt8[H, W], None where it has none; None in all where the file is damaged or
        claims an absurd size.
    """
    colour = _first_frame(content, 0, "bgr24")
    return None if colour is None else (colour, _first_frame(content, 1, "gray"))


def read_tiff_alpha(content: bytes) -> Plane | None:
    """The alpha of a TIFF, UInt8[H, W]; None where it cannot be read."""
    whole = _first_frame(content, 0, "bgra", "tiff_pipe")
    return None if whole is None else whole[..., 3]


def _first_frame(content: bytes, stream_number: int, layout: str, container_format: str | None = None) -> Plane | None:
    """An image's only frame; FFmpeg gives the alpha of an AVIF as a second stream."""
    import av
    from av.video.reformatter import Interpolation

    # Colours as libavif makes them: chroma between its samples, too.
    smooth = Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND
    try:
        with av.open(io.BytesIO(content), "r", format=container_format) as container:
            stream = container.streams.video[stream_number]
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            for frame in container.decode(stream):
                return cast(Plane, frame.to_ndarray(format=layout, interpolation=smooth))
    except (av.FFmpegError, IndexError, ValueError):
        pass
    return None
