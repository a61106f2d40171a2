"""Files that appear under their name only when they are complete.

Written as ``NAME.part`` beside the target, then renamed over it in one step. A lock on the part keeps two programs
from writing the same file. Owned by the thread that writes.

Files that belong together get their names together: inside ``commit_together`` a commit brings the file to the disk,
and the names follow when all are there. Inside ``waiting_for_room`` a full disk is waited for instead of being a failure. Both
hold for the thread, and for parts begun in their block, so that what writes files need not know of them.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any

from app.core.errors import AppError
from detector.file_lock import LockedError, open_locked

SUFFIX = ".part"
FULL = (errno.ENOSPC, errno.EDQUOT)

WaitForRoom = Callable[[OSError, Path], None]
"""Given the failure and the file that does not fit; returns when it is worth trying again, or raises."""

_wait: ContextVar[WaitForRoom | None] = ContextVar("wait", default=None)
_waiting_names: ContextVar[list[AtomicFile] | None] = ContextVar("waiting_names", default=None)


@contextlib.contextmanager
def waiting_for_room(wait: WaitForRoom) -> Iterator[None]:
    """Parts begun in this block call ``wait`` when the disk is full, and write on after it."""
    before = _wait.set(wait)
    try:
        yield
    finally:
        _wait.reset(before)


def room_waiter() -> WaitForRoom | None:
    """What ``waiting_for_room`` says here; for writers of files that are no ``AtomicFile``."""
    return _wait.get()


@contextlib.contextmanager
def commit_together() -> Iterator[None]:
    """Files committed in this block get their names at its end, one right after the other.

    Raises:
        AppError: A name cannot be given; that file and those after it are not there.
    """
    parts: list[AtomicFile] = []
    before = _waiting_names.set(parts)
    try:
        yield
    except BaseException:
        for part in parts:
            part.discard()
        raise
    finally:
        _waiting_names.reset(before)
    for part in parts:
        part.commit()


class WaitingFile(io.FileIO):
    """A file that waits for room where the disk is full."""

    def __init__(self, descriptor: int, path: Path, wait: WaitForRoom) -> None:
        super().__init__(descriptor, "wb")
        self._path = path
        self._wait: WaitForRoom | None = wait

    def write(self, content: Any, /) -> int:
        while True:
            try:
                return self.write_once(content)
            except OSError as error:
                if self._wait is None or error.errno not in FULL:
                    raise
                self._wait(error, self._path)

    def write_once(self, content: Any) -> int:
        """Write what fits."""
        return super().write(content)

    def hurry(self) -> None:
        """Wait no more: what is written from now on is not wanted."""
        self._wait = None


class AtomicFile:
    """A file being written; leaving the ``with`` block without ``commit`` removes it.

    Args:
        target: The final name; its folder must exist.

    Raises:
        AppError: The folder is not there, is read-only or full, or another program writes this very file.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(target.name + SUFFIX)
        try:
            self.file = _opened(open_locked(self.path), target)
            self.file.truncate()  # a part left by a crash is taken over
        except LockedError as error:
            raise AppError(
                f"{target.name} is being written by another program.", "Wait, or choose another name."
            ) from error
        except OSError as error:
            raise explain_write_error(error, target) from error
        self._ended = False
        self._complete = False

    def complete(self) -> None:
        """Bring everything written so far safely to the disk; only the name is missing then.

        Raises:
            AppError: It cannot; the part is removed.
        """
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
        except OSError as error:
            self.discard()
            raise explain_write_error(error, self.target) from error
        self._complete = True

    def commit(self) -> None:
        """Make everything written so far appear under the final name; in ``commit_together``, at the end of the block.

        Raises:
            AppError: It cannot; the part is removed, and what had the final name is untouched.
        """
        if not self._complete:
            self.complete()
        waiting = _waiting_names.get()
        if waiting is not None:
            waiting.append(self)
            return
        try:
            if sys.platform == "win32":  # there an open file cannot be renamed
                self.file.close()
            self.path.replace(self.target)
            self.file.close()  # lets go of the lock, when nobody can take this file for a part any more
        except OSError as error:
            self.discard()
            raise explain_write_error(error, self.target) from error
        self._ended = True

    def discard(self) -> None:
        """Remove the part, unless it was committed; may be called twice, never raises."""
        if self._ended:
            return
        self._ended = True
        raw = self.file.raw
        if isinstance(raw, WaitingFile):
            raw.hurry()
        if sys.platform != "win32":  # while the lock is held: a moment later it may be another program's part
            self._remove()
        with contextlib.suppress(OSError):
            self.file.close()  # flushes, which fails again on a full disk
        if sys.platform == "win32":  # there an open file cannot be removed
            self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> AtomicFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def _opened(descriptor: int, target: Path) -> io.BufferedWriter:
    wait = room_waiter()
    raw = io.FileIO(descriptor, "wb") if wait is None else WaitingFile(descriptor, target, wait)
    return io.BufferedWriter(raw)


def remove_abandoned_part(path: Path) -> None:
    """Remove a part that was left, unless somebody writes it; never raises."""
    with contextlib.suppress(OSError):
        if not path.is_file():
            return
        descriptor = open_locked(path)
        try:
            if sys.platform != "win32":
                path.unlink()
        finally:
            os.close(descriptor)
        if sys.platform == "win32":  # there an open file cannot be removed
            path.unlink()


def write_atomically(target: Path, content: bytes) -> None:
    """Put ``content`` under ``target`` in one step.

    Raises:
        AppError: As ``AtomicFile``.
    """
    with AtomicFile(target) as part:
        try:
            part.file.write(content)
        except OSError as error:
            raise explain_write_error(error, target) from error
        part.commit()


def explain_write_error(error: OSError, path: Path) -> AppError:
    """One plain line for a failure to write ``path``, and what to do."""
    folder = path.parent
    if error.errno in FULL:
        return AppError(f"The disk is full: {path.name} could not be written.", f"Free some space on {folder}.")
    if error.errno == errno.EFBIG:
        return AppError(f"{path.name} grew too large for the disk's file system.", "Write to another disk.")
    if error.errno == errno.ENOENT:
        return AppError(f"The folder {folder} does not exist (any more).", "Create it, or choose another.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return AppError(f"{path} cannot be written: no permission.", "Choose another folder.")
    if error.errno in (errno.EISDIR, errno.ENOTDIR):
        return AppError(f"{path} cannot be written: a folder or file is in its way.", "Choose another name.")
    if error.errno == errno.ENAMETOOLONG:
        return AppError(f"The file name {path.name[:40]}… is too long.", "Choose a shorter one.")
    return AppError(f"{path} cannot be written: {error.strerror or error}.")
