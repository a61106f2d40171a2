"""Writes curves in TensorBoard's file format, without TensorBoard: checksummed records, each a small message.

A record is its length (8 bytes, little endian), a masked CRC-32C of these, the message, and a masked CRC-32C of the
message. The message is TensorFlow's ``Event`` (``event.proto``, ``summary.proto``), encoded by hand: a curve needs only
four of its fields. Owned by the training thread.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, reflected
_MASK = 0xA282EAD8


def _table() -> tuple[int, ...]:
    entries = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        entries.append(value)
    return tuple(entries)


_CRC = _table()


class EventFile:
    """A file of scalars by step; writes are unbuffered, so a killed training leaves a readable file.

    Args:
        folder: Folder of the file, whose name TensorBoard recognises; each run makes its own.

    Raises:
        OSError: The file cannot be created.
    """

    def __init__(self, folder: Path) -> None:
        now = time.time()
        self.path = folder / f"events.out.tfevents.{int(now)}.{time.monotonic_ns()}.ssd-viewer"
        self._file: BinaryIO = self.path.open("xb")
        self._write(_number(1, now) + _text(3, b"brain.Event:2"))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Adds one point to each curve in ``values``."""
        summary = b"".join(_text(1, _text(1, tag.encode()) + _single(2, value)) for tag, value in values.items())
        self._write(_number(1, time.time()) + _integer(2, step) + _text(5, summary))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _write(self, message: bytes) -> None:
        length = struct.pack("<Q", len(message))
        check = struct.pack("<I", masked_crc(message))
        self._file.write(length + struct.pack("<I", masked_crc(length)) + message + check)
        self._file.flush()


def masked_crc(content: bytes) -> int:
    """Returns the format's checksum: CRC-32C, rotated and shifted so that a checksum of checksums stays sound."""
    crc = crc32c(content)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def crc32c(content: bytes) -> int:
    """Returns the CRC-32 with Castagnoli's polynomial."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _number(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _text(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _single(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)
