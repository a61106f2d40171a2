"""Reads TensorFlow's frozen graphs and SavedModels: the constants inside, and which operators there are. No TensorFlow.

The schema is our own, minimal statement of graph.proto, node_def.proto, attr_value.proto, tensor.proto and
saved_model.proto (tensorflow/core/framework, tensorflow/core/protobuf).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detector.errors import DetectorError, legible
from detector.importers.first_bytes import start_of
from detector.importers.hints import FETCH_AGAIN, ONLY_DETECTORS
from detector.importers.protobuf_file import read_file
from detector.importers.protobuf_wire import Message, Schema, last_of, text_of
from detector.safetensors_file import MAX_FILE_BYTES, Array, Arrays

SAVED_MODEL = "saved_model.pb"

_SHAPE: Schema = {2: ("dim", {1: ("size", "whole")})}
_TENSOR_OUTLINE: Schema = {1: ("dtype", "whole"), 2: ("shape", _SHAPE)}
_TENSOR: Schema = {
    **_TENSOR_OUTLINE,
    4: ("content", "bytes"),
    5: ("float_val", "reals32"),
    6: ("double_val", "reals64"),
    7: ("int_val", "whole"),
    10: ("int64_val", "whole"),
    11: ("bool_val", "whole"),
    13: ("half_val", "whole"),
}


def _graph(tensor: Schema) -> Schema:
    value: Schema = {8: ("tensor", tensor), 10: ("function", {})}
    node: Schema = {
        1: ("name", "text"),
        2: ("op", "text"),
        3: ("input", "text"),
        5: ("attr", {1: ("key", "text"), 2: ("value", value)}),
    }
    return {1: ("node", node), 2: ("library", {1: ("function", {})})}


_WHOLE, _OUTLINE = _graph(_TENSOR), _graph(_TENSOR_OUTLINE)
_SAVED_VERSION, _FIRST_NODE = b"\x08\x01\x12", b"\x0a"
_TYPES: dict[int, Any] = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 10: "u1", 19: "<f2"}
"""numpy's name of each type of tensor that weights have; of others only operators know."""
_MOST_VALUES, _MOST_NODES = 3_000_000, 100_000  # some published SSDs suppress class by class, in nodes of their own
_MOST_ELEMENTS = 2**28
_REPEATED, _ANYWAY = 4, 16 * 2**20  # a file's constants may come to this many times its bytes, and to this many bytes

OPERATORS = frozenset(
    (
        "Placeholder", "Const", "Identity", "IdentityN", "NoOp", "StopGradient", "PreventGradient",
        # Convolutions, pooling, normalisation
        "Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "BiasAdd", "BiasAddV1", "MatMul", "BatchMatMul",
        "BatchMatMulV2", "MaxPool", "AvgPool", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "LRN",
        "L2Loss", "ResizeBilinear", "ResizeNearestNeighbor", "DepthToSpace", "SpaceToDepth", "SpaceToBatchND",
        "BatchToSpaceND", "MirrorPad", "Pad", "PadV2",
        # Activations and arithmetic
        "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Sigmoid", "Tanh", "Softmax", "LogSoftmax", "Softplus", "Softsign",
        "Erf", "Exp", "Log", "Log1p", "Sqrt", "Rsqrt", "Square", "Abs", "Neg", "Sign", "Round", "Rint", "Floor", "Ceil",
        "Reciprocal", "Inv", "Sin", "Cos", "Add", "AddV2", "AddN", "Sub", "Mul", "Div", "RealDiv", "FloorDiv", "Mod",
        "FloorMod", "Pow", "Maximum", "Minimum", "SquaredDifference", "ClipByValue", "Mean", "Sum", "Max", "Min",
        "Prod", "All", "Any", "ArgMax", "ArgMin", "Cumsum", "Greater", "GreaterEqual", "Less", "LessEqual", "Equal",
        "NotEqual", "LogicalAnd", "LogicalOr", "LogicalNot", "Select", "SelectV2", "Where",
        # Shapes
        "Reshape", "Squeeze", "ExpandDims", "Transpose", "Concat", "ConcatV2", "Split", "SplitV", "Slice",
        "StridedSlice", "Pack", "Unpack", "Tile", "Fill", "Range", "Shape", "ShapeN", "Size", "Rank", "Gather",
        "GatherV2", "GatherNd", "Cast", "ZerosLike", "OnesLike", "BroadcastTo", "Reverse", "ReverseV2", "TopKV2",
        "NonMaxSuppressionV2", "NonMaxSuppressionV3", "NonMaxSuppressionV4", "NonMaxSuppressionV5",
        # Numbers of eight bits, as training with them leaves them
        "FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxArgs", "FakeQuantWithMinMaxVarsPerChannel",
    )
)  # fmt: skip
"""What a graph that is run as it is may have: nothing that reads files, calls functions, loops or keeps variables."""


def is_tensorflow(start: bytes, path: Path) -> bool:
    """Returns whether a file that begins with ``start`` is a graph of TensorFlow's, by its name and its first byte."""
    return path.suffix.lower() == ".pb" and (start.startswith((_FIRST_NODE, _SAVED_VERSION)))


def constant_names(path: Path) -> set[str]:
    """Returns the names of all constants.

    Raises:
        DetectorError: It cannot be read.
    """
    return {text_of(node, "name") for node in _nodes(path, _OUTLINE) if text_of(node, "op") == "Const"}


def read_constants(path: Path) -> Arrays:
    """Returns the constants of numbers, by their names; halves as float32.

    Raises:
        DetectorError: It cannot be read, is cut off, damaged or no graph of TensorFlow's, or claims too much.
    """
    nodes = [node for node in _nodes(path, _WHOLE) if text_of(node, "op") == "Const"]
    left = min(MAX_FILE_BYTES, max(_ANYWAY, _REPEATED * path.stat().st_size))
    constants: Arrays = {}
    for node in nodes:
        tensor = _tensor(node)
        kind = _TYPES.get(last_of(tensor, "dtype", 0))
        if kind is None:
            continue
        name, shape = text_of(node, "name"), _shape(tensor)
        left -= math.prod(shape) * 4 if _is_shape(shape) else left + 1
        if left < 0:
            raise DetectorError(f"{path.name}: constant {name[:60]!r} is larger than a detector needs.")
        try:
            constants[name] = _values(tensor, kind, shape)
        except ValueError as error:
            raise DetectorError(f"{path.name} is damaged: constant {name[:60]!r} {error}.", FETCH_AGAIN) from error
    return constants


def check_tensorflow(path: Path) -> None:
    """Makes sure that an engine may read a graph and run it as it is.

    Raises:
        DetectorError: It cannot be read, or holds what no detector needs.
    """
    nodes = _nodes(path, _OUTLINE)
    known = {text_of(node, "name") for node in nodes}
    if len(known) != len(nodes) or "" in known:
        raise DetectorError(f"{path.name} is damaged: two of its operators have the same name.", FETCH_AGAIN)
    takes: dict[str, set[str]] = {}
    for node in nodes:
        kind, name = text_of(node, "op"), text_of(node, "name")
        if kind not in OPERATORS:
            raise DetectorError(
                f"The model contains an operator {legible(kind)}, which detectors do not use.", ONLY_DETECTORS
            )
        takes[name] = {text.removeprefix("^").split(":")[0] for text in node.get("input", [])}
        if not takes[name] <= known:
            raise DetectorError(f"{path.name} is damaged: an operator takes what none gives.", FETCH_AGAIN)
        if kind == "Const" and not _is_shape(_shape(_tensor(node))):
            raise DetectorError(f"{path.name}: constant {legible(name)} is larger than a detector needs.")
    if _has_circle(takes):
        raise DetectorError(f"{path.name} is damaged: its operators wait for each other in a circle.", FETCH_AGAIN)
    if path.name == SAVED_MODEL:
        _check_variables(path)


def _has_circle(takes: Mapping[str, set[str]]) -> bool:
    """Returns whether taking away what needs nothing, again and again, leaves something."""
    waits = {name: len(needs) for name, needs in takes.items()}
    users: dict[str, list[str]] = {}
    for name, needs in takes.items():
        for need in needs:
            users.setdefault(need, []).append(name)
    ready = [name for name, count in waits.items() if not count]
    done = 0
    while ready:
        done += 1
        for user in users.get(ready.pop(), []):
            waits[user] -= 1
            if not waits[user]:
                ready.append(user)
    return done != len(takes)


def _check_variables(path: Path) -> None:
    """A SavedModel's variables are files of its own folder."""
    home = path.parent.resolve()
    try:
        for place in path.parent.glob("variables/*"):
            if not place.resolve().is_relative_to(home) or place.stat().st_size > MAX_FILE_BYTES:
                raise DetectorError(
                    f"{path.parent.name} wants weights from outside its folder, or too many.", ONLY_DETECTORS
                )
    except OSError as error:
        raise DetectorError(f"Cannot read {path.parent}: {error.strerror or error}.") from error


def _nodes(path: Path, graph: Schema) -> Sequence[Message]:
    start = start_of(path)
    is_saved = start.startswith(_SAVED_VERSION)
    schema: Schema = {2: ("meta_graphs", {2: ("graph", graph)})} if is_saved else graph
    message = read_file(path, schema, "graph of TensorFlow's", _MOST_VALUES)
    if is_saved:
        graphs = [each for meta in message.get("meta_graphs", []) for each in meta.get("graph", [])]
        if len(graphs) != 1:
            raise DetectorError(f"{path.name} holds {len(graphs)} graphs; a detector has one.")
        message = graphs[0]
    nodes: list[Message] = message.get("node", [])
    if not 0 < len(nodes) <= _MOST_NODES or not all(text_of(node, "op") for node in nodes):
        raise DetectorError(
            f"{path.name} is cut off, damaged or no graph of TensorFlow's: it has no operators.", FETCH_AGAIN
        )
    return nodes


def _tensor(node: Message) -> Message:
    for attribute in node.get("attr", []):
        if text_of(attribute, "key") == "value":
            found: Message = last_of(last_of(attribute, "value", {}), "tensor", {})
            return found
    return {}


def _shape(tensor: Message) -> tuple[int, ...]:
    return tuple(last_of(dim, "size", 0) for dim in last_of(tensor, "shape", {}).get("dim", []))


def _is_shape(shape: tuple[int, ...]) -> bool:
    """Zeros do not count: numpy makes no array of none by a billion by a billion."""
    return (
        len(shape) <= 8
        and all(side >= 0 for side in shape)
        and math.prod(max(side, 1) for side in shape) <= (_MOST_ELEMENTS)
    )


def _values(tensor: Message, kind: str, shape: tuple[int, ...]) -> Array:
    """The numbers; where there are fewer than the shape has places, the last one is repeated, as TensorFlow does it.

    Raises:
        ValueError: There are more, or half of one; or they are no numbers of the type.
    """
    count = math.prod(shape)
    content = tensor.get("content", [])
    if content and content[-1].size:
        stored = content[-1].tobytes()
        if len(stored) != count * np.dtype(kind).itemsize:
            raise ValueError(f"has {len(stored)} bytes for the shape {list(shape)}")
        values = np.frombuffer(stored, kind)
    else:
        values = _listed(tensor, kind)
        if values.size > count:
            raise ValueError(f"has {values.size} numbers for the shape {list(shape)}")
        rest = values[-1:] if values.size else np.zeros(1, values.dtype)
        values = np.concatenate([values, np.repeat(rest, count - values.size)])
    wide: Any = np.float32 if values.dtype.kind == "f" else values.dtype
    with np.errstate(over="ignore"):
        return values.astype(wide).reshape(shape)


def _listed(tensor: Message, kind: str) -> Array:
    """Numbers that are fields of their own."""
    if kind in ("<f4", "<f8"):
        parts = tensor.get("float_val" if kind == "<f4" else "double_val", [])
        return np.concatenate([*parts, np.empty(0, kind)]).astype(kind)
    whole = tensor.get({"<i8": "int64_val", "u1": "bool_val", "<f2": "half_val"}.get(kind, "int_val"), [])
    if kind == "<f2":
        return np.array([value & 0xFFFF for value in whole], np.uint16).view(np.float16)
    ends = np.iinfo(kind)
    if any(not ends.min <= value <= ends.max for value in whole):
        raise ValueError("holds a number too large for its type")
    return np.array(whole, kind)
