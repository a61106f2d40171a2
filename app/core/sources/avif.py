"""AVIF pictures through PyAV, for an OpenCV without libavif, as bundles have. Any thread."""

from __future__ import annotations

import io

from app.core.frames import ImageBGR

_BRANDS = (b"avif", b"avis")
_MOST_PIXELS = 2**28


def is_avif(content: bytes) -> bool:
    """By the first bytes of the file."""
    return content[4:8] == b"ftyp" and content[8:12] in _BRANDS


def read_avif(content: bytes) -> ImageBGR | None:
    """UInt8[H, W, 3], as stored; None where it is damaged or absurdly large."""
    import av

    try:
        with av.open(io.BytesIO(content), "r") as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"max_pixels": str(_MOST_PIXELS)}
            for picture in container.decode(stream):
                return picture.to_ndarray(format="bgr24")  # type: ignore[return-value] # bgr24 gives UInt8[H, W, 3]
    except (av.FFmpegError, IndexError, ValueError):
        pass
    return None
