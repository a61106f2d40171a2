"""How an AVIF image is stored, as its boxes say: lying on a side, mirrored, in tiles. Pure; content from anywhere.

Source: ISO/IEC 14496-12 (``pitm``, ``iinf``) and 23008-12 (``iprp``, ``irot``, ``imir``); MIAF says that images
are turned first, then mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.core.sources.mp4_boxes import boxes, first_box
from app.core.sources.orientation import Orientation

_BRANDS = (b"avif", b"avis")


@dataclass(frozen=True, slots=True)
class AvifProperties:
    """Properties of the primary image.

    Attributes:
        orientation: The way to the upright image.
        is_tiled: It is put together from several coded images.
    """

    orientation: Orientation = field(default_factory=Orientation)
    is_tiled: bool = False


def is_avif(content: bytes) -> bool:
    """Returns whether the first bytes are those of an AVIF file."""
    return content[4:8] == b"ftyp" and content[8:12] in _BRANDS


def avif_properties(content: bytes) -> AvifProperties:
    """The properties of the primary image; the usual ones where the file is damaged or does not say."""
    meta = first_box(content, b"meta")[4:]
    primary = _Reader(first_box(meta, b"pitm"))
    item = primary.number(4 if primary.version else 2)
    parts = first_box(meta, b"iprp")
    properties = list(boxes(first_box(parts, b"ipco")))
    quarter_turns, mirror_axis = 0, None
    for index in _property_indices(_Reader(first_box(parts, b"ipma")), item):
        name, data = properties[index - 1] if 0 < index <= len(properties) else (b"", b"")
        if name == b"irot" and data:
            quarter_turns = data[0] & 3
        elif name == b"imir" and data:
            mirror_axis = data[0] & 1
    return AvifProperties(
        Orientation.from_heif(quarter_turns, mirror_axis), _item_type(first_box(meta, b"iinf"), item) == b"grid"
    )


class _Reader:
    """Numbers of a full box, one after the other; zeros beyond its end."""

    def __init__(self, box: bytes) -> None:
        self._box = box
        self._at = 0
        self.version = self.number(1)
        self.flags = self.number(3)

    def number(self, size: int) -> int:
        piece = self._box[self._at : self._at + size]
        self._at += size
        return int.from_bytes(piece, "big") if len(piece) == size else 0

    @property
    def has_more(self) -> bool:
        return self._at < len(self._box)

    @property
    def rest(self) -> bytes:
        return self._box[self._at :]


def _property_indices(table: _Reader, item: int) -> list[int]:
    """Places in ``ipco``, counted from 1, of an item's properties."""
    for _ in range(table.number(4)):
        if not table.has_more:
            break
        found = table.number(4 if table.version else 2)
        is_wide = table.flags & 1
        indices = [table.number(2) & 0x7FFF if is_wide else table.number(1) & 0x7F for _ in range(table.number(1))]
        if found == item:
            return indices
    return []


def _item_type(info: bytes, item: int) -> bytes:
    table = _Reader(info)
    table.number(4 if table.version else 2)
    for name, data in boxes(table.rest):
        entry = _Reader(data)
        if name == b"infe" and entry.version >= 2 and entry.number(4 if entry.version > 2 else 2) == item:
            return entry.rest[2:6]
    return b""
