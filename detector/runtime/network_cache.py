"""The folder of what optimising measured, and of networks made by it: named by content, and which make way. Any thread.

Each model has a folder of its own, filled by ``quantise``; those of earlier versions, in fp32, make way first.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import stat
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.file_lock import LockedError, only_here
from detector.model_file import IR_XML

MOST_BYTES = 2**30
_ABANDONED_S = 86_400.0  # with nothing in it after this long, whoever was at work there is no more
WORKING = "work-"
"""Begins the name of a folder somebody is at work in."""
OPTIMISED = "-int8-"
"""In the folder's name of an optimised network."""


def version_text(openvino: Any) -> str:
    """OpenVINO's version, fit for a folder's name."""
    return "".join(c if c.isalnum() else "-" for c in str(openvino.__version__).partition("+")[0])[:24]


def content_key(path: Path) -> str:
    """The beginning of a folder's name for this model's content: of its file, or of the two files of an IR.

    Raises:
        DetectorError: A file cannot be read.
    """
    if path.is_dir():
        path = path / IR_XML
    if path.suffix.lower() != ".xml":
        return file_sha256(path)[:24]
    both = file_sha256(path) + file_sha256(path.with_suffix(".bin"))
    return hashlib.sha256(both.encode()).hexdigest()[:24]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file; asked again of an unchanged one it costs nothing.

    Raises:
        DetectorError: It cannot be read.
    """
    try:
        state = path.stat()
        return _sha256(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error


@lru_cache(maxsize=64)
def _sha256(path: Path, _size: int, _changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_room(cache_dir: Path, kept: Path) -> None:
    """Throw away the networks that were not used for longest, and what an interrupted conversion left.

    What took minutes and perhaps images of the user's stays longer than what takes seconds. Other programs may do the
    same at this moment; what one of them is making stays.
    """
    used, now = 0, time.time()
    for _, used_s, folder in sorted(cached_folders(cache_dir), reverse=True):
        if folder == kept:
            continue
        with contextlib.suppress(FileNotFoundError, LockedError):
            if folder.name.startswith(WORKING) or not any(f.suffix in (".xml", ".json") for f in folder.iterdir()):
                superfluous = now - used_s > _ABANDONED_S
            else:
                used += sum(file.stat().st_size for file in folder.rglob("*"))
                superfluous = used > MOST_BYTES
            if superfluous:
                with only_here(lock_of(folder)):
                    shutil.rmtree(folder, ignore_errors=True)  # in use elsewhere on Windows: it goes the next time


def lock_of(folder: Path) -> Path:
    """The file that is locked while ``folder`` is made, or thrown away."""
    return folder.with_name(f"{folder.name}.lock")


def cached_folders(cache_dir: Path) -> Iterator[tuple[bool, float, Path]]:
    """Returns whether it is of an optimised network, when it was last used, and each folder that is there."""
    for folder in cache_dir.iterdir():
        with contextlib.suppress(FileNotFoundError):
            state = folder.stat()
            if stat.S_ISDIR(state.st_mode):
                yield OPTIMISED in folder.name, state.st_mtime, folder
