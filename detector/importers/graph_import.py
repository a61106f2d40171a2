"""A graph from outside in our terms: checked, turned into OpenVINO's format where it may die, its rules found.

What the graph cannot tell (channel order, scale of pixels, names) is assumed as its family's authors have it, and each
assumption is a note with the option that says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from detector.errors import DetectorError, Remedy
from detector.graph_spec import GraphSpec
from detector.importers.base import Overrides
from detector.importers.checks import checked_spec, refuse_options
from detector.importers.conventions import as_published
from detector.importers.graph_caffe import import_caffe
from detector.importers.graph_description import (
    OPEN_MODEL_ZOO,
    XML,
    Habit,
    ImportedGraph,
    described_input,
    described_labels,
    image_of,
    recognised,
    title_of,
)
from detector.importers.graph_labels import find_labels, packed_labels
from detector.importers.graph_paddle import import_paddle
from detector.importers.graph_torch import import_torch
from detector.importers.notes import Note
from detector.importers.onnx_file import check_onnx
from detector.importers.source_file import GraphKind, hashed
from detector.importers.tensorflow_file import SAVED_MODEL, check_tensorflow
from detector.importers.tflite_file import TfliteFile, read_tflite
from detector.ir_description import describe_detection_output, model_name
from detector.ir_file import IrGraph, read_ir_graph
from detector.runtime.graph_conversion import ConversionRequest, convert_graph
from detector.spec import ModelSpec, PostprocessSpec

_BGR = Note("Channel order: BGR, as the converter noted in the file.")


def import_graph(path: Path, kind: GraphKind, overrides: Overrides, work: Path) -> ImportedGraph:
    """Read a graph.

    Args:
        path: The file as it was downloaded.
        kind: Its format.
        overrides: What the user says about it.
        work: An empty folder; what is returned may lie in it.

    Raises:
        DetectorError: It cannot be used, or does not fit what the user says.
    """
    refuse_options(overrides, ("layout", "priors"), f"{path.name} brings its own network")
    imported = _IMPORTERS[kind](path, overrides, work)
    spec = as_published(imported.spec, hashed(path))
    return replace(imported, spec=checked_spec(spec))


# -- the formats -------------------------------------------------------------------------------------------------------


def _openvino(path: Path, overrides: Overrides, work: Path) -> ImportedGraph:
    graph = read_ir_graph(path)
    is_reversed = graph.facts.get("reverse_input_channels", "").lower() == "true" and overrides.channels is None
    if not graph.of_kind("DetectionOutput"):
        said = replace(overrides, channels="bgr") if is_reversed else overrides
        imported = recognised(ConversionRequest(path, work / XML, _shape(overrides)), "openvino", said, path)
        return replace(imported, notes=(*imported.notes, _BGR)) if is_reversed else imported
    refuse_options(overrides, ("rule", "scores", "first"), f"{path.name} decodes its boxes itself")
    xml = path
    if overrides.size is not None or any(-1 in each.outputs[0] for each in graph.of_kind("Parameter") if each.outputs):
        xml = work / XML
        convert_graph(ConversionRequest(path, xml, _shape(overrides)))
        graph = replace(read_ir_graph(xml), net_name=graph.net_name, facts=graph.facts)
    spec = describe_detection_output(graph, path, overrides.labels)
    assert spec.graph is not None
    name = Note(f"Recognised as OpenVINO IR with its own DetectionOutput: {model_name(graph) or path.stem}.")
    given, notes = described_input(OPEN_MODEL_ZOO, (spec.input.height, spec.input.width), spec.graph, overrides)
    if is_reversed:
        notes = [_BGR, *notes[1:]]
    if overrides.labels is None and all(label.startswith("class ") for label in spec.labels):
        labels, note = find_labels(path, len(spec.labels), _told(graph))
        spec = replace(spec, labels=labels or spec.labels)
        notes.append(note)
    return ImportedGraph(replace(spec, input=given[0], graph=given[1]), xml, (name, *notes))


def _told(graph: IrGraph) -> tuple[str, ...]:
    """Class names in the model's own facts, as the Model API writes them."""
    return tuple(graph.facts.get("labels", "").replace(",", " ").split())


def _onnx(path: Path, overrides: Overrides, work: Path) -> ImportedGraph:
    told = check_onnx(path)
    size = told.size if overrides.size is None else None
    request = ConversionRequest(path, work / XML, size or _shape(overrides))
    imported = recognised(request, "onnx", overrides, path, facts=told.facts)
    if size is None:
        return imported
    text = f"Input: {size[1]} x {size[0]} pixels, as the file itself says; it works at other sizes, too."
    return replace(imported, notes=(*imported.notes, Note(text, (Remedy("size", "WIDTHxHEIGHT"),))))


def _shape(overrides: Overrides) -> tuple[int, int] | None:
    """(height, width) that the user says."""
    return None if overrides.size is None else (overrides.size[1], overrides.size[0])


def _tensorflow(path: Path, overrides: Overrides, work: Path) -> ImportedGraph:
    check_tensorflow(path)
    source = path.parent if path.name == SAVED_MODEL else path
    return recognised(ConversionRequest(source, work / XML, _shape(overrides)), "tensorflow", overrides, path)


def _tflite(path: Path, overrides: Overrides, work: Path) -> ImportedGraph:
    read = read_tflite(path)
    cut = work / f"{path.stem}.tflite"  # the name that a refusal shows
    cut.write_bytes(read.content)
    request = ConversionRequest(
        cut, work / XML, _shape(overrides), dequantised=tuple((each.scale, each.zero) for each in read.outputs)
    )
    if read.postprocess is None:
        return recognised(request, "tflite", overrides, path, told=packed_labels(path))
    return _with_postprocess(read, request, overrides, path)


def _with_postprocess(read: TfliteFile, request: ConversionRequest, overrides: Overrides, path: Path) -> ImportedGraph:
    """A network whose own post-processing was cut off, and is done by our rules with its settings."""
    refuse_options(overrides, ("rule", "scores", "first"), f"{path.name} says how its outputs are read")
    end = read.postprocess
    assert end is not None  # the caller looked
    outputs = convert_graph(replace(request, constants=(end.anchors,)))
    image = image_of(request.target)
    classes = outputs[1].values.shape[-1]
    if outputs[0].values.shape[1:] != end.anchors.shape or classes not in (end.classes, end.classes + 1):
        raise DetectorError(f"{path.name} is damaged: its outputs do not fit its post-processing.")
    element = image.element
    graph = GraphSpec(
        "tflite-ssd", layout=image.layout, element=element, scores=1, third=2, form="cycxhw", scales=end.scales,
        background=0 if classes > end.classes else -1,
    )  # fmt: skip
    habit = Habit("rgb", "-1-1" if element == "f32" else "0-255", iou_threshold=round(end.iou_threshold, 6))
    (given, graph), notes = described_input(habit, image[:2], graph, overrides)
    if element == "i8" and overrides.scale is None:  # whole numbers from -128 on, of which each is a pixel
        given = replace(given, mean=(128.0,) * 3, std=(1.0,) * 3)
    labels, note = described_labels(path, end.classes, packed_labels(path), overrides)
    what = f"Recognised as a TensorFlow Lite SSD of {len(end.anchors)} boxes, {end.classes} classes"
    notes = [Note(f"{what}; its post-processing is done by this program, with the file's anchors."), *notes, *note]
    spec = ModelSpec(
        name=path.stem[:60] or "model", architecture="graph", labels=labels, input=given,
        postprocess=PostprocessSpec(score_floor=0.01, iou_threshold=habit.iou_threshold),
        title=title_of(path, "tflite"), provenance=f"TensorFlow Lite {path.name[:200]}", graph=graph,
    )  # fmt: skip
    return ImportedGraph(spec, request.target, tuple(notes))


_IMPORTERS: dict[GraphKind, Callable[[Path, Overrides, Path], ImportedGraph]] = {
    "openvino": _openvino,
    "onnx": _onnx,
    "tensorflow": _tensorflow,
    "tflite": _tflite,
    "torch": import_torch,
    "paddle": import_paddle,
    "caffe": import_caffe,
}
