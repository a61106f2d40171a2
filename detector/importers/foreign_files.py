"""Files from elsewhere opened where they lie: imported into a cache, once for each content, and opened from there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from detector.errors import DetectorError
from detector.importers.model_writer import import_model
from detector.importers.source_file import main_file
from detector.model_file import ModelEntry, model_paths, read_spec
from detector.runtime.network_cache import file_sha256

_FOLDER, _NOTES, _NAME = "opened", "notes.txt", "model"
_MOST_BESIDE = 500
_MAX_NOTES = 100_000


def open_foreign(path: Path, cache_dir: Path) -> ModelEntry:
    """Returns the model that ``import_model`` makes of ``path``, with what was assumed of it in ``notes``.

    Args:
        path: As for ``import_model``.
        cache_dir: Where imported models are kept; one that was imported already is only looked up.

    Raises:
        DetectorError: The file cannot be used, or the cache not written to.
    """
    path = main_file(path.absolute())
    folder = cache_dir / _FOLDER / _key(path)
    name = path.parent.name if path.name == "model.json" else path.stem
    entry = _kept(folder, name)
    if entry is not None:
        return replace(entry, original=path)
    written = import_model(path, _NAME, folder)
    notes = tuple(note.text for note in written.notes)
    try:
        (folder / _NOTES).write_text(json.dumps(notes), encoding="utf-8")
    except OSError as error:
        raise DetectorError(f"Cannot write to {folder}: {error.strerror or error}.") from error
    return ModelEntry(name, read_spec(written.path), written.path, False, notes, path)


def _kept(folder: Path, name: str) -> ModelEntry | None:
    """Returns what was imported before; None where nothing was, or it is not whole."""
    try:
        text = (folder / _NOTES).read_text(encoding="utf-8")
        notes = json.loads(text) if len(text) < _MAX_NOTES else None
        paths = [each for each in model_paths(folder) if each.stem == _NAME]
        if len(paths) == 1 and isinstance(notes, list) and all(isinstance(note, str) for note in notes):
            return ModelEntry(name, read_spec(paths[0]), paths[0], False, tuple(notes))
    except (OSError, ValueError, DetectorError):
        return None
    return None


def _key(path: Path) -> str:
    """The content, and what lies beside it: weights of the same model, its labels."""
    found = hashlib.sha256(f"{path.name} {file_sha256(path)}".encode())
    try:
        beside = sorted(each for each in path.parent.iterdir() if each.is_file())[:_MOST_BESIDE]
        for each in beside:
            state = each.stat()
            found.update(f"\n{each.name} {state.st_size} {state.st_mtime_ns}".encode(errors="surrogateescape"))
    except OSError as error:
        raise DetectorError(f"Cannot read {path.parent}: {error.strerror or error}.") from error
    return found.hexdigest()[:24]
