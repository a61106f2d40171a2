"""A lock on an open file that ends with it, so that two programs never write the same one."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def lock(descriptor: int) -> None:
        """Lock the open file, or raise ``OSError`` at once if another program has."""
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def lock(descriptor: int) -> None:
        """Lock the open file, or raise ``OSError`` at once if another program has."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class LockedError(OSError):
    """Another program writes this very file."""


@contextlib.contextmanager
def only_here(path: Path) -> Iterator[None]:
    """While inside, no other program is; by a lock on ``path``, which is there for nothing else and goes afterwards.

    Raises:
        LockedError: Another program is inside.
        OSError: The file cannot be made.
    """
    descriptor = open_locked(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # before it is let go: who waits for this very file looks whether it still has its name
        os.close(descriptor)


def open_locked(path: Path, mode: int = 0o666) -> int:
    """A descriptor of ``path``, for reading and writing, locked, its content as it was; created where there is none.

    Args:
        path: The file.
        mode: Who may use it, when it is created.

    Raises:
        LockedError: Another program has it.
        OSError: It cannot be opened.
    """
    while True:
        if path.is_symlink() or (path.is_file() and path.stat().st_nlink > 1):
            path.unlink()  # somebody else's file lies behind this name: never write through it
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), mode)
        try:
            lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise LockedError(f"{path.name} is being written by another program") from error
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)  # between the two calls its writer gave it its final name, and this one is free again
