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
    """Bytes for people: "1.4 GB"."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "bytes" else f"{amount:.1f} {unit}"
