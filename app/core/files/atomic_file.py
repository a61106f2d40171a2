"""Files that appear under their name only when they are complete.

Written as ``NAME.part`` beside the target, then renamed over it in one step. A lock on the part keeps two programs
from writing the same file. Owned by the thread that writes.

Files that belong together get their names together: inside ``commit_together`` a commit brings the file to the disk,
and the names follow when all are there. That holds for the thread, so that what writes files need not know of it.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any

from app.core.errors import AppError
from app.core.files.write_errors import WaitForRoom, explain_write_error, retry_when_full, room_waiter
from detector.file_lock import LockedError
from detector.part_file import PartFile

_waiting_names: ContextVar[list[AtomicFile] | None] = ContextVar("waiting_names", default=None)


class FileBusyError(AppError):
    """Another program writes the file at this moment."""


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
    """A file that waits for room where the disk is full, if there is somebody to wait."""

    def __init__(self, descriptor: int, path: Path, wait: WaitForRoom | None) -> None:
        super().__init__(descriptor, "wb")
        self._path = path
        self._wait = wait

    def write(self, content: Any, /) -> int:
        return retry_when_full(lambda: self.write_once(content), self._path, self._wait)

    def write_once(self, content: Any) -> int:
        """Write what fits."""
        return super().write(content)

    def stop_waiting(self) -> None:
        """Fail at once from now on, as nobody wants what is still written."""
        self._wait = None


class AtomicFile:
    """A file being written; leaving the ``with`` block without ``commit`` removes it.

    Args:
        target: The final name; its folder must exist.
        private: Nobody but the user may read it.

    Raises:
        FileBusyError: Another program writes this very file.
        AppError: The folder is not there, is read-only or full.
    """

    def __init__(self, target: Path, private: bool = False) -> None:
        self.target = target
        wait = room_waiter()
        try:
            self._part = PartFile(target, lambda d: io.BufferedWriter(WaitingFile(d, target, wait)), private)
            self.path, self.file = self._part.path, self._part.file
            self.file.truncate()  # a part left by a crash is taken over
        except LockedError as error:
            raise FileBusyError(
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
            self._part.sync()
        except OSError as error:
            self.discard()
            raise explain_write_error(error, self.target) from error
        self._complete = True

    def commit(self, keep_part: bool = False) -> None:
        """Make everything written so far appear under the final name; in ``commit_together``, at the end of the block.

        Args:
            keep_part: Where the name cannot be given, the part stays, and this may be tried again.

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
            self._part.commit()
        except OSError as error:
            if not keep_part:
                self.discard()
            raise explain_write_error(error, self.target) from error
        self._ended = True

    def discard(self) -> None:
        """Remove the part, unless it was committed; may be called twice, never raises."""
        if not self._ended:
            self._ended = True
            self.file.raw.stop_waiting()
            self._part.discard()

    def __enter__(self) -> AtomicFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def write_atomically(target: Path, content: bytes, private: bool = False) -> None:
    """Put ``content`` under ``target`` in one step.

    Raises:
        AppError: As ``AtomicFile``.
    """
    with AtomicFile(target, private) as part:
        try:
            part.file.write(content)
        except OSError as error:
            raise explain_write_error(error, target) from error
        part.commit()
