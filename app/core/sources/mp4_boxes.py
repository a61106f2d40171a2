"""The boxes that MP4 and AVIF files consist of (ISO/IEC 14496-12, 4.2). Pure; the content may come from anywhere."""

from __future__ import annotations

from collections.abc import Iterator

_MAX_BOXES = 10_000
_MAX_HEADER = 16  # bytes: size, name, 64-bit size


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The name and data of each box; data that are cut off end with the content."""
    at = 0
    for _ in range(_MAX_BOXES):
        head = content[at : at + _MAX_HEADER]
        if len(head) < 8:
            return
        size, used = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, used = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = len(content) - at
        if size < used:
            return
        yield head[4:8], content[at + used : at + size]
        at += size


def first_box(content: bytes, name: bytes) -> bytes:
    """The data of the first box of that name; empty where there is none."""
    return next((data for found, data in boxes(content) if found == name), b"")
