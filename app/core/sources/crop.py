"""Cropping that a container asks for: Matroska's PixelCrop, MP4's ``clap``. The calling thread owns the container.

FFmpeg reads both but leaves cropping to programs, and PyAV gives no access to what FFmpeg read. FFmpeg's own Matroska
writer does: a stream's header is written to memory, and the numbers are taken from there: nothing is parsed here that
comes from outside.

Source: RFC 9559, section 5.1.4.1.28 (Video settings), and RFC 8794 for the lengths.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.container import InputContainer

from app.core.sources.alpha import Plane

_CROPPING_FORMATS = ("matroska", "mov")
_SEGMENT, _TRACKS, _TRACK, _VIDEO = b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\xe0"
_LEFT, _TOP, _RIGHT, _BOTTOM = b"\x54\xcc", b"\x54\xbb", b"\x54\xdd", b"\x54\xaa"


@dataclass(frozen=True, slots=True)
class Crop:
    """Pixels that are not shown at each edge of a stored frame."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def shown(self, height: int, width: int) -> tuple[int, int]:
        """The height and width that are shown; all where nothing would be left."""
        inside = height - self.top - self.bottom, width - self.left - self.right
        return inside if min(inside) > 0 else (height, width)

    def apply(self, image: Plane) -> Plane:
        """The part of UInt8[H, W, C] that is shown, a view."""
        size = image.shape[0], image.shape[1]
        height, width = self.shown(*size)
        if (height, width) == size:
            return image
        return image[self.top : self.top + height, self.left : self.left + width]


NO_CROP = Crop()


def container_crop(container: InputContainer, stream: av.VideoStream) -> Crop:
    """The cropping that an open container asks for; none where it does not."""
    if not container.format.name.startswith(_CROPPING_FORMATS):
        return NO_CROP
    header = io.BytesIO()
    try:
        with av.open(header, "w", format="matroska") as copy:
            copy.add_stream_from_template(stream)
            copy.start_encoding()
    except (av.FFmpegError, ValueError, OSError):  # a codec that Matroska has no name for
        return NO_CROP
    video = header.getvalue()
    for name in (_SEGMENT, _TRACKS, _TRACK, _VIDEO):
        video = next((data for found, data in _elements(video) if found == name), b"")
    numbers = {name: int.from_bytes(data, "big") for name, data in _elements(video)}
    return Crop(*(numbers.get(name, 0) for name in (_LEFT, _TOP, _RIGHT, _BOTTOM)))


def _elements(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The id and data of each element; what is cut off ends at the content's end."""
    at = 0
    while at < len(content):
        id_size = 9 - content[at].bit_length()
        name = content[at : at + id_size]
        at += id_size
        if id_size > 4 or at >= len(content):
            return
        size_size = 9 - content[at].bit_length()
        size = int.from_bytes(content[at : at + size_size], "big") & ((1 << 7 * size_size) - 1)
        at += size_size
        yield name, content[at : at + size]
        at += size
