"""Model files of other programs, brought onto the shelf as ours. No torch.

A file is read without running anything in it, its layout recognised (or taken from the user), and its importer asked
for a spec and tensors of ours; these are checked against the network they are for before anything is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from detector.errors import DetectorError
from detector.importers.base import Imported, Overrides, SourceFile
from detector.safetensors_file import Array
from detector.spec import ModelSpec
from detector.spec_fields import MAX_LABEL_CHARS, MAX_LABELS
from detector.spec_json import spec_from_json, spec_to_json

_TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".tar")
_KINDS = (
    "PyTorch weights (.pth, .pt), .caffemodel, .safetensors, OpenVINO .xml with its .bin, or TensorFlow.js model.json"
)

_UNNAMED = "model"  # the caller gives the name; a file's may be none


@dataclass(frozen=True, slots=True)
class WrittenModel:
    """What an import left.

    Attributes:
        path: The new ``.safetensors`` file or IR folder.
        notes: As of ``Imported``.
    """

    path: Path
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a file is, before it is imported.

    Attributes:
        spec: The model; its name is not settled.
        notes: As of ``Imported``.
    """

    spec: ModelSpec
    notes: tuple[str, ...]


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
    overrides, path = overrides or Overrides(), _file_of(path)
    graph = _graph_in(path)
    if graph is not None:
        return _import_ir(graph, name, folder, overrides)
    return _save(_convert(path, overrides), name, folder)


def preview_model(path: Path, overrides: Overrides | None = None) -> Recognised:
    """What ``import_model`` would make of ``path``, with the same checks; nothing is written.

    Raises:
        DetectorError: The file cannot be used.
    """
    overrides, path = overrides or Overrides(), _file_of(path)
    graph = _graph_in(path)
    if graph is not None:
        return Recognised(_describe_ir(graph, overrides), ())
    imported = _convert(path, overrides)
    return Recognised(imported.spec, imported.notes)


def read_model(path: Path, overrides: Overrides | None = None) -> Imported:
    """The model in a file of weights, in our terms, as ``import_model`` would save it.

    Raises:
        DetectorError: The file cannot be used.
    """
    return _convert(_file_of(path), overrides or Overrides())


def _file_of(path: Path) -> Path:
    """The ``model.json`` in ``path``, if that is the folder of a TensorFlow.js model; else ``path``."""
    described = path / "model.json"
    try:
        return described if described.is_file() else path
    except OSError:  # a name that is too long
        return path


def _graph_in(path: Path) -> Path | None:
    """The ``.xml`` of the OpenVINO network that ``path`` is a file of; None for other models.

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


def _convert(path: Path, overrides: Overrides) -> Imported:
    """The model in a file of weights, in our terms, its tensors checked against the network they are for."""
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        imported = _from_safetensors(path, overrides)
    elif suffix == ".caffemodel":
        from detector.importers.caffe import import_caffemodel

        imported = import_caffemodel(path, _source(path), overrides)
    elif suffix == ".json":
        from detector.importers.tfjs_file import read_tfjs

        model = read_tfjs(path)
        imported = _from_state(model.tensors, SourceFile(path.name, model.sha256), overrides)
    elif suffix in _TORCH_SUFFIXES:
        from detector.importers.read import read_with_classes

        state, classes = read_with_classes(path)
        imported = _from_state(state, replace(_source(path), classes=classes), overrides)
    else:
        raise DetectorError(f"{path.name} is no kind of model file known here.", f"Can be imported: {_KINDS}.")
    spec = spec_from_json(spec_to_json(replace(_relabelled(imported.spec, overrides.labels), name=_UNNAMED)))
    _check_fits(spec, imported.tensors, path.name)
    return replace(imported, spec=spec)


def read_labels(path: Path) -> tuple[str, ...]:
    """Class names from a text file, one a line, background left out.

    Raises:
        DetectorError: The file cannot be read or is no list of names.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe may never end
            raise DetectorError(f"{path} is not a file.")
        if path.stat().st_size > 1_000_000:
            raise DetectorError(f"{path.name} is too large to be a list of labels.")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DetectorError(f"{path.name} is not a text file.") from error
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
    labels = tuple(line.strip() for line in lines if line.strip())
    if labels and labels[0].strip("_").lower() == "background":  # as jetson-inference and TensorFlow write it
        labels = labels[1:]
    if not 1 <= len(labels) <= MAX_LABELS or len(set(labels)) != len(labels):
        raise DetectorError(f"{path.name} must name 1 to {MAX_LABELS} classes, one a line, each once.")
    odd = next((label for label in labels if len(label) > MAX_LABEL_CHARS or any(ord(c) < 32 for c in label)), None)
    if odd is not None:
        raise DetectorError(f"{path.name} is no list of class names: one would be {odd[:40]!r}.")
    return labels


def _from_state(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """A foreign state dict in our terms, by the importer of its layout."""
    from detector.importers.detect import detect_layout
    from detector.importers.layouts import layout_named

    if overrides.layout is not None:
        layout = layout_named(overrides.layout)
        note = f"Taken as {layout.title}, as you said."
    else:
        match = detect_layout(state)
        layout = match.layout
        note = f"Recognised as {layout.title}, by its tensors {match.because}."
    _check_finite(state, source)
    imported = layout.load()(state, source, overrides)
    if imported.spec.weights is None:
        return replace(imported, notes=(note, *imported.notes))
    if replace(overrides, labels=None) == Overrides():  # nothing was assumed about a file whose hash is known
        return replace(imported, notes=(note, f"It is the published file: {imported.spec.title}."))
    spec = replace(imported.spec, accuracy={}, weights=None)  # measured as published, not as the user has it
    return replace(imported, spec=spec, notes=(note, *imported.notes))


def _from_safetensors(path: Path, overrides: Overrides) -> Imported:
    """A file of ours, or somebody's state dict in the same container."""
    from detector.importers.first_bytes import start_of
    from detector.importers.read import clean_state
    from detector.safetensors_file import read_arrays, read_header
    from detector.weights import METADATA_KEY, load_arrays, load_spec

    start_of(path)
    if METADATA_KEY not in read_header(path).metadata:
        return _from_state(clean_state(read_arrays(path)), _source(path), overrides)
    _refuse_beyond_labels(overrides, f"{path.name} carries its own description")
    spec = load_spec(path)
    return Imported(spec, load_arrays(path, spec))


def _refuse_beyond_labels(overrides: Overrides, why: str) -> None:
    if replace(overrides, labels=None) != Overrides():
        raise DetectorError(f"{why}: only its labels can be given.", "Leave out --layout, --priors and --channels.")


def _relabelled(spec: ModelSpec, labels: Sequence[str] | None) -> ModelSpec:
    if labels is None:
        return spec
    if len(labels) != len(spec.labels):
        raise DetectorError(f"The model has {len(spec.labels)} classes, but {len(labels)} labels were given.")
    return replace(spec, labels=tuple(labels))


def _save(imported: Imported, name: str, folder: Path) -> WrittenModel:
    from detector.golden_reference import with_golden
    from detector.weights import save_model

    target = folder / f"{name}.safetensors"
    spec = replace(imported.spec, name=name)
    if spec.golden is None:  # a file of ours may bring it along
        spec = with_golden(spec, imported.tensors)
    save_model(target, spec, imported.tensors)
    return WrittenModel(target, imported.notes)


def _check_finite(state: Mapping[str, Array], source: SourceFile) -> None:
    for name, array in state.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DetectorError(f"{source.name}: tensor {name[:80]} contains NaN or infinity; the weights are damaged.")


def _check_fits(spec: ModelSpec, state: Mapping[str, Array], what: str) -> None:
    """Tell what is missing or misshapen before anything is written."""
    from detector.network_shapes import network_shapes
    from detector.weights import refuse_misfits

    refuse_misfits(network_shapes(spec), state, what)


def _describe_ir(graph: Path, overrides: Overrides) -> ModelSpec:
    from detector.ir_file import describe_ir
    from detector.runtime.ir import require_ir_survival

    _refuse_beyond_labels(overrides, f"{graph.name} describes its own network")
    spec = spec_from_json(spec_to_json(replace(describe_ir(graph, overrides.labels), name=_UNNAMED)))
    require_ir_survival(graph)
    return spec


def _import_ir(path: Path, name: str, folder: Path, overrides: Overrides) -> WrittenModel:
    from detector.golden_reference import ir_with_golden
    from detector.importers.ir_folder import write_ir_folder

    spec = ir_with_golden(replace(_describe_ir(path, overrides), name=name), path)
    return WrittenModel(write_ir_folder(path, spec, folder), ())


def _source(path: Path) -> SourceFile:
    try:
        with path.open("rb") as file:
            return SourceFile(path.name, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
