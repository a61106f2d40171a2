"""Tells by its size and first bytes what a file is that was meant to hold weights."""

from __future__ import annotations

import os
from pathlib import Path

from detector.errors import DetectorError
from detector.importers.hints import FETCH_AGAIN
from detector.safetensors_file import MAX_FILE_BYTES

_ENOUGH = 512


def start_of(path: Path) -> bytes:
    """The first bytes of ``path``, by which its kind is told.

    Raises:
        DetectorError: It cannot be read, is too large, or is what is saved by mistake in place of weights: nothing at
            all, a web page, a Git LFS pointer.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(_ENOUGH)
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
    name, text = path.name, start.lstrip().lower()
    if size > MAX_FILE_BYTES:
        raise DetectorError(f"{name} is {size >> 20} MiB; weights may have {MAX_FILE_BYTES >> 20} MiB.")
    if not start:
        raise DetectorError(f"{name} is empty.", FETCH_AGAIN)
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        raise DetectorError(f"{name} is a web page, not weights.", "Save the file the page links to instead.")
    if text.startswith(b"version https://git-lfs"):
        raise DetectorError(f"{name} is a Git LFS pointer, not the weights.", "Run 'git lfs pull', or download it.")
    return start
