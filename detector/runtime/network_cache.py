"""The folder of networks made ready for OpenVINO: how they are named by content, and which make way. Any thread.

Each has a folder of its own, filled by ``quantise``; those of earlier versions, in fp32, make way first.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.shelf import IR_XML

MOST_BYTES = 2**30
_ABANDONED_S = 86_400.0  # without a network after this long, whoever was at work there is no more
WORKING = "work-"
"""Begins the name of a folder somebody is at work in."""
OPTIMISED = "-int8-"
"""In the folder's name of an optimised network."""


def version_words(openvino: Any) -> str:
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

    What took minutes and perhaps pictures of the user's stays longer than what takes seconds.
    """
    others = [folder for folder in cache_dir.iterdir() if folder.is_dir() and folder != kept]
    others.sort(key=lambda folder: (OPTIMISED in folder.name, folder.stat().st_mtime), reverse=True)
    used, now = 0, time.time()
    for folder in others:
        if folder.name.startswith(WORKING) or not any(folder.glob("*.xml")):
            superfluous = now - folder.stat().st_mtime > _ABANDONED_S
        else:
            used += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            superfluous = used > MOST_BYTES
        if superfluous:
            shutil.rmtree(folder, ignore_errors=True)  # in use elsewhere on Windows: it goes the next time
