"""The orientation that EXIF states in JPEG, PNG, WebP and TIFF files. Pure; the content may come from anywhere."""

from __future__ import annotations

from collections.abc import Iterator

from app.core.sources.orientation import Orientation
from app.core.sources.tiff_directory import ORIENTATION, first_directory, is_tiff

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"

_EXIF = b"Exif\0\0"
_APP1, _START_OF_SCAN, _END = 0xE1, 0xDA, 0xD9
_BARE = (0x01, *range(0xD0, 0xD9))  # markers without a length
_MAX_CHUNKS = 100_000


def exif_orientation(content: bytes) -> Orientation:
    """The way to the upright image; as stored where the file does not say, or says nonsense."""
    block = _exif_block(content)
    field = first_directory(block).get(ORIENTATION) if block else None
    return Orientation() if field is None else Orientation.from_exif(field.value)


def is_webp(content: bytes) -> bool:
    """Returns whether the first bytes are those of a WebP file."""
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP"


def png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The name and data of each chunk; what is cut off is left out."""
    at = len(PNG)
    for _ in range(_MAX_CHUNKS):
        size = int.from_bytes(content[at : at + 4], "big")
        name, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        if len(name) < 4 or len(data) < size:
            return
        yield name, data
        at += size + 12


def _exif_block(content: bytes) -> bytes:
    """The EXIF block without its prefix, which begins as a TIFF file; empty where there is none."""
    if content.startswith(JPEG):
        return _of_jpeg(content)
    if content.startswith(PNG):
        return next((_bare(data) for name, data in png_chunks(content) if name == b"eXIf"), b"")
    if is_webp(content):
        return next((_bare(data) for name, data in _webp_chunks(content) if name == b"EXIF"), b"")
    return content if is_tiff(content) else b""


def _bare(block: bytes) -> bytes:
    """``block`` without the prefix that belongs into JPEG files only, but is written into others, too."""
    return block.removeprefix(_EXIF)


def _of_jpeg(content: bytes) -> bytes:
    at = len(JPEG)
    for _ in range(_MAX_CHUNKS):
        if at + 4 > len(content) or content[at] != 0xFF:
            break
        marker = content[at + 1]
        if marker == 0xFF or marker in _BARE:  # padding, or nothing but itself
            at += 1 if marker == 0xFF else 2
            continue
        if marker in (_START_OF_SCAN, _END):
            break
        size = int.from_bytes(content[at + 2 : at + 4], "big")
        data = content[at + 4 : at + 2 + size]
        if marker == _APP1 and data.startswith(_EXIF):
            return _bare(data)
        at += 2 + max(size, 2)
    return b""


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    for _ in range(_MAX_CHUNKS):
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        name, data = content[at : at + 4], content[at + 8 : at + 8 + size]
        if len(name) < 4 or len(data) < size:
            return
        yield name, data
        at += 8 + size + size % 2
