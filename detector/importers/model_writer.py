"""Imports a model file: recognises it, and puts the model into a folder, completely or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from detector.importers.base import Imported, Overrides
from detector.importers.notes import Note
from detector.importers.source_file import GraphKind, graph_file, main_file
from detector.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class WrittenModel:
    """An imported model on the disk.

    Attributes:
        path: The new ``.safetensors`` file or IR folder.
        notes: As for ``Imported``.
    """

    path: Path
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class RecognisedModel:
    """A model file before it is imported.

    Attributes:
        spec: The model; its name is not settled.
        notes: As for ``Imported``.
    """

    spec: ModelSpec
    notes: tuple[Note, ...]


def import_model(path: Path, name: str, folder: Path, overrides: Overrides | None = None) -> WrittenModel:
    """Convert the model in ``path`` and put it into ``folder`` as ``name``, completely or not at all.

    Args:
        path: The file as it was downloaded; of TensorFlow.js, ``model.json`` or its folder.
        name: Checked already; fit to be a file name.
        folder: Created if need be.
        overrides: What the user says about it.

    Raises:
        DetectorError: The file cannot be used, or the folder not written to.
    """
    graph = graph_file(main_file(path))
    if graph is not None:
        return _import_graph(*graph, name, folder, overrides or Overrides())
    from detector.importers.conversion import convert_weights

    return _save(convert_weights(path, overrides), name, folder)


def preview_model(path: Path, overrides: Overrides | None = None) -> RecognisedModel:
    """Returns what ``import_model`` would make of ``path``, with the same checks; nothing is written.

    Raises:
        DetectorError: The file cannot be used.
    """
    graph = graph_file(main_file(path))
    if graph is not None:
        return _preview_graph(*graph, overrides or Overrides())
    from detector.importers.conversion import convert_weights

    imported = convert_weights(path, overrides)
    return RecognisedModel(imported.spec, imported.notes)


def _save(imported: Imported, name: str, folder: Path) -> WrittenModel:
    from detector.golden_reference import with_golden
    from detector.weights import save_model

    target = folder / f"{name}.safetensors"
    spec = replace(imported.spec, name=name)
    if spec.golden is None:  # a file of ours may bring it along
        spec = with_golden(spec, imported.tensors)
    save_model(target, spec, imported.tensors)
    return WrittenModel(target, imported.notes)


def _import_graph(path: Path, kind: GraphKind, name: str, folder: Path, overrides: Overrides) -> WrittenModel:
    from detector.golden_reference import ir_with_golden
    from detector.importers.graph_import import import_graph
    from detector.importers.ir_folder import write_ir_folder

    with TemporaryDirectory(prefix="ssdv-import-") as work:
        imported = import_graph(path, kind, overrides, Path(work))
        spec = ir_with_golden(replace(imported.spec, name=name), imported.xml)
        return WrittenModel(write_ir_folder(imported.xml, spec, folder), imported.notes)


def _preview_graph(path: Path, kind: GraphKind, overrides: Overrides) -> RecognisedModel:
    from detector.importers.graph_import import import_graph
    from detector.runtime.ir import require_ir_survival

    with TemporaryDirectory(prefix="ssdv-import-") as work:
        imported = import_graph(path, kind, overrides, Path(work))
        require_ir_survival(imported.xml)
        return RecognisedModel(imported.spec, imported.notes)
