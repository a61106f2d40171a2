"""The first directory of a TIFF file, which is also the form of EXIF blocks. Pure; the content may come from anywhere.

Source: TIFF 6.0, section 2; BigTIFF, which has 64-bit offsets, as libtiff defines it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ORIENTATION = 274
EXTRA_SAMPLES = 338

_MAX_ENTRIES = 4096
_BYTE_ORDERS: dict[bytes, Literal["little", "big"]] = {b"II": "little", b"MM": "big"}
_SIZES = {1: 1, 3: 2, 4: 4}  # BYTE, SHORT, LONG


@dataclass(frozen=True, slots=True)
class TiffField:
    """The first value of an entry, an unsigned integer.

    Attributes:
        offset: Where it lies in the content, bytes.
        size: Its length, bytes.
        value: The number.
    """

    offset: int
    size: int
    value: int


def is_tiff(content: bytes) -> bool:
    """Returns whether the first bytes are those of a TIFF file."""
    return content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def first_directory(content: bytes) -> dict[int, TiffField]:
    """The integers of the first directory by their tags; empty where there is none.

    A list of values is represented by its first one; entries that are no integers or lie outside are left out.
    """
    order = _BYTE_ORDERS.get(content[:2])
    if order is None or not is_tiff(content):
        return {}

    def number(offset: int, size: int) -> int | None:
        piece = content[offset : offset + size]
        return int.from_bytes(piece, order) if len(piece) == size else None

    is_big = number(2, 2) == 43
    word, entry_size, count_size = (8, 20, 8) if is_big else (4, 12, 2)
    start = number(word, word)
    count = None if start is None else number(start, count_size)
    fields: dict[int, TiffField] = {}
    if start is None or count is None:
        return fields
    for entry in range(start + count_size, start + count_size + min(count, _MAX_ENTRIES) * entry_size, entry_size):
        tag, kind, values = number(entry, 2), number(entry + 2, 2), number(entry + 4, word)
        if tag is None or kind is None or values is None:
            break
        size, at = _SIZES.get(kind, 0), entry + 4 + word
        place: int | None = at if size * values <= word else number(at, word)
        value = None if place is None or not size or not values else number(place, size)
        if place is not None and value is not None:
            fields.setdefault(tag, TiffField(place, size, value))
    return fields


def with_value(content: bytes, field: TiffField, value: int) -> bytes:
    """A copy of the content in which ``field`` holds another value."""
    order = _BYTE_ORDERS[content[:2]]
    end = field.offset + field.size
    return content[: field.offset] + value.to_bytes(field.size, order) + content[end:]
