"""A small disk of its own that can be filled: a file system in memory, which only root may mount."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

_PIECE = bytes(1_000_000)


class SmallDisk:
    """Mounted while entered as a context.

    Args:
        folder: Where; an empty folder.
        megabytes: Its size.

    Attributes:
        missing: Why it is an ordinary folder; "" where it is a disk.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._folder = folder
        self._ballast = folder / "ballast"
        self._size = f"size={megabytes}m"
        self.missing = "" if sys.platform == "linux" and os.geteuid() == 0 else "a disk of its own needs root on Linux"

    def __enter__(self) -> SmallDisk:
        if not self.missing:
            mounted = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", self._size, "none", str(self._folder)], capture_output=True, check=False
            )
            self.missing = "" if mounted.returncode == 0 else "a disk in memory cannot be mounted"
        return self

    def __exit__(self, *exc_info: object) -> None:
        if not self.missing:
            subprocess.run(["umount", str(self._folder)], check=True)

    def fill(self) -> None:
        """Leaves not a byte."""
        with contextlib.suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while True:
                file.write(_PIECE)

    def empty(self) -> None:
        """Gives the room back."""
        self._ballast.unlink(missing_ok=True)
