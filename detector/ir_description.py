"""SSDs in OpenVINO's format with their own DetectionOutput, described from their graph alone.

Their boxes come out of the graph decoded and suppressed. Any class may be the background, the input may be [1, 3, H, W]
or [1, H, W, 3].
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast, get_args

from detector.errors import DetectorError
from detector.graph_spec import Element, GraphSpec, Layout
from detector.ir_file import IrGraph, IrLayer, read_ir_graph
from detector.spec import InputSpec, ModelSpec, PostprocessSpec
from detector.spec_fields import MAX_LABELS
from detector.spec_json import MAX_INPUT_SIDE

KNOWN_LABELS = {
    "person-vehicle-bike-detection-crossroad-0078": ("person", "vehicle", "bike"),
    "person-vehicle-bike-detection-2000": ("vehicle", "person", "bike"),
    "vehicle-license-plate-detection-barrier-0106": ("vehicle", "license plate"),
    "face-detection-0200": ("face",),
}
"""Label files are not part of the format; the classes of published models, by the name inside the file. Source: their
pages in the Open Model Zoo."""

_LEAST_SIDE = 8


class ImageInput(NamedTuple):
    """A network's input for one image: its size in pixels, the order of its axes, the type of its numbers."""

    height: int
    width: int
    layout: Layout
    element: Element


def describe_ir(xml_path: Path, labels: Sequence[str] | None = None) -> ModelSpec:
    """Check an IR model and describe it.

    Args:
        xml_path: The ``.xml``; its ``.bin`` must lie beside it.
        labels: Class names without background, in the order of the model's ids; None takes them from what is known.

    Raises:
        DetectorError: A file is missing, damaged or unsafe, or the model is no SSD with its own DetectionOutput.
    """
    return describe_detection_output(read_ir_graph(xml_path), xml_path, labels)


def describe_detection_output(graph: IrGraph, xml_path: Path, labels: Sequence[str] | None = None) -> ModelSpec:
    """Describes a graph that was read already, like ``describe_ir``."""
    outputs, results = graph.of_kind("DetectionOutput"), graph.of_kind("Result")
    inputs = graph.of_kind("Parameter")
    if len(inputs) != 1 or len(outputs) != 1 or len(results) != 1:
        raise _no_ssd(xml_path, f"{len(inputs)} inputs, {len(outputs)} DetectionOutput, {len(results)} results")
    image = image_input(inputs[0])
    if image is None:
        raise _no_ssd(xml_path, "its input is not one image [1, 3, H, W] or [1, H, W, 3]")
    output = outputs[0]
    shapes = results[0].inputs
    if len(shapes) != 1 or shapes[0][-1:] != (7,) or any(side != 1 for side in shapes[0][:-2]):
        raise _no_ssd(xml_path, "its output is not [1, 1, N, 7]")
    name = "".join(c for c in model_name(graph) or xml_path.stem if c.isprintable())[:100]
    rule = _rule(output, xml_path)
    classes = _class_count(output, xml_path)
    background = _background(output, classes, xml_path)
    return ModelSpec(
        name=xml_path.stem,
        architecture="graph",
        labels=_labels(labels, classes - 1, name),
        # Open Model Zoo's convention: BGR, 0..255; any mean is subtracted inside the graph.
        input=InputSpec(height=image.height, width=image.width, channels="bgr", mean=(0.0, 0.0, 0.0)),
        postprocess=rule,
        title=f"{name}, OpenVINO IR",
        provenance=f"OpenVINO IR {xml_path.name}; suppresses overlaps above {rule.iou_threshold:g} by itself, so a "
        "higher overlap limit shows nothing more",
        graph=GraphSpec("detection-output", layout=image.layout, element=image.element, background=background),
    )


def model_name(graph: IrGraph) -> str:
    """Returns what the network calls itself; "" where it does not."""
    return graph.facts.get("model_name", "") or graph.net_name


def image_input(parameter: IrLayer) -> ImageInput | None:
    """Returns what an input takes if that is one image; else None."""
    shape = parameter.outputs[0] if len(parameter.outputs) == 1 else ()
    if len(shape) != 4 or shape[0] != 1 or not all(side > 0 for side in shape):
        return None
    layout: Layout = "nchw" if shape[1] == 3 else "nhwc"
    height, width = shape[2:] if layout == "nchw" else shape[1:3]
    channels = shape[1] if layout == "nchw" else shape[3]
    if channels != 3 or not all(_LEAST_SIDE <= side <= MAX_INPUT_SIDE for side in (height, width)):
        return None
    element = parameter.data.get("element_type")
    return ImageInput(height, width, layout, cast(Element, element)) if element in get_args(Element) else None


def _class_count(output: IrLayer, path: Path) -> int:
    """Classes, the background among them, from the sizes of the box and class inputs."""
    if len(output.inputs) < 3 or any(len(shape) != 2 for shape in output.inputs[:2]):
        raise _no_ssd(path, "its DetectionOutput has unknown inputs")
    boxes, scores = output.inputs[0][1], output.inputs[1][1]
    shared = output.data.get("share_location", "true").lower() in ("true", "1")
    if not shared or boxes < 4 or boxes % 4 or scores % (boxes // 4) or scores // (boxes // 4) < 2:
        raise _no_ssd(path, "its box and class outputs do not match")
    return scores // (boxes // 4)


def _labels(given: Sequence[str] | None, count: int, model_name: str) -> tuple[str, ...]:
    labels = tuple(given) if given is not None else KNOWN_LABELS.get(model_name, ())
    if given is None and len(labels) != count:
        labels = tuple(f"class {number}" for number in range(1, count + 1))
    if len(labels) != count or len(labels) > MAX_LABELS or len(set(labels)) != len(labels):
        raise DetectorError(f"The model has {count} classes; {len(labels)} labels were given, or one appears twice.")
    return labels


def _rule(output: IrLayer, path: Path) -> PostprocessSpec:
    """The suppression built into the graph, as numbers to show."""
    data = output.data
    try:
        rule = PostprocessSpec(
            score_floor=round(float(data.get("confidence_threshold", "0")), 6),
            iou_threshold=round(float(data["nms_threshold"]), 6),
            top_k=max(1, min(10_000, int(data.get("top_k", "400")))),
            max_detections=max(1, min(10_000, int(data["keep_top_k"].split(",")[0]))),
        )
    except (KeyError, ValueError) as error:
        raise _no_ssd(path, "its DetectionOutput has damaged attributes") from error
    if not (0 <= rule.score_floor <= 1 and 0 <= rule.iou_threshold <= 1):
        raise _no_ssd(path, "its DetectionOutput has damaged attributes")
    return rule


def _background(output: IrLayer, classes: int, path: Path) -> int:
    """Number of the background class."""
    text = output.data.get("background_label_id", "0")
    if not text.isdecimal() or len(text) > 6 or int(text) >= classes:
        raise _no_ssd(path, f"it has {classes} classes, and none of them is the background")
    if output.data.get("decrease_label_id", "false").lower() in ("true", "1"):
        raise _no_ssd(path, "it numbers its classes as MXNet does")
    return int(text)


def _no_ssd(path: Path, why: str) -> DetectorError:
    return DetectorError(
        f"{path.name} is not an SSD with its own DetectionOutput: {why}.",
        "A model needs one image as input and one output [1, 1, N, 7].",
    )
