"""FlatBuffers and FlexBuffers, read straight from bytes; every offset and length is checked before it is followed.

https://flatbuffers.dev/internals and https://flatbuffers.dev/flexbuffers
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

MAX_VALUES = 2_000_000
"""Table fields and vector elements read of one buffer; a detector has some ten thousand."""
MAX_TEXT_BYTES = 4096

_FLEX_INT, _FLEX_UINT, _FLEX_FLOAT, _FLEX_MAP, _FLEX_BOOL = 1, 2, 3, 9, 26
_MAX_KEYS = 100


class FlatError(ValueError):
    """Not the format, or not within our limits; the text ends a sentence."""


@dataclass(slots=True)
class Buffer:
    """Bytes that offsets are read from.

    Attributes:
        data: All of them.
        values_left: How many more values may be read.
    """

    data: bytes | bytearray
    values_left: int = MAX_VALUES

    def number(self, kind: str, place: int) -> int:
        """Reads a whole number; ``kind`` as for ``struct``."""
        self.values_left -= 1
        if self.values_left < 0:
            raise FlatError(f"it has more than {MAX_VALUES} values")
        return int(self._unpacked(kind, place))

    def real(self, kind: str, place: int) -> float:
        """Reads a finite float."""
        value = float(self._unpacked(kind, place))
        if not math.isfinite(value):
            raise FlatError("it has a setting that is NaN or infinite")
        return value

    def _unpacked(self, kind: str, place: int) -> float:
        if place < 0 or place + struct.calcsize(f"<{kind}") > len(self.data):
            raise FlatError("a part of it lies outside the file")
        value: float = struct.unpack_from(f"<{kind}", self.data, place)[0]
        return value

    def target(self, place: int) -> int:
        """Follows the offset at ``place``."""
        offset = self.number("I", place)
        if offset == 0 or place + offset > len(self.data) - 4:
            raise FlatError("a part of it lies outside the file")
        return place + offset

    def vector(self, place: int, item_bytes: int) -> tuple[int, int]:
        """Returns where the first element of the vector at ``place`` is, and how many there are."""
        count = self.number("I", place)
        if count * item_bytes > len(self.data) - place - 4:
            raise FlatError("a list of it is longer than the file")
        return place + 4, count

    def root(self) -> Table:
        """The outermost table."""
        return Table(self, self.target(0))


class Table:
    """One table.

    Args:
        buffer: What it lies in.
        place: Where.

    Raises:
        FlatError: It has no vtable inside the buffer.
    """

    def __init__(self, buffer: Buffer, place: int) -> None:
        self.buffer, self._place = buffer, place
        self._vtable = place - buffer.number("i", place)
        self._size = buffer.number("H", self._vtable)
        if self._size < 4 or self._size % 2 or self._vtable + self._size > len(buffer.data):
            raise FlatError("a table of it is damaged")

    def field(self, index: int) -> int | None:
        """Returns where a field's value is; None where it is absent."""
        entry = 4 + 2 * index
        if entry + 2 > self._size:
            return None
        offset = self.buffer.number("H", self._vtable + entry)
        return self._place + offset if offset else None

    def number(self, index: int, kind: str, default: int = 0) -> int:
        """A field with a whole number."""
        place = self.field(index)
        return default if place is None else self.buffer.number(kind, place)

    def vector(self, index: int, item_bytes: int) -> tuple[int, int]:
        """Returns of a field what ``Buffer.vector`` does; no elements where it is absent."""
        place = self.field(index)
        return (0, 0) if place is None else self.buffer.vector(self.buffer.target(place), item_bytes)

    def numbers(self, index: int, kind: str) -> tuple[int, ...]:
        """A field with whole numbers."""
        size = struct.calcsize(f"<{kind}")
        start, count = self.vector(index, size)
        return tuple(self.buffer.number(kind, start + size * i) for i in range(count))

    def reals(self, index: int) -> tuple[float, ...]:
        """A field with floats."""
        start, count = self.vector(index, 4)
        self.buffer.values_left -= count
        return tuple(self.buffer.real("f", start + 4 * i) for i in range(count)) if self.buffer.values_left >= 0 else ()

    def tables(self, index: int) -> list[Table]:
        """A field with tables."""
        start, count = self.vector(index, 4)
        return [Table(self.buffer, self.buffer.target(start + 4 * i)) for i in range(count)]

    def text(self, index: int) -> str:
        """A field with text; "" where it is absent."""
        start, count = self.vector(index, 1)
        if count > MAX_TEXT_BYTES:
            raise FlatError(f"it has a name of {count} bytes")
        return bytes(self.buffer.data[start : start + count]).decode("utf-8", errors="replace")

    def table(self, index: int) -> Table | None:
        """A field with a table."""
        place = self.field(index)
        return None if place is None else Table(self.buffer, self.buffer.target(place))


def flex_numbers(data: bytes) -> dict[str, float]:
    """The numbers and flags of a FlexBuffers map, by name; values of other kinds are left out.

    Raises:
        FlatError: It is no map, or damaged.
    """
    if len(data) < 3 or data[-1] not in (1, 2, 4, 8) or data[-2] >> 2 != _FLEX_MAP:
        raise FlatError("the settings of an operator are damaged")
    buffer = Buffer(data)
    root, width = len(data) - 2 - data[-1], 1 << (data[-2] & 3)
    start = root - _uint(buffer, root, data[-1])
    count = _uint(buffer, start - width, width)
    keys = start - 3 * width
    keys, key_width = keys - _uint(buffer, keys, width), _uint(buffer, start - 2 * width, width)
    if count > _MAX_KEYS or key_width not in (1, 2, 4, 8):
        raise FlatError("the settings of an operator are damaged")
    found: dict[str, float] = {}
    for index in range(count):
        place = keys + index * key_width
        name = place - _uint(buffer, place, key_width)
        end = data.find(b"\0", max(name, 0), max(name, 0) + MAX_TEXT_BYTES)
        kind = buffer.number("B", start + count * width + index)
        value = _flex_value(buffer, start + index * width, width, kind >> 2)
        if name < 0 or end < 0:
            raise FlatError("the settings of an operator are damaged")
        if value is not None:
            found[data[name:end].decode("ascii", errors="replace")] = value
    return found


def _uint(buffer: Buffer, place: int, width: int) -> int:
    return buffer.number({1: "B", 2: "H", 4: "I", 8: "Q"}[width], place)


def _flex_value(buffer: Buffer, place: int, width: int, kind: int) -> float | None:
    if kind == _FLEX_INT:
        return buffer.number({1: "b", 2: "h", 4: "i", 8: "q"}[width], place)
    if kind in (_FLEX_UINT, _FLEX_BOOL):
        return _uint(buffer, place, width)
    if kind == _FLEX_FLOAT and width >= 2:
        return buffer.real({2: "e", 4: "f", 8: "d"}[width], place)
    return None
