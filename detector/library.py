"""The library of models: those that came with the program, those the user imported, and the known ones to download.

``model_file`` says what a model is on disk. Names come from the files; one broken file never hides the others. No torch
but in ``import_file``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from detector.errors import DetectorError
from detector.importers.base import Overrides
from detector.importers.notes import Note
from detector.model_file import (
    MODEL_SUFFIX,
    ModelEntry,
    has_description,
    how_to_get,
    model_paths,
    open_file,
    read_spec,
)
from detector.registry import MODELS

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.IGNORECASE)
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # devices on Windows


@dataclass(frozen=True, slots=True)
class ImportResult:
    """A model that was imported.

    Attributes:
        entry: The model.
        notes: One line each, for people: what was recognised, what was assumed and which option says otherwise.
    """

    entry: ModelEntry
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class BrokenModel:
    """A model file in the library that cannot be used.

    Attributes:
        name: As it would be typed; it can be removed.
        path: The file or folder.
        reason: One line.
        bundled: As for ``ModelEntry``.
    """

    name: str
    path: Path
    reason: str
    bundled: bool


class ModelLibrary:
    """Models in two folders, looked at afresh on every call.

    Args:
        user_dir: The user's models; created when first written to.
        bundled_dir: Models that came with the program; never written to.
        marks_dir: Where surviving graphs are noted, ``cache_dir`` of ``open_detector``; None for nowhere.
    """

    def __init__(self, user_dir: Path, bundled_dir: Path, marks_dir: Path | None = None) -> None:
        self.user_dir = user_dir
        self.bundled_dir = bundled_dir
        self._marks_dir = marks_dir

    def list(self) -> list[ModelEntry]:
        """Everything usable or fetchable: bundled ones (a demo last), the user's by name, known ones as recommended."""
        entries = {e.name: e for e in self._scan() if isinstance(e, ModelEntry)}
        missing = [ModelEntry(name, spec, None, False) for name, spec in MODELS.items() if name not in entries]
        here = sorted(entries.values(), key=lambda e: (not e.bundled, e.bundled and e.spec.demo, e.name))
        return here + missing

    def broken(self) -> tuple[BrokenModel, ...]:
        """Lists the models here that cannot be used, and why."""
        return tuple(e for e in self._scan() if isinstance(e, BrokenModel))

    def holds(self, name_or_file: str | Path) -> bool:
        """Returns whether the library has a file of that name, or the disk any of that path, fit for use or not."""
        name = str(name_or_file)
        here = (path for folder in (self.bundled_dir, self.user_dir) for path in model_paths(folder))
        if any(path.name.removesuffix(MODEL_SUFFIX) == name for path in here):
            return True
        try:
            return bool(name) and _exists(Path(name_or_file))
        except DetectorError:
            return False

    def find(self, name_or_file: str | Path) -> ModelEntry:
        """Returns the library's model of that name, else the model of the file of that path: ours, or one to import.

        Raises:
            DetectorError: Neither; the weights are not here (says how to get them); or the file is broken.
        """
        name = str(name_or_file)
        for found in self._scan():
            if found.name == name:
                if isinstance(found, BrokenModel):
                    raise DetectorError(
                        f"Model {name} cannot be used: {found.reason}", "Remove it and import it again."
                    )
                return found
        if name in MODELS:
            raise DetectorError(f"The weights of {name} are not on this computer.", *how_to_get(MODELS[name]))
        path = Path(name_or_file)
        if name and _exists(path):
            return self._open_here(path)
        if path.suffix or len(path.parts) > 1:
            raise DetectorError(f"There is no model file {name}.")
        raise DetectorError(f"There is no model {name}.", f"Known: {', '.join(e.name for e in self.list())}.")

    def _open_here(self, path: Path) -> ModelEntry:
        """A file of ours where it lies, or what importing another would make of it."""
        try:
            return open_file(path)
        except DetectorError:
            if self._marks_dir is None or has_description(path):
                raise
        from detector.importers.foreign_files import open_foreign

        return open_foreign(path, self._marks_dir)

    def import_file(self, path: Path, name: str, overrides: Overrides | None = None) -> ImportResult:
        """Import the model in ``path`` as ``name``.

        Args:
            path: PyTorch weights, ``.caffemodel``, ``.safetensors``, or OpenVINO IR ``.xml`` with its ``.bin``, or
                TensorFlow.js ``model.json`` with its shards (or the folder they lie in).
            name: New; letters, digits, dot, dash, underscore.
            overrides: What the user says about the file; None for nothing.

        Raises:
            DetectorError: The name is taken or unfit, or the file cannot be used; the library is then as before.
        """
        from detector.importers.ir_folder import remove_abandoned_imports
        from detector.importers.model_writer import import_model

        check_name(name)
        remove_abandoned_imports(self.user_dir)
        if any(found.name.lower() == name.lower() for found in self._scan()):
            raise DetectorError(f"There is a model {name} already.", "Choose another name, or remove that one first.")
        written = import_model(path, name, self.user_dir, overrides)
        if self._marks_dir is not None and written.path.is_dir():
            from detector.runtime.ir import remember_ir_survival

            remember_ir_survival(written.path, self._marks_dir)
        return ImportResult(ModelEntry(name, read_spec(written.path), written.path, False), written.notes)

    def remove(self, name: str) -> None:
        """Delete the user's model ``name``.

        Raises:
            DetectorError: No such model, it is bundled, or it cannot be deleted.
        """
        found = next((e for e in self._scan() if e.name == name), None)
        if found is None or found.path is None:
            raise DetectorError(f"There is no model {name} to remove.")
        if found.bundled:
            raise DetectorError(f"Model {name} came with the program and cannot be removed.")
        try:
            if found.path.is_dir() and not found.path.is_symlink():
                shutil.rmtree(found.path)
            else:
                found.path.unlink()
        except OSError as error:
            raise DetectorError(f"Cannot remove {found.path}: {error.strerror or error}.") from error

    def rename(self, old: str, new: str) -> ModelEntry:
        """Call the user's model ``old`` ``new`` from now on; one step, the file itself is not touched.

        Raises:
            DetectorError: No such model, it is bundled or broken, or the name is taken or unfit.
        """
        check_name(new)
        here = list(self._scan())
        found = next((e for e in here if e.name == old), None)
        if found is None:
            raise DetectorError(f"There is no model {old} to rename.")
        if found.bundled:
            raise DetectorError(f"Model {old} came with the program and keeps its name.")
        if isinstance(found, BrokenModel) or found.path is None:
            raise DetectorError(
                f"Model {old} cannot be used, so it cannot be renamed.", "Remove it and import it again."
            )
        if any(e.name.lower() == new.lower() and e.name != old for e in here):
            raise DetectorError(f"There is a model {new} already.", "Choose another name, or remove that one first.")
        target = found.path.with_name(new if found.path.is_dir() else new + MODEL_SUFFIX)
        try:
            found.path.rename(target)
        except OSError as error:
            raise DetectorError(f"Cannot rename {found.path}: {error.strerror or error}.") from error
        return replace(found, name=new, spec=replace(found.spec, name=new), path=target)

    def _scan(self) -> Iterator[ModelEntry | BrokenModel]:
        """Everything in both folders; a user's file never shadows a bundled one of its name."""
        seen: set[str] = set()
        for folder, bundled in ((self.bundled_dir, True), (self.user_dir, False)):
            for path in model_paths(folder):
                name = path.name.removesuffix(MODEL_SUFFIX)
                if name in seen:
                    continue
                seen.add(name)
                try:
                    spec = replace(read_spec(path), name=name)
                except DetectorError as error:
                    yield BrokenModel(name, path, error.message, bundled)
                else:
                    yield ModelEntry(name, spec, path, bundled)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise DetectorError(f"Cannot read {str(path)[:200]}: {error.strerror or error}.") from error


def check_name(name: str) -> None:
    """Raise ``DetectorError`` unless ``name`` is fit to be a file name everywhere."""
    if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name) or name.endswith((".", MODEL_SUFFIX, ".part")):
        raise DetectorError(
            f"{name[:70]!r} cannot be a model's name.",
            "Use 1 to 64 letters, digits, dots, dashes and underscores, starting with a letter or digit.",
        )
