"""A file while it is being written: ``NAME.part`` beside its target, locked, and renamed over it when complete.

The lock keeps two programs from writing the same file, and lasts until the file has its final name: nobody can take it
for an abandoned part in between. On Windows an open file can be neither renamed nor removed; that is met here alone.
Owned by the thread that writes. Raises plain ``OSError``: callers say in their words what could not be written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from detector.file_lock import open_locked

PART_SUFFIX = ".part"


class PartLostError(OSError):
    """The part was removed while it was written, or its name leads to something else now."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.ENOENT, f"{path.name} was removed or replaced while it was written")


class Writable(Protocol):
    """The part of a binary file object that is used here."""

    @property
    def closed(self) -> bool: ...

    def write(self, content: Any, /) -> object: ...

    def flush(self) -> object: ...

    def fileno(self) -> int: ...

    def close(self) -> object: ...


F = TypeVar("F", bound=Writable)


def part_path(target: Path) -> Path:
    """Returns where ``target`` is while it is being written."""
    return target.with_name(target.name + PART_SUFFIX)


class PartFile(Generic[F]):
    """The part of one target, with whatever an earlier run left in it.

    Args:
        target: The final name; its folder must exist.
        opened: Makes the file object of the locked descriptor, which is open for reading and writing.
        private: Nobody but the user may read the file.

    Attributes:
        file: What ``opened`` made.

    Raises:
        LockedError: Another program writes it.
        OSError: It cannot be opened.
    """

    def __init__(self, target: Path, opened: Callable[[int], F], private: bool = False) -> None:
        self.target = target
        self.path = part_path(target)
        self.file = opened(open_locked(self.path, 0o600 if private else 0o666))
        self._identity = os.fstat(self.file.fileno())
        if private and sys.platform != "win32":  # a part that was left may be open to others
            os.fchmod(self.file.fileno(), 0o600)

    def sync(self) -> None:
        """Bring everything written so far safely to the disk.

        Raises:
            OSError: It cannot be written.
        """
        self.file.flush()
        os.fsync(self.file.fileno())

    def commit(self) -> None:
        """Give the part its final name, in one step, and close it.

        Raises:
            PartLostError: The name of the part leads to something else now, or to nothing.
            OSError: It cannot be renamed; what had the final name is untouched.
        """
        if not self._has_its_name() and self.path.parent.is_dir():
            raise PartLostError(self.path)
        if sys.platform == "win32":
            self.file.close()
        self.path.replace(self.target)
        self.file.close()  # lets go of the lock

    def discard(self) -> None:
        """Close and remove the part; not after ``commit``. Never raises. Leaves what took its name."""
        ours = self._has_its_name()
        if sys.platform != "win32":  # while the lock is held: a moment later it may be another program's part
            self._remove(ours)
        with contextlib.suppress(OSError):
            self.file.close()  # flushes, which fails again on a full disk
        if sys.platform == "win32":
            self._remove(ours)

    def _has_its_name(self) -> bool:
        """Returns whether the name still leads to the file that is written; what is behind a link is not looked at."""
        with contextlib.suppress(OSError):
            return os.path.samestat(self._identity, self.path.lstat())
        return False

    def _remove(self, ours: bool) -> None:
        if not ours:
            return
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def remove_abandoned_part(target: Path) -> None:
    """Remove the part of ``target`` that was left, unless somebody writes it; never raises."""
    with contextlib.suppress(OSError):
        if part_path(target).is_file():
            PartFile(target, lambda descriptor: os.fdopen(descriptor, "r+b")).discard()
