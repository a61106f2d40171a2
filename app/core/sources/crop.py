"""Cropping that a container asks for: Matroska's PixelCrop, MP4's ``clap``. The calling thread owns the container.

FFmpeg reads both but leaves cropping to programs, and PyAV gives no access to what FFmpeg read. FFmpeg's own writers
do: a stream's header is written to memory, and the numbers are taken from there. Nothing from outside is parsed here.

Source: RFC 9559, section 5.1.4.1.28 (Video), with RFC 8794 for the lengths; ISO/IEC 14496-12, 12.1.4 (``clap``).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer

from app.core.sources.alpha import Plane
from app.core.sources.mp4_boxes import boxes, first_box

_CROPPING_FORMATS = ("matroska", "mov")
_SEGMENT, _TRACKS, _TRACK, _VIDEO = b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\xe0"
_LEFT, _TOP, _RIGHT, _BOTTOM = b"\x54\xcc", b"\x54\xbb", b"\x54\xdd", b"\x54\xaa"

_BEFORE_ENTRIES = 8  # bytes of ``stsd``
_VISUAL_SIZE, _VISUAL_ENTRY = 24, 78  # where a visual sample entry has its size, and its boxes
_CLAP = struct.Struct(">4I4i")  # width, height, and how far right and down the centre lies, fractions each


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
    for name, options, read in _WRITERS:
        header = io.BytesIO()
        try:
            with av.open(header, "w", format=name, options=options) as copy:
                copy.add_stream_from_template(stream, opaque=True)
                copy.start_encoding()
        except (av.FFmpegError, ValueError, OSError):  # it has no name for the codec
            continue
        return read(header.getvalue())
    return NO_CROP


def _pixel_crop(header: bytes) -> Crop:
    video = header
    for name in (_SEGMENT, _TRACKS, _TRACK, _VIDEO):
        video = next((data for found, data in _elements(video) if found == name), b"")
    numbers = {name: int.from_bytes(data, "big") for name, data in _elements(video)}
    return Crop(*(numbers.get(name, 0) for name in (_LEFT, _TOP, _RIGHT, _BOTTOM)))


def _clap(header: bytes) -> Crop:
    tables = header
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        tables = first_box(tables, name)
    _, entry = next(boxes(tables[_BEFORE_ENTRIES:]), (b"", b""))
    clap = first_box(entry[_VISUAL_ENTRY:], b"clap")
    if len(clap) != _CLAP.size:
        return NO_CROP
    stored = struct.unpack_from(">2H", entry, _VISUAL_SIZE)
    width, width_d, height, height_d, x, x_d, y, y_d = _CLAP.unpack(clap)
    if 0 in (width_d, height_d, x_d, y_d):
        return NO_CROP
    inside = Fraction(width, width_d), Fraction(height, height_d)
    moved = Fraction(x, x_d), Fraction(y, y_d)  # of the centre
    left, top = (int((whole - part) / 2 + off) for whole, part, off in zip(stored, inside, moved, strict=True))
    right, bottom = stored[0] - int(inside[0]) - left, stored[1] - int(inside[1]) - top
    return Crop(left, top, right, bottom) if min(left, top, right, bottom) >= 0 else NO_CROP


def _elements(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The id and data of each element; what is cut off ends at the content's end."""
    at = 0
    while at < len(content):
        id_size = 9 - content[at].bit_length()
        name = content[at : at + id_size]
        at += id_size
        if id_size > 4 or at >= len(content):
            return
        length_size = 9 - content[at].bit_length()
        length = int.from_bytes(content[at : at + length_size], "big") & ((1 << 7 * length_size) - 1)
        at += length_size
        yield name, content[at : at + length]
        at += length


# Matroska has a name for most codecs, the others for QuickTime's own.
_WRITERS: tuple[tuple[str, dict[str, str], Callable[[bytes], Crop]], ...] = (
    ("matroska", {}, _pixel_crop),
    ("mov", {"movflags": "empty_moov"}, _clap),
    ("mp4", {"movflags": "empty_moov"}, _clap),
)
