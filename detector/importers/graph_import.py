"""A graph from outside in our terms: checked, turned into OpenVINO's format where it may die, its rules found.

What the graph cannot tell (channel order, scale of pixels, names) is assumed as its family's authors have it, and each
assumption is a note with the option that says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from detector.errors import DetectorError, Remedy
from detector.graph_spec import GraphSpec
from detector.importers.base import Overrides, Scale
from detector.importers.checks import checked_spec, refuse_options
from detector.importers.conventions import as_published, choose_labels
from detector.importers.graph_labels import find_labels, names_beside, names_in, packed_labels
from detector.importers.graph_reading import Output, Reading, read_outputs
from detector.importers.notes import Note
from detector.importers.onnx_file import check_onnx
from detector.importers.source_file import GraphKind, hashed
from detector.importers.tflite_file import TfliteFile, read_tflite
from detector.ir_description import ImageInput, describe_detection_output, image_input, model_name
from detector.ir_file import IrGraph, read_ir_graph
from detector.runtime.graph_conversion import ConversionRequest, convert_graph
from detector.spec import InputSpec, ModelSpec, PostprocessSpec
from detector.spec_fields import MAX_LABELS

_TITLES = {"openvino": "OpenVINO IR", "onnx": "ONNX", "tflite": "TensorFlow Lite"}
_XML = "converted.xml"

_Triple = tuple[float, float, float]
SCALES: dict[Scale, tuple[_Triple, _Triple]] = {
    "0-255": ((0.0,) * 3, (1.0,) * 3),
    "0-1": ((0.0,) * 3, (255.0,) * 3),
    "-1-1": ((127.5,) * 3, (127.5,) * 3),
    "127-128": ((127.0,) * 3, (128.0,) * 3),
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}
"""Mean and deviation, red first, by the name of a scale: of the pixel's range, or of the data set."""


@dataclass(frozen=True, slots=True)
class _Habit:
    """How a family's authors prepare images, and what their boxes are thinned out by."""

    channels: Literal["rgb", "bgr"]
    scale: Scale
    fit: Literal["warp", "letterbox", "corner"] = "warp"
    pad: int = 114
    iou_threshold: float = 0.45


_HABITS = {
    "yolox": _Habit("bgr", "0-255", "corner"),
    "yolo": _Habit("rgb", "0-1", "letterbox"),
    "ultraface": _Habit("rgb", "127-128", iou_threshold=0.3),
    "ssd": _Habit("rgb", "127-128"),
    "blazeface": _Habit("rgb", "-1-1", "letterbox", pad=0, iou_threshold=0.3),
    "detr": _Habit("rgb", "0-1"),
    "": _Habit("rgb", "0-1"),
}
_OPEN_MODEL_ZOO = _Habit("bgr", "0-255")


@dataclass(frozen=True, slots=True)
class ImportedGraph:
    """A graph in our terms.

    Attributes:
        spec: Its description, checked; the caller names it.
        xml: The graph in OpenVINO's format, its constants beside it; the file itself where it is in that format.
        notes: What was recognised and assumed.
    """

    spec: ModelSpec
    xml: Path
    notes: tuple[Note, ...]


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
    if kind == "tflite":
        imported = _tflite(path, overrides, work)
    elif kind == "onnx":
        imported = _onnx(path, overrides, work)
    else:
        imported = _openvino(path, overrides, work)
    spec = as_published(imported.spec, hashed(path))
    return replace(imported, spec=checked_spec(spec))


# -- the formats -------------------------------------------------------------------------------------------------------


def _openvino(path: Path, overrides: Overrides, work: Path) -> ImportedGraph:
    graph = read_ir_graph(path)
    if not graph.of_kind("DetectionOutput"):
        return _recognised(ConversionRequest(path, work / _XML), "openvino", overrides, path)
    refuse_options(overrides, ("rule", "size", "scores"), f"{path.name} decodes its boxes itself")
    spec = describe_detection_output(graph, path, overrides.labels)
    assert spec.graph is not None
    name = Note(f"Recognised as OpenVINO IR with its own DetectionOutput: {model_name(graph) or path.stem}.")
    given, notes = _input(_OPEN_MODEL_ZOO, (spec.input.height, spec.input.width), spec.graph, overrides)
    if graph.facts.get("reverse_input_channels", "").lower() == "true" and overrides.channels is None:
        notes = [Note("Channel order: BGR, as the converter noted in the file."), *notes[1:]]
    if overrides.labels is None and all(label.startswith("class ") for label in spec.labels):
        labels, note = find_labels(path, len(spec.labels), _told(graph))
        spec = replace(spec, labels=labels or spec.labels)
        notes.append(note)
    return ImportedGraph(replace(spec, input=given[0], graph=given[1]), path, (name, *notes))


def _told(graph: IrGraph) -> tuple[str, ...]:
    """Class names in the model's own facts, as the Model API writes them."""
    return tuple(graph.facts.get("labels", "").replace(",", " ").split())


def _onnx(path: Path, overrides: Overrides, work: Path) -> ImportedGraph:
    told = check_onnx(path)
    size = None if overrides.size is None else (overrides.size[1], overrides.size[0])
    request = ConversionRequest(path, work / _XML, size)
    return _recognised(request, "onnx", overrides, path, facts=told.facts)


def _tflite(path: Path, overrides: Overrides, work: Path) -> ImportedGraph:
    read = read_tflite(path)
    cut = work / "cut.tflite"
    cut.write_bytes(read.content)
    size = None if overrides.size is None else (overrides.size[1], overrides.size[0])
    request = ConversionRequest(
        cut, work / _XML, size, dequantised=tuple((each.scale, each.zero) for each in read.outputs)
    )
    if read.postprocess is None:
        return _recognised(request, "tflite", overrides, path, told=packed_labels(path))
    return _with_postprocess(read, request, overrides, path)


def _with_postprocess(read: TfliteFile, request: ConversionRequest, overrides: Overrides, path: Path) -> ImportedGraph:
    """A network whose own post-processing was cut off, and is done by our rules with its settings."""
    refuse_options(overrides, ("rule", "scores"), f"{path.name} says how its outputs are read")
    end = read.postprocess
    assert end is not None  # the caller looked
    outputs = convert_graph(replace(request, constants=(end.anchors,)))
    image = _image(request.target)
    classes = outputs[1].values.shape[-1]
    if outputs[0].values.shape[1:] != end.anchors.shape or classes not in (end.classes, end.classes + 1):
        raise DetectorError(f"{path.name} is damaged: its outputs do not fit its post-processing.")
    element = image.element
    graph = GraphSpec(
        "tflite-ssd", layout=image.layout, element=element, scores=1, third=2, form="cycxhw", scales=end.scales,
        background=0 if classes > end.classes else -1,
    )  # fmt: skip
    habit = _Habit("rgb", "-1-1" if element == "f32" else "0-255", iou_threshold=round(end.iou_threshold, 6))
    (given, graph), notes = _input(habit, image[:2], graph, overrides)
    if element == "i8" and overrides.scale is None:  # whole numbers from -128 on, of which each is a pixel
        given = replace(given, mean=(128.0,) * 3, std=(1.0,) * 3)
    labels, note = _labels(path, end.classes, packed_labels(path), overrides)
    what = f"Recognised as a TensorFlow Lite SSD of {len(end.anchors)} boxes, {end.classes} classes"
    notes = [Note(f"{what}; its post-processing is done by this program, with the file's anchors."), *notes, *note]
    spec = ModelSpec(
        name=path.stem[:60] or "model", architecture="graph", labels=labels, input=given,
        postprocess=PostprocessSpec(score_floor=0.01, iou_threshold=habit.iou_threshold),
        title=_title(path, "tflite"), provenance=f"TensorFlow Lite {path.name[:200]}", graph=graph,
    )  # fmt: skip
    return ImportedGraph(spec, request.target, tuple(notes))


# -- rules -------------------------------------------------------------------------------------------------------------


def _recognised(
    request: ConversionRequest,
    kind: GraphKind,
    overrides: Overrides,
    path: Path,
    *,
    told: tuple[str, ...] = (),
    facts: dict[str, str] | None = None,
) -> ImportedGraph:
    """A network whose rule shows in its outputs."""
    request = replace(request, scale=(127.0, 128.0))
    outputs = [Output(each.name, each.values) for each in convert_graph(request)]
    height, width, layout, element = _image(request.target)
    found = read_outputs(outputs, (height, width), overrides.rule, overrides.scores)
    if found.constants:
        convert_graph(replace(request, constants=found.constants))
    habit = _HABITS[found.family]
    graph = replace(found.graph, layout=layout, element=element)
    (given, graph), notes = _input(habit, (height, width), graph, overrides)
    told = told or names_in(facts or {})
    classes = _class_count(found, overrides, path, told)
    labels, label_notes = _labels(path, classes, told, overrides)
    if found.family == "blazeface" and overrides.labels is None:
        labels = ("face",)
        label_notes = (Note("One class, assumed to be faces, as the published ones.", (Remedy("labels", "FILE"),)),)
    rule = (Remedy("rule", "NAME"),)
    notes = [Note(f"Recognised as {_TITLES[kind]}, {graph.rule}: {found.why}.", rule), *notes, *label_notes]
    if graph.rule == "detection-output":
        notes.append(Note("The table's classes are numbered from 1 on, assumed; 0 is taken for the background."))
    if graph.rule == "nms-inside":
        notes.append(Note("The network suppresses overlaps itself: its own thresholds count beside yours."))
    spec = ModelSpec(
        name=path.stem[:60] or "model", architecture="graph", labels=labels, input=given,
        postprocess=PostprocessSpec(score_floor=0.01, iou_threshold=habit.iou_threshold),
        title=_title(path, kind), provenance=f"{_TITLES[kind]} {path.name[:200]}", graph=graph,
    )  # fmt: skip
    return ImportedGraph(spec, request.target, tuple(notes))


def _class_count(found: Reading, overrides: Overrides, path: Path, told: tuple[str, ...]) -> int:
    """How many classes, the background left out; where outputs do not tell, as many as there are names."""
    if found.classes is not None:
        return found.classes
    if overrides.labels is not None:
        return len(overrides.labels)
    names = told or names_beside(path)
    if names:
        return len(names)
    raise DetectorError(
        f"{path.name} does not say which classes it tells apart, or how many.",
        "Name them in a file.",
        Remedy("labels", "FILE"),
    )


def _labels(
    path: Path, classes: int, told: tuple[str, ...], overrides: Overrides
) -> tuple[tuple[str, ...], tuple[Note, ...]]:
    if overrides.labels is None:
        if not 1 <= classes <= MAX_LABELS:
            raise DetectorError(f"{path.name} has {classes} classes; 1 to {MAX_LABELS} can be used.")
        labels, note = find_labels(path, classes, told)
        return labels or tuple(f"class {number}" for number in range(1, classes + 1)), (note,)
    chosen = choose_labels(classes, overrides)
    return chosen.value, chosen.notes


def _image(xml: Path) -> ImageInput:
    inputs = read_ir_graph(xml).of_kind("Parameter")
    found = image_input(inputs[0]) if len(inputs) == 1 else None
    if found is None:
        raise DetectorError("The network's input is not one image in colour, of 8 to 4096 pixels a side.")
    return found


def _input(
    habit: _Habit, size: tuple[int, int], graph: GraphSpec, overrides: Overrides
) -> tuple[tuple[InputSpec, GraphSpec], list[Note]]:
    """The input's rule, and what was assumed of it."""
    channels, scale, fit = (
        overrides.channels or habit.channels,
        overrides.scale or habit.scale,
        overrides.fit or habit.fit,
    )
    mean, std = SCALES[scale]
    if channels == "bgr":
        mean, std = mean[::-1], std[::-1]
    notes = []
    if overrides.channels is None:
        other = "bgr" if channels == "rgb" else "rgb"
        text = f"Channel order: {channels.upper()}, assumed; the file does not tell. If it finds little, take "
        notes.append(Note(f"{text}{other.upper()}.", (Remedy("channels", other),)))
    if overrides.scale is None and graph.element in ("f32", "f16"):
        text = f"Pixels are scaled to {scale}, assumed; the file does not tell."
        notes.append(Note(text, (Remedy("scale", "|".join(name for name in SCALES if name != scale)),)))
    if overrides.fit is None and fit != "warp":
        where = "centred" if fit == "letterbox" else "at the top left"
        notes.append(Note(f"Images keep their shape, {where}; assumed.", (Remedy("fit", "warp"),)))
    return (InputSpec(*size, channels, mean, std), replace(graph, fit=fit, pad=habit.pad)), notes


def _title(path: Path, kind: GraphKind) -> str:
    name = "".join(c for c in path.stem if c.isprintable())[:100]
    return f"{name}, {_TITLES[kind]}"
