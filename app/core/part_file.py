"""Files that appear under their name only when they are complete.

Written as ``NAME.part`` beside the target, then renamed over it in one step. A lock on the part keeps two programs
from writing the same file. Owned by the thread that writes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path
from types import TracebackType

from app.core.errors import AppError
from detector.file_lock import LockedError, open_locked

SUFFIX = ".part"


class PartFile:
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
            self.file = os.fdopen(open_locked(self.path), "wb")
            self.file.truncate()  # a part left by a crash is taken over
        except LockedError as error:
            raise AppError(
                f"{target.name} is being written by another program.", "Wait, or choose another name."
            ) from error
        except OSError as error:
            raise explain(error, target) from error
        self._ended = False

    def commit(self) -> None:
        """Make everything written so far appear under the final name.

        Raises:
            AppError: It cannot; the part is removed, and what had the final name is untouched.
        """
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            if sys.platform == "win32":  # there an open file cannot be renamed
                self.file.close()
            self.path.replace(self.target)
            self.file.close()  # lets go of the lock, when nobody can take this file for a part any more
        except OSError as error:
            self.discard()
            raise explain(error, self.target) from error
        self._ended = True

    def discard(self) -> None:
        """Remove the part, unless it was committed; may be called twice, never raises."""
        if self._ended:
            return
        self._ended = True
        with contextlib.suppress(OSError):
            self.file.close()  # flushes, which fails again on a full disk
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> PartFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def write_whole(target: Path, content: bytes) -> None:
    """Put ``content`` under ``target`` in one step.

    Raises:
        AppError: As ``PartFile``.
    """
    with PartFile(target) as part:
        try:
            part.file.write(content)
        except OSError as error:
            raise explain(error, target) from error
        part.commit()


def explain(error: OSError, path: Path) -> AppError:
    """One plain line for a failure to write ``path``, and what to do."""
    folder = path.parent
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
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
