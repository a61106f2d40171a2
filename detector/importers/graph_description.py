"""How a graph's input is fed and its outputs are called: what its family's authors are used to, and what the user says.

Shared by all formats. What is assumed is a note with the option that says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from detector.errors import DetectorError, Remedy
from detector.graph_spec import NONE, GraphSpec
from detector.importers.base import Overrides, Scale
from detector.importers.checks import refuse_options
from detector.importers.conventions import choose_labels
from detector.importers.graph_labels import find_labels, names_beside, names_in
from detector.importers.graph_reading import Output, Reading, read_outputs
from detector.importers.notes import Note
from detector.importers.source_file import GraphKind
from detector.ir_description import ImageInput, image_input
from detector.ir_file import read_ir_graph
from detector.runtime.graph_conversion import ConversionRequest, convert_graph
from detector.spec import InputSpec, ModelSpec, PostprocessSpec
from detector.spec_fields import MAX_LABELS

TITLES = {
    "openvino": "OpenVINO IR",
    "onnx": "ONNX",
    "tflite": "TensorFlow Lite",
    "caffe": "Caffe",
    "tensorflow": "TensorFlow",
    "torch": "PyTorch",
    "paddle": "Paddle",
}
XML = "converted.xml"
TABLES = ("detection-output", "nms-inside")
"""Rules by which a network gives a table of what it found, with the numbers of classes in it."""

_Triple = tuple[float, float, float]
SCALES: dict[Scale, tuple[_Triple, _Triple]] = {
    "0-255": ((0.0,) * 3, (1.0,) * 3),
    "0-1": ((0.0,) * 3, (255.0,) * 3),
    "-1-1": ((127.5,) * 3, (127.5,) * 3),
    "127-128": ((127.0,) * 3, (128.0,) * 3),
    "caffe": ((123.0, 117.0, 104.0), (1.0,) * 3),
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}
"""Mean and deviation, red first, by the name of a scale: of the pixel's range, or of the data set."""


def scale_of(given: InputSpec) -> Scale | None:
    """Returns the name of the scale of an input's pixels; None where it has none."""
    triples = (given.mean, given.std) if given.channels == "rgb" else (given.mean[::-1], given.std[::-1])
    return next((name for name, scale in SCALES.items() if scale == triples), None)


@dataclass(frozen=True, slots=True)
class Habit:
    """How a family's authors prepare images, and what their boxes are thinned out by."""

    channels: Literal["rgb", "bgr"]
    scale: Scale
    fit: Literal["warp", "letterbox", "corner"] = "warp"
    pad: int = 114
    iou_threshold: float = 0.45


HABITS = {
    "yolox": Habit("bgr", "0-255", "corner"),
    "yolo": Habit("rgb", "0-1", "letterbox"),
    "ultraface": Habit("rgb", "127-128", iou_threshold=0.3),
    "ssd": Habit("rgb", "127-128"),
    "blazeface": Habit("rgb", "-1-1", "letterbox", pad=0, iou_threshold=0.3),
    "detr": Habit("rgb", "0-1"),
    "": Habit("rgb", "0-1"),
}
OPEN_MODEL_ZOO = Habit("bgr", "0-255")


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


def recognised(
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
    height, width, layout, element = image_of(request.target)
    found = read_outputs(outputs, (height, width), overrides.rule, overrides.scores)
    if found.constants:
        convert_graph(replace(request, constants=found.constants))
    habit = HABITS[found.family]
    graph = _numbered(replace(found.graph, layout=layout, element=element), overrides, path)
    (given, graph), notes = described_input(habit, (height, width), graph, overrides)
    told = told or names_in(facts or {})
    classes = _class_count(found, overrides, path, told)
    labels, label_notes = described_labels(path, classes, told, overrides)
    if found.family == "blazeface" and overrides.labels is None:
        labels = ("face",)
        label_notes = (Note("One class, assumed to be faces, as the published ones.", (Remedy("labels", "FILE"),)),)
    rule = (Remedy("rule", "NAME"),)
    notes = [Note(f"Recognised as {TITLES[kind]}, {graph.rule}: {found.why}.", rule), *notes, *label_notes]
    if overrides.first is None and graph.rule in TABLES:
        notes.append(_numbering(graph))
    if graph.rule == "nms-inside":
        notes.append(Note("The network suppresses overlaps itself: its own thresholds count beside yours."))
    spec = ModelSpec(
        name=path.stem[:60] or "model", architecture="graph", labels=labels, input=given,
        postprocess=PostprocessSpec(score_floor=0.01, iou_threshold=habit.iou_threshold),
        title=title_of(path, kind), provenance=f"{TITLES[kind]} {path.name[:200]}", graph=graph,
    )  # fmt: skip
    return ImportedGraph(spec, request.target, tuple(notes))


def _numbered(graph: GraphSpec, overrides: Overrides, path: Path) -> GraphSpec:
    """With the classes of a table counted as the user says."""
    if graph.rule not in TABLES:
        refuse_options(overrides, ("first",), f"{path.name} gives no table of classes")
        return graph
    if overrides.first is None:
        return graph
    first = int(overrides.first)
    if graph.rule == "detection-output":
        return replace(graph, background=0 if first else NONE)
    return replace(graph, first_label=first)


def _numbering(graph: GraphSpec) -> Note:
    """The note on what was assumed of the numbers in a table."""
    first = 1 if graph.background == 0 else graph.first_label
    text = f"The table's classes are numbered from {first} on, assumed."
    return Note(text, (Remedy("first", "0" if first else "1"),))


def _class_count(found: Reading, overrides: Overrides, path: Path, told: tuple[str, ...]) -> int:
    """The number of classes without the background; where outputs do not tell, that of the names."""
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


def described_labels(
    path: Path, classes: int, told: tuple[str, ...], overrides: Overrides
) -> tuple[tuple[str, ...], tuple[Note, ...]]:
    """Returns the names of the classes, and notes on where they come from.

    Args:
        path: The model; names may lie beside it.
        classes: How many there are, the background left out.
        told: Names that the file itself has; () for none.
        overrides: What the user says.

    Raises:
        DetectorError: There are none or too many, or the user names another number of them.
    """
    if overrides.labels is None:
        if not 1 <= classes <= MAX_LABELS:
            raise DetectorError(f"{path.name} has {classes} classes; 1 to {MAX_LABELS} can be used.")
        labels, note = find_labels(path, classes, told)
        return labels or tuple(f"class {number}" for number in range(1, classes + 1)), (note,)
    chosen = choose_labels(classes, overrides)
    return chosen.value, chosen.notes


def image_of(xml: Path) -> ImageInput:
    """Returns the input of a network in OpenVINO's format.

    Raises:
        DetectorError: It is not one image.
    """
    inputs = read_ir_graph(xml).of_kind("Parameter")
    found = image_input(inputs[0]) if len(inputs) == 1 else None
    if found is None:
        raise DetectorError("The network's input is not one image in colour, of 8 to 4096 pixels a side.")
    return found


def described_input(
    habit: Habit, size: tuple[int, int], graph: GraphSpec, overrides: Overrides
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


def title_of(path: Path, kind: GraphKind) -> str:
    """Returns the title of a model that has none: its file's name, and its format."""
    name = "".join(c for c in path.stem if c.isprintable())[:100]
    return f"{name}, {TITLES[kind]}"
