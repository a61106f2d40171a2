"""A Caffe network that none of ours is like: its layers rebuilt in OpenVINO, its conventions from its files."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from detector.errors import DetectorError, Remedy
from detector.importers.base import Overrides
from detector.importers.caffe_graph import DETECTION, LOSS, USUAL_LIMIT, build_network
from detector.importers.caffe_network import CaffeNetwork, prototxt_beside, read_network
from detector.importers.caffe_priors import decimal
from detector.importers.checks import refuse_options
from detector.importers.graph_description import (
    XML,
    Habit,
    ImportedGraph,
    described_input,
    described_labels,
    recognised,
    title_of,
)
from detector.importers.notes import Note
from detector.ir_description import describe_detection_output
from detector.ir_file import read_ir_graph
from detector.runtime.graph_conversion import ConversionRequest, convert_graph
from detector.spec import InputSpec
from detector.spec_json import MAX_INPUT_SIDE

_LEAST_SIDE = 8
_SSD, _MOBILENET = Habit("bgr", "caffe"), Habit("bgr", "-1-1")
_FACES = "res10_300x300_ssd"
"""How the names of OpenCV's face detectors begin; their files have no names of classes."""


def import_caffe(path: Path, overrides: Overrides, work: Path) -> ImportedGraph:
    """Reads a ``.caffemodel``, with the ``.prototxt`` beside it where one lies there.

    Args:
        path: The file as it was downloaded.
        overrides: What the user says about it.
        work: An empty folder; what is returned lies in it.

    Raises:
        DetectorError: It cannot be used, or does not fit what the user says.
    """
    prototxt = prototxt_beside(path)
    network = read_network(path, prototxt, weights=False)
    size = _size(network, overrides, path)
    request = ConversionRequest(path, work / XML, build=partial(build_network, path, prototxt, size))
    if any(network.of_kind(kind) for kind in (DETECTION, LOSS)):
        imported = _with_detections(network, request, overrides, path)
    else:
        imported = recognised(request, "caffe", overrides, path)
        imported = _as_prepared(imported, network, overrides)
    first, *others = imported.notes
    whose = "as the file itself says" if prototxt is None else f"as {prototxt.name[:100]} beside it says"
    return replace(imported, notes=(first, Note(f"Layers: {whose}."), *others))


def _size(network: CaffeNetwork, overrides: Overrides, path: Path) -> tuple[int, int]:
    """(height, width): the user's, else the network's."""
    size = network.size if overrides.size is None else (overrides.size[1], overrides.size[0])
    if size is None:
        raise DetectorError(
            f"{path.name} does not say the size of its images.", "Say the size.", Remedy("size", "WIDTHxHEIGHT")
        )
    if not all(_LEAST_SIDE <= side <= MAX_INPUT_SIDE for side in size):
        raise DetectorError(
            f"{path.name} takes images of {size[1]} x {size[0]}; {_LEAST_SIDE} to {MAX_INPUT_SIDE} work."
        )
    return size


def _with_detections(
    network: CaffeNetwork, request: ConversionRequest, overrides: Overrides, path: Path
) -> ImportedGraph:
    """A network that decodes its boxes itself."""
    refuse_options(overrides, ("rule", "scores", "first"), f"{path.name} decodes its boxes itself")
    convert_graph(request)
    spec = describe_detection_output(read_ir_graph(request.target), request.target, overrides.labels)
    assert spec.graph is not None  # described just so
    is_mobilenet = "mobilenet" in f"{network.name} {path.stem}".lower()
    habit = _MOBILENET if is_mobilenet else _SSD
    (given, graph), notes = described_input(habit, (spec.input.height, spec.input.width), spec.graph, overrides)
    labels, label_notes = described_labels(path, len(spec.labels), (), overrides)
    if len(labels) == 1 and path.stem.startswith(_FACES) and overrides.labels is None:
        labels, label_notes = ("face",), (Note("One class, faces, by the file's name.", (Remedy("labels", "FILE"),)),)
    called = f", {network.name[:60]!r}" if network.name else ""
    about = [Note(f"Recognised as a Caffe network{called} of {len(network.layers)} layers with its own detections.")]
    if not network.of_kind(DETECTION):
        text = f"Its post-processing is not in the file; overlaps above {USUAL_LIMIT:g} are suppressed, as SSD's "
        about.append(Note(text + "authors do."))
    spec = replace(
        spec, name=path.stem[:60] or "model", labels=labels, input=given, graph=graph, title=title_of(path, "caffe"),
        provenance=f"Caffe {path.name[:200]}; suppresses overlaps above {spec.postprocess.iou_threshold:g} by itself, "
        "so a higher overlap limit shows nothing more",
    )  # fmt: skip
    imported = ImportedGraph(spec, request.target, (*about, *notes, *label_notes))
    return _as_prepared(imported, network, overrides)


def _as_prepared(imported: ImportedGraph, network: CaffeNetwork, overrides: Overrides) -> ImportedGraph:
    """With the mean and scale that the files tell, unless the user says otherwise."""
    if overrides.scale is not None or len(network.mean) not in (1, 3) or (network.scale or 1.0) <= 0:
        return imported
    told = network.mean * 3 if len(network.mean) == 1 else network.mean  # in the order of Caffe's images: BGR
    scale = 1.0 if network.scale is None else decimal(network.scale)
    channels = imported.spec.input.channels
    blue, green, red = told
    mean = (blue, green, red) if channels == "bgr" else (red, green, blue)
    rule = InputSpec(imported.spec.input.height, imported.spec.input.width, channels, mean, (1 / scale,) * 3)
    text = f"Images: minus ({blue:g}, {green:g}, {red:g}), times {scale:g}, as the file itself says."
    notes = tuple(note for note in imported.notes if not note.text.startswith("Pixels are scaled"))
    return replace(imported, spec=replace(imported.spec, input=rule), notes=(*notes, Note(text)))
