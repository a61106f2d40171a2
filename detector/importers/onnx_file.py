"""Reading of an ``.onnx`` file what must be known before an engine sees it. No torch, no onnx package.

The file is read with our own reader of the wire format: its operators are held to the table below, no tensor may be
larger than a detector needs, and weights in files beside it must lie in its folder. The schema is our own, minimal
statement of onnx.proto (https://github.com/onnx/onnx, ``onnx/onnx.proto``).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from detector.errors import DetectorError, legible
from detector.importers.first_bytes import start_of
from detector.importers.hints import FETCH_AGAIN, ONLY_DETECTORS
from detector.importers.protobuf_file import read_file
from detector.importers.protobuf_wire import Message, Schema, last_of, text_of

_ENTRY: Schema = {1: ("key", "text"), 2: ("value", "text")}
_TENSOR: Schema = {
    1: ("dims", "whole"),
    2: ("data_type", "whole"),
    8: ("name", "text"),
    13: ("external_data", _ENTRY),
    14: ("data_location", "whole"),
}
_DIMENSION: Schema = {1: ("value", "whole"), 2: ("param", "text")}
_VALUE: Schema = {
    1: ("name", "text"),
    2: ("type", {1: ("tensor_type", {1: ("elem_type", "whole"), 2: ("shape", {1: ("dim", _DIMENSION)})})}),
}
_ATTRIBUTE: Schema = {
    1: ("name", "text"),
    5: ("tensor", _TENSOR),
    6: ("graph", {}),
    10: ("tensors", _TENSOR),
    11: ("graphs", {}),
    22: ("sparse_tensor", {}),
    23: ("sparse_tensors", {}),
}
_NODE: Schema = {
    1: ("input", "text"),
    2: ("output", "text"),
    4: ("op_type", "text"),
    5: ("attribute", _ATTRIBUTE),
    7: ("domain", "text"),
}
_GRAPH: Schema = {
    1: ("node", _NODE),
    2: ("name", "text"),
    5: ("initializer", _TENSOR),
    11: ("input", _VALUE),
    12: ("output", _VALUE),
    15: ("sparse_initializer", {}),
}
_MODEL: Schema = {
    1: ("ir_version", "whole"),
    7: ("graph", _GRAPH),
    8: ("opset_import", {1: ("domain", "text"), 2: ("version", "whole")}),
    14: ("metadata_props", _ENTRY),
    25: ("functions", {}),
}

OPERATORS = frozenset(
    (
        # Convolutions, pooling, normalisation
        "Conv", "ConvTranspose", "Gemm", "MatMul", "MaxPool", "AveragePool", "GlobalAveragePool",
        "GlobalMaxPool", "BatchNormalization", "InstanceNormalization", "LayerNormalization",
        "GroupNormalization", "LpNormalization", "LRN", "MeanVarianceNormalization", "Upsample", "Resize",
        "DepthToSpace", "SpaceToDepth", "GridSample", "Einsum",
        # Activations
        "Relu", "LeakyRelu", "PRelu", "Clip", "Elu", "Selu", "Sigmoid", "HardSigmoid", "HardSwish", "Mish",
        "Softmax", "LogSoftmax", "Softplus", "Softsign", "Tanh", "Erf", "Gelu", "Dropout", "Identity",
        # Arithmetic and comparison
        "Add", "Sub", "Mul", "Div", "Pow", "Neg", "Abs", "Sqrt", "Exp", "Log", "Floor", "Ceil", "Round",
        "Reciprocal", "Sin", "Cos", "Min", "Max", "Mean", "Sum", "Mod", "Sign", "And", "Or", "Not", "Equal",
        "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Where", "ReduceL1", "ReduceL2", "ReduceMax",
        "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "ArgMax", "ArgMin", "CumSum",
        # Shapes
        "Cast", "CastLike", "Concat", "Constant", "ConstantOfShape", "Expand", "Flatten", "Gather",
        "GatherElements", "GatherND", "Pad", "Range", "Reshape", "ScatterElements", "ScatterND", "Shape",
        "Size", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze", "TopK", "NonZero",
        # Numbers of eight bits
        "QuantizeLinear", "DequantizeLinear",
        # Detection
        "NonMaxSuppression",
    )
)  # fmt: skip
"""Operators of ONNX's own set that detectors consist of. Control flow (If, Loop, Scan), strings, random numbers,
sequences and operators of other sets are not among them."""

MAX_NODES = 20_000
MAX_ELEMENTS = 2**28
"""Numbers in one tensor; a gibibyte in float32."""
MAX_EXTERNAL_BYTES = 2**30

_OWN_DOMAINS = ("", "ai.onnx")
_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
_SIDES = re.compile(r"\[([1-9]\d{1,3}), ([1-9]\d{1,3})\]")


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the network: its name and shape, -1 for an axis of any length; () for no shape."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """What an ``.onnx`` file says about itself.

    Attributes:
        inputs: Without those that are weights.
        outputs: In the file's order.
        facts: The metadata that its maker left, by name.
        beside: Files of weights beside it, that belong to it.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    facts: dict[str, str]
    beside: tuple[Path, ...]

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) that Ultralytics notes of a network whose input leaves them open; else None."""
        told = _SIDES.fullmatch(self.facts.get("imgsz", ""))
        is_open = any(len(port.shape) == 4 and -1 in port.shape[1:] for port in self.inputs)
        return None if told is None or not is_open else (int(told[1]), int(told[2]))


def check_onnx(path: Path) -> OnnxFile:
    """Make sure that an engine may read an ``.onnx`` file.

    Raises:
        DetectorError: It cannot be read, is cut off, damaged or no ONNX file, or holds what no detector needs.
    """
    start_of(path)
    message = read_file(path, _MODEL, "ONNX file")
    graphs = message.get("graph", [])
    if len(graphs) != 1 or not graphs[0].get("node") or not message.get("opset_import"):
        raise DetectorError(f"{path.name} is cut off, damaged or no ONNX file: it has no graph.", FETCH_AGAIN)
    if "functions" in message:
        raise DetectorError(f"{path.name} defines functions of its own, which is not supported.", ONLY_DETECTORS)
    graph = graphs[0]
    tensors = list(graph.get("initializer", []))
    for node in graph["node"]:
        tensors += _checked_node(node)
    if len(graph["node"]) > MAX_NODES:
        raise DetectorError(f"{path.name} has more than {MAX_NODES} operators.")
    if "sparse_initializer" in graph:
        raise DetectorError(f"{path.name} has sparse weights, which are not supported.", ONLY_DETECTORS)
    _check_order(graph, path)
    beside = {place for tensor in tensors if (place := _checked_tensor(tensor, path)) is not None}
    weights = {text_of(tensor, "name") for tensor in graph.get("initializer", [])}
    return OnnxFile(
        inputs=tuple(port for each in graph.get("input", []) if (port := _port(each)).name not in weights),
        outputs=tuple(_port(each) for each in graph.get("output", [])),
        facts={text_of(entry, "key"): text_of(entry, "value") for entry in message.get("metadata_props", [])},
        beside=tuple(sorted(beside)),
    )


def _checked_node(node: Message) -> list[Message]:
    """The tensors among an operator's attributes.

    Raises:
        DetectorError: It is none that detectors use, or has a graph inside.
    """
    kind, domain = text_of(node, "op_type"), text_of(node, "domain")
    if kind not in OPERATORS or domain not in _OWN_DOMAINS:
        name = kind if domain in _OWN_DOMAINS else f"{domain}.{kind}"
        raise DetectorError(
            f"The model contains an operator {legible(name)}, which detectors do not use.", ONLY_DETECTORS
        )
    tensors = []
    for attribute in node.get("attribute", []):
        if any(part in attribute for part in ("graph", "graphs", "sparse_tensor", "sparse_tensors")):
            raise DetectorError(
                f"The model's operator {legible(kind)} holds a graph or sparse weights.", ONLY_DETECTORS
            )
        tensors += [*attribute.get("tensor", []), *attribute.get("tensors", [])]
    return tensors


def _check_order(graph: Message, path: Path) -> None:
    """Every operator takes what was there before it: the graph has no circle and no loose end."""
    known = {text_of(each, "name") for each in (*graph.get("input", []), *graph.get("initializer", []))} | {""}
    for node in graph["node"]:
        if not known.issuperset(node.get("input", [])):
            raise DetectorError(f"{path.name} is damaged: an operator takes what none before it gives.", FETCH_AGAIN)
        given = [name for name in node.get("output", []) if name]
        if known.intersection(given) - {""} or len(set(given)) != len(given):
            raise DetectorError(f"{path.name} is damaged: two operators give the same tensor.", FETCH_AGAIN)
        known.update(given)
    if not {text_of(each, "name") for each in graph.get("output", [])} <= known:
        raise DetectorError(f"{path.name} is damaged: no operator gives one of its outputs.", FETCH_AGAIN)


def _checked_tensor(tensor: Message, path: Path) -> Path | None:
    """The file beside ``path`` that holds the tensor; None where it lies in ``path`` itself."""
    dims = tensor.get("dims", [])
    name, count = legible(text_of(tensor, "name")), math.prod(dims)
    if any(side < 0 for side in dims) or count > MAX_ELEMENTS:
        raise DetectorError(f"{path.name}: tensor {name} has the shape {str(dims[:8])[:80]}, which no detector needs.")
    entries = {text_of(entry, "key"): text_of(entry, "value") for entry in tensor.get("external_data", [])}
    if not entries and last_of(tensor, "data_location", 0) == 0:
        return None
    place = _inside_folder(entries.get("location", ""), path)
    offset, length = _whole(entries.get("offset", "0")), _whole(entries.get("length", "0"))
    size = place.stat().st_size
    length = length or count * _ITEM_BYTES.get(last_of(tensor, "data_type", 0), 1)
    if size > MAX_EXTERNAL_BYTES or offset + length > size:
        raise DetectorError(f"{place.name} is cut off or too large: {path.name} needs {offset + length} bytes of it.")
    return place


def _inside_folder(location: str, path: Path) -> Path:
    """The file that a tensor names, sure to lie in the folder of ``path``."""
    pure = PurePosixPath(location)
    is_foreign = PureWindowsPath(location).drive or "\\" in location or pure.is_absolute() or ".." in pure.parts
    place = path.parent / pure
    try:
        inside = not is_foreign and bool(location) and place.resolve().is_relative_to(path.parent.resolve())
        found = inside and place.is_file()
    except (OSError, ValueError):
        inside = found = False
    if not inside:
        raise DetectorError(f"{path.name} wants weights from outside its folder ({legible(location)}).", ONLY_DETECTORS)
    if not found:
        raise DetectorError(f"{legible(pure.name)} is missing beside {path.name}.", "Both files make up the model.")
    return place


def _port(value: Message) -> Port:
    kind: Message = last_of(last_of(value, "type", {}), "tensor_type", {})
    dims = last_of(kind, "shape", {}).get("dim", [])
    return Port(text_of(value, "name"), tuple(last_of(dim, "value", -1) for dim in dims))


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 16 else MAX_EXTERNAL_BYTES + 1
