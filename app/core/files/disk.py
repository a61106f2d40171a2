"""Room on a disk, and sizes for people."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

MIN_ROOM = 65_536
"""Bytes that must be free before a write that failed is tried again."""
_RESERVE = 8_000_000
_RESERVED_PART = 64


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """A disk, in bytes.

    Attributes:
        free: Room that is left.
        total: Size of the disk.
    """

    free: int
    total: int

    @property
    def reserve(self) -> int:
        """Room that an export leaves to other programs: 8 MB, or a 64th of a small disk."""
        return max(MIN_ROOM, min(_RESERVE, self.total // _RESERVED_PART))


def disk_space(folder: Path) -> DiskSpace | None:
    """The disk of ``folder``; None when it cannot be told."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return DiskSpace(usage.free, usage.total)


def size_text(size: int) -> str:
    """Returns bytes for people, such as "12 B", "2.8 MB", "160 GB"; a KB is 1000 bytes."""
    amount, unit = float(size), "B"
    for larger in ("KB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
