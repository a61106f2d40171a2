"""The file that an import begins with: what kind it is, and its hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

from detector.errors import DetectorError
from detector.importers.base import SourceFile


def main_file(path: Path) -> Path:
    """Returns the ``model.json`` in ``path``, if that is the folder of a TensorFlow.js model; else ``path``."""
    described = path / "model.json"
    try:
        return described if described.is_file() else path
    except OSError:  # a name that is too long
        return path


def graph_file(path: Path) -> Path | None:
    """Returns the ``.xml`` of the OpenVINO network that ``path`` is a file of; None for other models.

    Raises:
        DetectorError: There is no such file.
    """
    suffix = path.suffix.lower()
    try:
        if not path.is_file():
            raise DetectorError(f"{path} is not a file." if path.exists() else f"There is no file {path}.")
        if suffix == ".bin" and path.with_suffix(".xml").is_file():
            return path.with_suffix(".xml")
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise DetectorError(f"Cannot read {str(path)[:200]}: {error.strerror or error}.") from error
    return path if suffix == ".xml" else None


def hashed(path: Path) -> SourceFile:
    """Reads the whole file for its hash.

    Raises:
        DetectorError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return SourceFile(path.name, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
