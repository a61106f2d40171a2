"""SSDs in OpenVINO's own format: an ``.xml`` with the graph and a ``.bin`` beside it, box decoding and NMS inside.

The XML is read here with a parser that refuses document types and entities, to learn and check what the model is and
that it consists of layers that detectors use (``ir_layers``); OpenVINO itself sees the file only afterwards.
"""

from __future__ import annotations

import xml.parsers.expat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from detector.errors import DetectorError
from detector.ir_layers import Layer, check_layers
from detector.spec import InputSpec, ModelSpec, PostprocessSpec
from detector.spec_fields import MAX_LABELS
from detector.spec_json import MAX_INPUT_SIDE

MAX_XML_BYTES = 64 * 2**20
MAX_BIN_BYTES = 2**30

# Label files are not part of the format; the classes of published models, by the name inside the file.
_KNOWN_LABELS = {"person-vehicle-bike-detection-crossroad-0078": ("person", "vehicle", "bike")}


@dataclass(slots=True)
class _Layer:
    attributes: dict[str, str]
    data: dict[str, str] = field(default_factory=dict)
    inputs: list[tuple[int, ...]] = field(default_factory=list)
    outputs: list[tuple[int, ...]] = field(default_factory=list)
    ports: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))

    @property
    def kind(self) -> str:
        return self.attributes.get("type", "")


def describe_ir(xml_path: Path, labels: Sequence[str] | None = None) -> ModelSpec:
    """Check an IR model and describe it.

    Args:
        xml_path: The ``.xml``; its ``.bin`` must lie beside it.
        labels: Class names without background, in the order of the model's ids; None takes them from what is known.

    Raises:
        DetectorError: A file is missing, damaged or unsafe, or the model is no SSD with its own DetectionOutput.
    """
    graph = _checked(xml_path)
    parameters = [layer for layer in graph.layers if layer.kind == "Parameter"]
    outputs = [layer for layer in graph.layers if layer.kind == "DetectionOutput"]
    results = [layer for layer in graph.layers if layer.kind == "Result"]
    if len(parameters) != 1 or len(outputs) != 1 or len(results) != 1:
        raise _no_ssd(xml_path, f"{len(parameters)} inputs, {len(outputs)} DetectionOutput, {len(results)} results")
    height, width = _input_size(parameters[0], xml_path)
    output = outputs[0]
    shapes = results[0].inputs
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][:2] != (1, 1) or shapes[0][3] != 7:
        raise _no_ssd(xml_path, "its output is not [1, 1, N, 7]")
    name = "".join(c for c in graph.model_name or graph.net_name or xml_path.stem if c.isprintable())[:100]
    rule = _rule(output, xml_path)
    return ModelSpec(
        name=xml_path.stem,
        architecture="openvino-ir",
        labels=_labels(labels, _class_count(output, xml_path), name),
        # Open Model Zoo's convention: BGR, 0..255; any mean is subtracted inside the graph.
        input=InputSpec(height=height, width=width, channels="bgr", mean=(0.0, 0.0, 0.0)),
        postprocess=rule,
        title=f"{name}, OpenVINO IR",
        provenance=f"OpenVINO IR {xml_path.name}; suppresses overlaps above {rule.iou_threshold:g} by itself, so a "
        "higher overlap limit shows nothing more",
    )


def check_ir(xml_path: Path) -> None:
    """Make sure that OpenVINO may read a network: the files are whole, and detectors use all of its layers.

    Raises:
        DetectorError: A file is missing, damaged or unsafe.
    """
    _checked(xml_path)


@dataclass(slots=True)
class _Graph:
    layers: list[_Layer] = field(default_factory=list)
    edges: list[dict[str, str]] = field(default_factory=list)
    net_name: str = ""
    model_name: str = ""


def _checked(xml_path: Path) -> _Graph:
    bin_path = xml_path.with_suffix(".bin")
    if not bin_path.is_file():
        raise DetectorError(f"{bin_path.name} is missing beside {xml_path.name}.", "Both files make up the model.")
    graph = _parse(xml_path)
    check_layers([Layer(each.attributes, each.data, *each.ports) for each in graph.layers], graph.edges)
    _check_bin(graph, bin_path)
    return graph


def _parse(path: Path) -> _Graph:
    try:
        if path.stat().st_size > MAX_XML_BYTES:
            raise DetectorError(f"{path.name} is larger than {MAX_XML_BYTES >> 20} MiB.")
        content = path.read_bytes()
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
    builder = _GraphBuilder(path)
    parser = xml.parsers.expat.ParserCreate()
    parser.StartDoctypeDeclHandler = builder.refuse
    parser.EntityDeclHandler = builder.refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    try:
        parser.Parse(content, True)
    except xml.parsers.expat.ExpatError as error:
        raise DetectorError(f"{path.name} is not a whole XML file (line {error.lineno}).", "Fetch it again.") from error
    if not builder.is_net:
        raise DetectorError(f"{path.name} is an XML file, but not an OpenVINO model.")
    if builder.oddity:
        raise DetectorError(f"{path.name} contains {builder.oddity}, which is not valid.")
    return builder.graph


class _GraphBuilder:
    """Receives the parser's events; keeps layers, their attributes and port shapes."""

    def __init__(self, path: Path) -> None:
        self.graph = _Graph()
        self.is_net = False
        self.oddity = ""
        self._path = path
        self._stack: list[str] = []
        self._dims: list[int] | None = None
        self._number = self._port = ""

    def refuse(self, *_declaration: object) -> None:
        raise DetectorError(f"{self._path.name} declares a document type or entities, which a model never needs.")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        layer = self.graph.layers[-1] if self.graph.layers else None
        if not self._stack and tag == "net":
            self.is_net, self.graph.net_name = True, attributes.get("name", "")
        elif tag == "layer":
            if self._stack != ["net", "layers"]:
                self.oddity = "a layer inside another"
            self.graph.layers.append(_Layer(attributes))
        elif tag == "data" and layer is not None and self._stack[-1] == "layer":
            if layer.data:  # OpenVINO goes by the first, and what is checked must be what it reads
                self.oddity = "a layer with its attributes twice"
            layer.data = attributes
        elif tag == "edge":
            self.graph.edges.append(attributes)
        elif tag == "port":
            self._dims, self._port = [], attributes.get("id", "")
        elif tag == "dim":
            self._number = ""
        elif tag == "model_name":
            self.graph.model_name = attributes.get("value", "")
        self._stack.append(tag)

    def text(self, characters: str) -> None:
        if self._stack[-1] == "dim":
            self._number += characters

    def end(self, tag: str) -> None:
        self._stack.pop()
        if tag == "dim" and self._dims is not None:
            number = self._number.strip()
            self._dims.append(int(number) if number.isdecimal() and len(number) < 12 else -1)
        elif tag == "port" and self._dims is not None and self.graph.layers:
            layer = self.graph.layers[-1]
            is_input = self._stack[-1] == "input"
            (layer.inputs if is_input else layer.outputs).append(tuple(self._dims))
            layer.ports[0 if is_input else 1].append(self._port)
            self._dims = None


def _check_bin(graph: _Graph, path: Path) -> None:
    """Every constant must lie inside the weights file."""
    size = path.stat().st_size
    if size > MAX_BIN_BYTES:
        raise DetectorError(f"{path.name} is {size >> 20} MiB; weights may have {MAX_BIN_BYTES >> 20} MiB.")
    for layer in graph.layers:
        if layer.kind == "Const":
            offset, length = _whole(layer.data.get("offset")), _whole(layer.data.get("size"))
            if offset is None or length is None:
                raise DetectorError(f"The model's layer {layer.attributes.get('name', '?')[:60]} is damaged.")
            if offset + length > size:
                raise DetectorError(
                    f"{path.name} is cut off: it has {size} bytes, the model needs more.", "Fetch it again."
                )


def _input_size(parameter: _Layer, path: Path) -> tuple[int, int]:
    shape = parameter.outputs[0] if len(parameter.outputs) == 1 else ()
    if len(shape) != 4 or shape[:2] != (1, 3) or not all(8 <= side <= MAX_INPUT_SIDE for side in shape[2:]):
        raise _no_ssd(path, "its input is not one image [1, 3, H, W]")
    return shape[2], shape[3]


def _class_count(output: _Layer, path: Path) -> int:
    """Classes without background, from the sizes of the box and class inputs."""
    if len(output.inputs) < 3 or any(len(shape) != 2 for shape in output.inputs[:2]):
        raise _no_ssd(path, "its DetectionOutput has unknown inputs")
    boxes, scores = output.inputs[0][1], output.inputs[1][1]
    shared = output.data.get("share_location", "true").lower() in ("true", "1")
    if not shared or boxes < 4 or boxes % 4 or scores % (boxes // 4) or scores // (boxes // 4) < 2:
        raise _no_ssd(path, "its box and class outputs do not match")
    return scores // (boxes // 4) - 1


def _labels(given: Sequence[str] | None, count: int, model_name: str) -> tuple[str, ...]:
    labels = tuple(given) if given is not None else _KNOWN_LABELS.get(model_name, ())
    if given is None and len(labels) != count:
        labels = tuple(f"class {number}" for number in range(1, count + 1))
    if len(labels) != count or len(labels) > MAX_LABELS or len(set(labels)) != len(labels):
        raise DetectorError(f"The model has {count} classes; {len(labels)} labels were given, or one appears twice.")
    return labels


def _rule(output: _Layer, path: Path) -> PostprocessSpec:
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
    if data.get("background_label_id", "0") != "0" or data.get("decrease_label_id", "false").lower() in ("true", "1"):
        raise _no_ssd(path, "its background class is not the first")
    return rule


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 16 else None


def _no_ssd(path: Path, why: str) -> DetectorError:
    return DetectorError(
        f"{path.name} is not an SSD with its own DetectionOutput: {why}.",
        "A model needs one image input [1, 3, H, W] and one output [1, 1, N, 7].",
    )
