"""Errors in writing files: explained in plain words, and a full disk waited for where somebody wants that.

``waiting_for_room`` holds for the thread, and for what is begun in its block, so that writers need not know of it.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from app.core.errors import AppError

_FULL = (errno.ENOSPC, errno.EDQUOT)

T = TypeVar("T")
WaitForRoom = Callable[[OSError, Path], None]
"""Given the failure and the file that does not fit; returns when it is worth trying again, or raises."""

_wait: ContextVar[WaitForRoom | None] = ContextVar("wait", default=None)


@contextlib.contextmanager
def waiting_for_room(wait: WaitForRoom) -> Iterator[None]:
    """Files and folders begun in this block call ``wait`` when the disk is full, and write on after it."""
    before = _wait.set(wait)
    try:
        yield
    finally:
        _wait.reset(before)


def room_waiter() -> WaitForRoom | None:
    """The ``wait`` of the surrounding ``waiting_for_room``; None outside."""
    return _wait.get()


def retry_when_full(write: Callable[[], T], path: Path, wait: WaitForRoom | None) -> T:
    """The result of ``write``, which is called again after each wait for room.

    Raises:
        OSError: Another failure, or nobody waits.
    """
    while True:
        try:
            return write()
        except OSError as error:
            if wait is None or error.errno not in _FULL:
                raise
            wait(error, path)


def explain_write_error(error: OSError, path: Path) -> AppError:
    """One plain line for a failure to write ``path``, and what to do."""
    folder = path.parent
    if error.errno in _FULL:
        return AppError(f"The disk is full: {path.name} could not be written.", f"Free some space on {folder}.")
    if error.errno == errno.EFBIG:
        return AppError(f"{path.name} grew too large for the disk's file system.", "Write to another disk.")
    if error.errno == errno.ENOENT and folder.is_dir():
        return AppError(
            f"{path.name} is lost: its unfinished file was removed or replaced while it was written.",
            "Begin again, and leave files that end in .part alone until it is done.",
        )
    if error.errno == errno.ENOENT:
        return AppError(f"The folder {folder} does not exist (any more).", "Create it, or choose another.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return AppError(f"{path} cannot be written: no permission.", "Choose another folder.")
    if error.errno in (errno.EISDIR, errno.ENOTDIR):
        return AppError(f"{path} cannot be written: a folder or file is in its way.", "Choose another name.")
    if error.errno == errno.ENAMETOOLONG:
        return AppError(f"The file name {path.name[:40]}… is too long.", "Choose a shorter one.")
    return AppError(f"{path} cannot be written: {error.strerror or error}.")
