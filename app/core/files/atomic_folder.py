"""Folders that appear under their name only when they are complete, as ``atomic_file`` does for files.

Written as ``NAME.part`` beside the target, then renamed. A folder of the same name is replaced only if it is one of
ours, which a small hidden file in it says, and only as it was written: labels that somebody corrected in it are work of
theirs. Nothing of the user's is ever removed. Owned by the thread that writes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

from app.core.errors import AppError
from app.core.files.write_errors import explain_write_error, retry_when_full, room_waiter
from detector.file_lock import LockedError, open_locked
from detector.part_file import PartLostError, part_path

MARK = ".ssd-viewer"
_OLD = ".old"
_SAME_TIME_S = 2.0  # as coarse as the times of some file systems are


class AtomicFolder:
    """A folder being written.

    Args:
        target: The final name; the folder it lies in must exist.

    Raises:
        AppError: It cannot be written, another program writes it, or something that is not ours has the name.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = part_path(target)
        self._old = part_path(target.with_name(target.name + _OLD))
        self._made: set[Path] = set()
        self._wait = room_waiter()
        self._ended = False
        self._lock = -1
        try:
            self._restore()
            _check_untouched(target)
            _check_ours(self.path)
            self.path.mkdir(exist_ok=True)
            self._identity = self.path.lstat()
            self._lock = open_locked(self.path / MARK)
            _empty(self.path)  # a part left by a crash is taken over
            os.ftruncate(self._lock, 0)
            os.write(self._lock, b"Written by ssd-viewer, which may replace this folder.\n")
        except LockedError as error:
            raise AppError(f"{target.name} is being written by another program.", "Choose another name.") from error
        except OSError as error:
            self._let_go()
            raise explain_write_error(error, target) from error

    def write(self, name: str, content: bytes) -> None:
        """Put a file into the folder.

        Args:
            name: Relative, with forward slashes; folders in it are made.
            content: All of it.

        Raises:
            AppError: The disk is full (and nobody waits for room), the folder is gone.
        """
        try:
            retry_when_full(lambda: self.write_once(self.path / name, content), self.target, self._wait)
        except OSError as error:
            raise explain_write_error(error, self.target) from error

    def write_once(self, path: Path, content: bytes) -> None:
        """Write a file; fails where the disk is full."""
        self._check_name()
        if path.parent not in self._made:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(path.parent)
        with path.open("wb") as file:
            file.write(content)
            if not hasattr(os, "sync"):
                file.flush()
                os.fsync(file.fileno())

    def complete(self) -> None:
        """Bring everything written safely to the disk; only the name is missing then.

        Raises:
            AppError: It cannot.
        """
        try:
            if hasattr(os, "sync"):
                os.sync()  # once for thousands of small files, each of which would take as long by itself
            os.fsync(self._lock)
        except OSError as error:
            raise explain_write_error(error, self.target) from error

    def commit(self) -> None:
        """Give the folder its name; one of ours that had it is removed.

        Raises:
            AppError: It cannot; the part is removed, and what had the name has it still.
        """
        try:
            self._check_name()
            os.utime(self.path / MARK)  # nothing in it is younger, until somebody changes it
            _check_untouched(self.target)  # it may have come while this was written
            if sys.platform == "win32":  # there a folder with an open file cannot be renamed
                self._let_go()
            if self.target.exists():
                self.target.rename(self._old)
            self.path.rename(self.target)
            self._let_go()
        except BaseException as error:
            self.discard()
            with contextlib.suppress(OSError):
                self._restore()
            if isinstance(error, OSError):
                raise explain_write_error(error, self.target) from error
            raise
        self._ended = True
        shutil.rmtree(self._old, ignore_errors=True)

    def discard(self) -> None:
        """Remove the part, unless it was committed; may be called twice, never raises."""
        if self._ended:
            return
        self._ended = True
        with contextlib.suppress(PartLostError):
            self._check_name()
            if sys.platform != "win32":  # while the lock is held: a moment later it may be another program's part
                shutil.rmtree(self.path, ignore_errors=True)
        self._let_go()
        if sys.platform == "win32":  # there an open file cannot be removed
            shutil.rmtree(self.path, ignore_errors=True)

    def _check_name(self) -> None:
        """Write nowhere else: the name may lead to another folder by now.

        Raises:
            PartLostError: It does, or to nothing.
        """
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self._identity, self.path.lstat()):
                return
        raise PartLostError(self.path)

    def _let_go(self) -> None:
        """Close the lock, once: its number may be another file's a moment later."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            with contextlib.suppress(OSError):
                os.close(lock)

    def _restore(self) -> None:
        """After a crash between the two renames the old folder gets its name back."""
        if (self._old / MARK).is_file() and not self._old.is_symlink():
            if self.target.exists():
                shutil.rmtree(self._old)
            else:
                self._old.rename(self.target)


def _check_ours(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise AppError(f"{folder} is no folder of ours.", "Choose another name.")
    if folder.is_dir() and not (folder / MARK).is_file() and any(folder.iterdir()):
        raise AppError(f"The folder {folder} is there already, with other things in it.", "Name a new folder.")


def _check_untouched(folder: Path) -> None:
    """Refuse to replace a folder that is not ours, or that was changed since it was written."""
    _check_ours(folder)
    if not (folder / MARK).is_file():
        return
    written_s = (folder / MARK).stat().st_mtime + _SAME_TIME_S
    # Folders, too: a file moved into one keeps its own, older time.
    changed = next((path for path in (*folder.rglob("*"), folder) if path.lstat().st_mtime > written_s), None)
    if changed is not None:
        raise AppError(
            f"The folder {folder} was changed since it was written ({changed.name}).", "Name a new one, or remove it."
        )


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == MARK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
