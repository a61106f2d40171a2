"""A file of weights in our terms.

It is read without running anything in it; its layout is recognised, or taken from the user; its importer is asked for a
spec and tensors of ours; and these are checked against the network they are for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from detector.errors import DetectorError
from detector.importers.base import Imported, Overrides, Priors, SourceFile
from detector.importers.box_buffer import is_set_of, without_box_buffers
from detector.importers.checks import check_finite, check_fits, checked_spec, refuse_all_but_labels, refuse_options
from detector.importers.first_bytes import start_of
from detector.importers.graph_labels import labels_beside
from detector.importers.layout_match import detect_layout
from detector.importers.layouts import layout_named
from detector.importers.notes import Note
from detector.importers.read import clean_state, read_with_classes
from detector.importers.source_file import hashed, main_file
from detector.safetensors_file import Array, read_arrays, read_header
from detector.spec import ModelSpec
from detector.weights import METADATA_KEY, load_arrays, load_spec

_TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".tar")
_KINDS = (
    "PyTorch weights (.pth, .pt), .caffemodel, .safetensors, .onnx, .tflite, OpenVINO .xml with its .bin, "
    "TensorFlow .pb, TensorFlow.js model.json or Paddle .pdmodel with its .pdiparams"
)


def convert_weights(path: Path, overrides: Overrides | None = None) -> Imported:
    """Converts a file of weights.

    Args:
        path: The file as it was downloaded; of TensorFlow.js, ``model.json`` or its folder.
        overrides: What the user says about it.

    Raises:
        DetectorError: The file cannot be used.
    """
    overrides, path = overrides or Overrides(), main_file(path)
    refuse_options(overrides, ("rule", "scale", "fit", "scores", "first"), f"{path.name} holds weights, not a graph")
    imported = _named_beside(_read(path, overrides), path)
    spec = checked_spec(_relabelled(imported.spec, overrides.labels))
    check_fits(spec, imported.tensors, path.name)
    return replace(imported, spec=spec)


def _read(path: Path, overrides: Overrides) -> Imported:
    """The model in ``path``, by the reader for its ending."""
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        return _from_safetensors(path, overrides)
    if suffix == ".caffemodel":
        from detector.importers.caffe import import_caffemodel

        return import_caffemodel(path, hashed(path), overrides)
    if suffix == ".json":
        from detector.importers.tfjs_file import read_tfjs

        model = read_tfjs(path)
        return _from_state(model.tensors, SourceFile(path.name, model.sha256), overrides)
    if suffix == ".pb":
        from detector.importers.tensorflow_file import read_constants

        constants = read_constants(path)
        return _from_state(constants, hashed(path), overrides)
    if suffix in _TORCH_SUFFIXES or _is_torch(path):
        state, classes = read_with_classes(path)
        return _from_state(state, replace(hashed(path), classes=classes), overrides)
    raise DetectorError(f"{path.name} is no kind of model file known here.", f"Can be imported: {_KINDS}.")


def _is_torch(path: Path) -> bool:
    """Returns whether a file of another name, or none, begins as torch's do."""
    return start_of(path).startswith((b"PK\x03\x04", b"\x80\x02"))


def _from_state(state: Mapping[str, Array], source: SourceFile, overrides: Overrides) -> Imported:
    """A foreign state dict in our terms, by the importer of its layout."""
    state, boxes = without_box_buffers(state)
    if overrides.layout is not None:
        layout = layout_named(overrides.layout)
        note = Note(f"Taken as {layout.title}, as you said.")
    else:
        match = detect_layout(state)
        layout = match.layout
        note = Note(f"Recognised as {layout.title}, by its tensors {match.because}.")
    check_finite(state, source)
    if not layout.name.startswith("ultraface"):
        refuse_options(overrides, ("size",), f"{layout.title} has one input size")
    imported = layout.load()(state, source, overrides)
    if boxes is not None and imported.spec.config is not None:
        imported = _held_to(boxes, imported, lambda priors: layout.load()(state, source, priors), overrides)
    if imported.spec.weights is None:
        return replace(imported, notes=(note, *imported.notes))
    if replace(overrides, labels=None) == Overrides():  # nothing was assumed about a file whose hash is known
        return replace(imported, notes=(note, Note(f"It is the published file: {imported.spec.title}.")))
    spec = replace(imported.spec, accuracy={}, weights=None)  # measured as published, not as the user has it
    return replace(imported, spec=spec, notes=(note, *imported.notes))


def _held_to(boxes: Array, imported: Imported, load: Callable[[Overrides], Imported], overrides: Overrides) -> Imported:
    """``imported`` with the set of default boxes that the file itself holds, where its layout has that set.

    Args:
        boxes: As the file holds them.
        imported: With the set chosen by the user or by habit.
        load: Imports anew.
        overrides: What the user says.
    """
    if _has(imported, boxes):
        return replace(imported, notes=(*_without_priors(imported.notes), Note("Default boxes: the file's own.")))
    if overrides.priors is None:
        for priors in get_args(Priors):
            try:
                other = load(replace(overrides, priors=priors))
            except DetectorError:  # a layout with one set
                continue
            if _has(other, boxes):
                return replace(other, notes=(*other.notes, Note("Default boxes: the file's own.")))
    odd = Note("The file holds other default boxes than its layout has; these are used, so boxes may be off.")
    return replace(imported, notes=(*imported.notes, odd))


def _has(imported: Imported, boxes: Array) -> bool:
    return imported.spec.config is not None and is_set_of(imported.spec.config, boxes)


def _without_priors(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """The notes, but for what was assumed of default boxes that turned out to be known."""
    return tuple(note for note in notes if all(remedy.option != "priors" for remedy in note.remedies))


def _from_safetensors(path: Path, overrides: Overrides) -> Imported:
    """A file of ours, or somebody's state dict in the same container."""
    start_of(path)
    if METADATA_KEY not in read_header(path).metadata:
        return _from_state(clean_state(read_arrays(path)), hashed(path), overrides)
    refuse_all_but_labels(overrides, f"{path.name} carries its own description")
    spec = load_spec(path)
    return Imported(spec, load_arrays(path, spec))


def _named_beside(imported: Imported, path: Path) -> Imported:
    """``imported`` with the names in a file beside ``path``, where its own were assumed."""
    assumed = [note for note in imported.notes if any(remedy.option == "labels" for remedy in note.remedies)]
    found = labels_beside(path, len(imported.spec.labels)) if assumed else None
    if found is None:
        return imported
    names, said = found
    notes = tuple(said if note is assumed[0] else note for note in imported.notes if note not in assumed[1:])
    return replace(imported, spec=replace(imported.spec, labels=names), notes=notes)


def _relabelled(spec: ModelSpec, labels: Sequence[str] | None) -> ModelSpec:
    if labels is None:
        return spec
    if len(labels) != len(spec.labels):
        raise DetectorError(f"The model has {len(spec.labels)} classes, but {len(labels)} labels were given.")
    return replace(spec, labels=tuple(labels))
