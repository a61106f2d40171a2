"""A lock on an open file that ends with it, so that two programs never write the same one."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
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


_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_IS_SYMLINK = (errno.ELOOP, errno.EMLINK)  # the second on FreeBSD


class LockedError(OSError):
    """Another program writes this very file."""


@contextlib.contextmanager
def only_here(path: Path) -> Iterator[None]:
    """Keeps other programs out while inside, by a lock on ``path``, which is there for nothing else, and goes after.

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
        if path.is_symlink():
            path.unlink()  # somebody else's file lies behind this name: never write through it
        try:
            descriptor = os.open(path, _FLAGS, mode)
        except OSError as error:
            if error.errno in _IS_SYMLINK and path.is_symlink():
                continue  # it became one between the two calls
            raise
        try:
            if _is_usable(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_usable(descriptor: int, path: Path) -> bool:
    """Returns whether the open file is a file of its own, now locked, that still has its name.

    Raises:
        LockedError: Another program has it.
        OSError: It is no file.
    """
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EEXIST, "something that is not a file is in its way", str(path))
    if facts.st_nlink > 1:
        path.unlink()  # another name of somebody's file
        return False
    try:
        lock(descriptor)
    except OSError as error:
        raise LockedError(f"{path.name} is being written by another program") from error
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(facts, path.lstat())
    return False  # since it was opened its writer gave it its final name, and this one is free again
