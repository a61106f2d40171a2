"""Whether a file is the one that was published, as far as anything about it was."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from detector.download.connection import Timeouts
from detector.errors import DetectorError
from detector.spec import WeightsFile

Verified = Literal["full", "remembered", "prefix", "none"]
"""How a file's SHA-256 was checked: against the published one, against the one of the first time, against the
published beginning of it, or not at all."""

_BLOCK = 1 << 20
_PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml")


class ChangedFileError(DetectorError):
    """A file is not what it was when it was first fetched."""


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file that may be used.

    Attributes:
        path: Where it lies.
        sha256: Of the whole file, hex.
        verified: What it was compared with.
    """

    path: Path
    sha256: str
    verified: Verified


def compare(name: str, sha256: str, weights: WeightsFile, remembered: str = "") -> Verified:
    """Compare a file's hash with everything known about it.

    Args:
        name: Of the file, for messages.
        sha256: Of the file.
        weights: What was published.
        remembered: SHA-256 of the file when it was first fetched; empty if it never was.

    Raises:
        DetectorError: It is another file than the published one.
        ChangedFileError: It is another file than the first time.
    """
    published = weights.sha256.lower()
    if not sha256.startswith(published):
        shown = sha256[: max(8, len(published))] if len(published) < 64 else sha256
        raise DetectorError(
            f"{name} is not the published file: its SHA-256 is {shown}, not {published}.",
            "It was damaged or replaced on the way; try another network or mirror.",
        )
    if len(published) == 64:
        return "full"
    if remembered and sha256 != remembered:
        raise ChangedFileError(
            f"{name} is not the file it was when it was first fetched here: its SHA-256 is {sha256}, not {remembered}."
        )
    return "remembered" if remembered else "prefix" if published else "none"


def verify_file(
    path: Path, weights: WeightsFile, remembered: str = "", stop: threading.Event | None = None
) -> FetchedFile:
    """Compares a file on the disk, as ``compare`` does; a slow disk takes a while.

    Raises:
        DetectorError: It is another file, or cannot be read.
        DownloadStoppedError: ``stop`` was set.
    """
    timeouts = Timeouts(stop or threading.Event())
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            check_no_page(file.read(512), path.name)
            file.seek(0)
            while block := file.read(_BLOCK):
                timeouts.check()
                found.update(block)
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
    sha256 = found.hexdigest()
    return FetchedFile(path, sha256, compare(path.name, sha256, weights, remembered))


def check_no_page(start: bytes, name: str) -> None:
    """Raise ``DetectorError`` if a file that begins like this is a web page."""
    if start.lstrip().lower().startswith(_PAGE):
        raise DetectorError(
            f"Instead of {name} came a web page.", "Open a browser: the network may want a login, or the file moved."
        )
