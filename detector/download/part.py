"""A download in progress: ``NAME.part`` with what came so far, ``NAME.part.json`` with which file it is a part of.

The part is locked while a process works on it. Owned by the thread that downloads.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from detector.errors import DetectorError
from detector.file_lock import LockedError
from detector.part_file import PartFile, part_path

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that a part belongs to.

    Attributes:
        url: Where it is fetched, without what may be a secret.
        validator: Strong ETag or date of last change, as ``If-Range`` takes it; empty for none.
        total: Size of the whole, bytes; None where the server did not say.
    """

    url: str
    validator: str
    total: int | None


class DownloadPart:
    """Bytes that came so far; leaving the ``with`` block keeps them if the next time can go on with them.

    Args:
        target: The final name.

    Raises:
        DetectorError: The folder cannot be written to, or another process downloads this very file.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = part_path(target)
        self._note = self.path.with_name(f"{self.path.name}.json")
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._part = PartFile(target, lambda descriptor: os.fdopen(descriptor, "r+b"))
        self._file = self._part.file
        self._origin = self._noted()
        self._hash = hashlib.sha256()
        self.size = 0
        with writing(target):
            while block := self._file.read(_BLOCK):
                self._hash.update(block)
                self.size += len(block)

    def origin(self, url: str) -> Origin | None:
        """Returns the file the part belongs to, if that is ``url``'s and the download can be resumed."""
        origin = self._origin
        if origin is None or not (origin.url == url and origin.validator and self.size):
            return None
        return origin if origin.total is None or origin.total >= self.size else None

    def restart(self, origin: Origin) -> None:
        """Forget what came so far; from now on it is a part of ``origin``."""
        with writing(self.target):
            self._note.unlink(missing_ok=True)  # first, so that it never speaks of other bytes than those there
            self._file.seek(0)
            self._file.truncate()
            self._note.write_text(json.dumps(asdict(origin)), "utf-8")
        self._origin = origin
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, block: bytes) -> None:
        """Append."""
        with writing(self.target):
            self._file.write(block)
        self._hash.update(block)
        self.size += len(block)

    def check_space(self, total: int | None) -> None:
        """Raise ``DetectorError`` if the rest will not fit on the disk."""
        with writing(self.target):
            free = shutil.disk_usage(self.target.parent).free
        if total is not None and total - self.size > free:
            missing = (total - self.size - free) >> 20
            raise DetectorError(
                f"The disk is too full for {self.target.name}: {missing + 1} MB more are needed.",
                f"Free some space on {self.target.parent}.",
            )

    def start(self) -> bytes:
        """The first bytes that came."""
        with writing(self.target):
            self._file.flush()
            self._file.seek(0)
            found = self._file.read(512)
            self._file.seek(0, os.SEEK_END)
        return found

    def sha256(self) -> str:
        """Returns the SHA-256 of the bytes so far, hex."""
        return self._hash.hexdigest()

    def commit(self) -> None:
        """Give what came its final name."""
        with writing(self.target):
            self._part.sync()
            self._part.commit()
            self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        """Throw away what came; never raises."""
        self.size = 0
        with contextlib.suppress(OSError):
            self._note.unlink(missing_ok=True)
        self._part.discard()

    def _noted(self) -> Origin | None:
        try:
            note = json.loads(self._note.read_text("utf-8"))
            total = None if note["total"] is None else int(note["total"])
            return Origin(str(note["url"]), str(note["validator"]), total)
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None

    def __enter__(self) -> DownloadPart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file.closed:
            return
        if not (self.size and self._origin and self._origin.validator):  # it could not be gone on with
            self.discard()
            return
        with contextlib.suppress(OSError):  # flushes, which fails again on a full disk
            self._file.close()


@contextlib.contextmanager
def writing(target: Path) -> Iterator[None]:
    """Failures to write in plain words."""
    try:
        yield
    except LockedError as error:
        raise DetectorError(
            f"{target.name} is being downloaded by another program.", "Wait until it is done."
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DetectorError(
                f"The disk is full: {target.name} could not be written.",
                f"Free some space on {target.parent}.",
            ) from error
        raise DetectorError(
            f"Cannot write to {target.parent}: {error.strerror or error}.", "Check the folder's permissions."
        ) from error
