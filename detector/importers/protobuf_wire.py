"""The wire format of Protocol Buffers, read straight from a file by a small schema of ours. No torch.

A model is a few hundred small fields and a few large arrays. The small ones become Python values; an array is read
from the file into memory of its own, so a model is held once. Lengths are claims until they are checked against the
message around them, and the outermost message ends with the file: nothing is allocated that the file does not hold.
https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO, Literal, NoReturn

import numpy as np
import numpy.typing as npt

MAX_VALUES = 200_000
"""Fields and list elements of a whole file, arrays aside; a real model has some thousands."""
MAX_TEXT_BYTES = 4096

Scalar = Literal["text", "whole", "real", "reals32", "reals64", "bytes"]
"""``whole`` is any varint, ``real`` a finite float; ``reals32`` and ``reals64`` are floats and doubles, as arrays, and
``bytes`` are UInt8[N]."""
Schema = Mapping[int, tuple[str, Any]]
"""Field number -> (name, ``Scalar`` or the ``Schema`` of a message); every other field is passed over."""
Message = dict[str, list[Any]]
"""Values by field name in the order of the file: str, int, float, ``Message`` or arrays; absent fields are absent."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
_FIRST_RUN, MAX_RUN = 64, 2**18  # elements read at once of an array that is not packed


class WireError(ValueError):
    """Not the wire format, or not within our limits; the text ends a sentence."""


def read_message(file: BinaryIO, size: int, schema: Schema, most_values: int = MAX_VALUES) -> Message:
    """Read one message that fills the file.

    Args:
        file: At its start, buffered.
        size: Of the file, bytes.
        schema: What to keep.
        most_values: As ``MAX_VALUES``, for formats whose files have more.

    Raises:
        WireError: Cut off, damaged, or beyond the limits.
        OSError: The file cannot be read.
    """
    return _Reader(file, most_values).message(schema, size)


class _Reader:
    def __init__(self, file: BinaryIO, most_values: int) -> None:
        self._file = file
        self._position = 0
        self._values_left = self._most_values = most_values

    def message(self, schema: Schema, end: int) -> Message:
        """The message from here to ``end``. Recurses no deeper than ``schema`` is nested."""
        message: Message = {}
        while self._position < end:
            self._count(1)
            tag = self._varint(end)
            if tag < 8:
                raise WireError("it has a field without a number")
            name, kind = schema.get(tag >> 3, ("", None))
            values = None if kind is None else self._values(kind, tag, end)
            if values is None:  # a field of no interest, or of another kind than expected
                self._skip(tag & 7, end)
            else:
                message.setdefault(name, []).extend(values)
        return message

    def _values(self, kind: Any, tag: int, end: int) -> list[Any] | None:
        """The values the current field adds to its list; None, and nothing read, if it is encoded as another kind."""
        wire = tag & 7
        if isinstance(kind, Mapping):
            return [self.message(kind, self._length(end))] if wire == _BYTES else None
        if kind == "text":
            return [self._text(self._length(end))] if wire == _BYTES else None
        if kind == "whole":
            if wire == _VARINT:
                return [_signed(self._varint(end))]
            return self._packed_whole(self._length(end)) if wire == _BYTES else None
        if kind == "bytes":
            return [self._array(np.dtype(np.uint8), self._length(end))] if wire == _BYTES else None
        fixed, dtype = (_FIXED64, np.dtype("<f8")) if kind == "reals64" else (_FIXED32, np.dtype("<f4"))
        if kind == "real":
            if wire == fixed:
                return self._reals(self._position + 4, end)
            return self._reals(self._length(end), end) if wire == _BYTES else None
        if wire == fixed:
            return [self._run(tag, dtype, end)]
        return [self._array(dtype, self._length(end))] if wire == _BYTES else None

    def _count(self, values: int) -> None:
        self._values_left -= values
        if self._values_left < 0:
            raise WireError(f"it has more than {self._most_values} fields")

    def _bytes(self, count: int, end: int) -> bytes:
        if count > end - self._position:
            _cut()
        content = self._file.read(count)
        if len(content) < count:  # the file shrinks while it is read
            _cut()
        self._position += count
        return content

    def _varint(self, end: int) -> int:
        value = 0
        for index in range(_MAX_VARINT_BYTES):
            byte = self._bytes(1, end)[0]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value
        raise WireError("it has a number that does not end")

    def _length(self, end: int) -> int:
        """The end of the current, length-delimited field."""
        length = self._varint(end)
        if length > end - self._position:
            _cut()
        return self._position + length

    def _skip(self, wire: int, end: int) -> None:
        if wire == _VARINT:
            self._varint(end)
        elif wire == _BYTES:
            self._position = self._file.seek(self._length(end))
        elif wire in (_FIXED64, _FIXED32):
            self._bytes(8 if wire == _FIXED64 else 4, end)
        else:
            raise WireError("it has a field of an unknown kind")

    def _text(self, end: int) -> str:
        if end - self._position > MAX_TEXT_BYTES:
            raise WireError(f"it has a name of {end - self._position} bytes")
        return self._bytes(end - self._position, end).decode("utf-8", errors="replace")

    def _packed_whole(self, end: int) -> list[int]:
        values = []
        while self._position < end:
            self._count(1)
            values.append(_signed(self._varint(end)))
        return values

    def _reals(self, stop: int, end: int) -> list[float]:
        length = stop - self._position
        self._count(length // 4)
        values = struct.unpack(f"<{_items(length, 4)}f", self._bytes(length, end))
        if not all(map(math.isfinite, values)):
            raise WireError("it has a setting that is NaN or infinite")
        return list(values)

    def _array(self, dtype: np.dtype[Any], end: int) -> npt.NDArray[Any]:
        """The rest until ``end`` as numbers, in memory of its own: aligned, writable."""
        array = np.empty(_items(end - self._position, dtype.itemsize), dtype)
        view, got = array.view(np.uint8).data, 0
        while got < len(view):
            count = self._file.readinto(view[got:])  # type: ignore[attr-defined]  # BinaryIO lacks it, files have it
            if not count:
                _cut()
            got += count
        self._position = end
        return array

    def _run(self, tag: int, dtype: np.dtype[Any], end: int) -> npt.NDArray[Any]:
        """An array whose every element repeats its tag, as writers ignorant of packing left it."""
        # The element after the tag just read, then whole (tag, element) pairs for as long as they follow.
        parts = [np.frombuffer(self._bytes(dtype.itemsize, end), dtype)]
        pair = np.dtype([("tag", "u1"), ("value", dtype)])
        count = _FIRST_RUN if tag < 0x80 else 0
        while count := min(count, (end - self._position) // pair.itemsize):
            start = self._position
            pairs = np.frombuffer(self._bytes(count * pair.itemsize, end), pair)
            others = np.flatnonzero(pairs["tag"] != tag)
            same = int(others[0]) if others.size else count
            parts.append(pairs["value"][:same].copy())
            if same < count:
                self._position = self._file.seek(start + same * pair.itemsize)
                break
            count = min(2 * count, MAX_RUN)
        return np.concatenate(parts)


def _items(length: int, itemsize: int) -> int:
    if length % itemsize:
        raise WireError("it has an array that ends inside a number")
    return length // itemsize


def _signed(value: int) -> int:
    """Negative numbers are written as their 64-bit two's complement."""
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


def _cut() -> NoReturn:
    raise WireError("a part of it is longer than what is there")


def last_of(message: Message, key: str, default: Any) -> Any:
    """Returns the last value of a field, which is the one that counts; ``default`` where there is none."""
    values = message.get(key)
    return values[-1] if values else default


def text_of(message: Message, key: str) -> str:
    """Returns a field of text; "" where there is none."""
    return str(last_of(message, key, ""))
