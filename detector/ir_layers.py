"""The layers a detector in OpenVINO's format may hold.

OpenVINO builds whatever a file names, and some of its operations crash the process where they do not belong: a
``ReadValue`` without its variable, a ``Slice`` or a ``Broadcast`` with an input too few. So every layer, and what is
connected to it, is checked against this table before OpenVINO sees the file. The table lists what single-shot detectors
consist of in fp32, fp16 and int8: the published ones of the Open Model Zoo, conversions from PyTorch, TensorFlow and
Caffe, and the networks this program saves itself. Control flow, variables, strings, custom extensions and training are
not in it.

Opsets, ports and attributes are as OpenVINO 2026.4 writes them; source: its documentation, "Available Operation Sets".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from detector.errors import DetectorError, legible

MAX_LAYERS = 20_000
"""Largest number of layers; the largest network tried, ``everyday`` in int8, has 999."""

ELEMENT_TYPES = frozenset(
    ("f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "i4", "u64", "u32", "u16", "u8", "u4", "boolean")
)
"""Numbers only: a detector has no use for strings."""

_MAX_INPUTS = 1000
_OPSET = re.compile(r"opset([1-9]\d?)")
_ONLY = "Only detectors made of the usual layers can be used; nothing was loaded."


class LayerRule(NamedTuple):
    """A type of layer.

    Attributes:
        opsets: Operation sets that define it; the number a file gives is that of the definition.
        inputs: Fewest and most inputs.
        outputs: Fewest and most outputs.
        required: Attributes that must be there.
    """

    opsets: tuple[int, ...]
    inputs: tuple[int, int]
    outputs: tuple[int, int] = (1, 1)
    required: tuple[str, ...] = ()


_WINDOW = ("strides", "pads_begin", "pads_end")
_UNARY = LayerRule((1,), (1, 1))
_BINARY = LayerRule((1,), (2, 2))
_REDUCTION = LayerRule((1,), (2, 2))
_FILTERED = LayerRule((1,), (2, 2), required=(*_WINDOW, "dilations"))

LAYERS: Mapping[str, LayerRule] = {
    # Ends and constants
    "Parameter": LayerRule((1,), (0, 0), required=("shape", "element_type")),
    "Result": LayerRule((1,), (1, 1), (0, 1)),
    "Const": LayerRule((1,), (0, 0), required=("element_type", "shape", "offset", "size")),
    "Convert": LayerRule((1,), (1, 1), required=("destination_type",)),
    "ConvertLike": _BINARY,
    "FakeQuantize": LayerRule((1,), (5, 5), required=("levels",)),
    # Convolutions, pooling, normalisation
    "Convolution": _FILTERED,
    "GroupConvolution": _FILTERED,
    "ConvolutionBackpropData": LayerRule((1,), (2, 3), required=(*_WINDOW, "dilations")),
    "GroupConvolutionBackpropData": LayerRule((1,), (2, 3), required=(*_WINDOW, "dilations")),
    "MatMul": _BINARY,
    "MaxPool": LayerRule((1, 8, 14), (1, 1), (1, 2), (*_WINDOW, "kernel")),
    "AvgPool": LayerRule((1, 14), (1, 1), required=(*_WINDOW, "kernel")),
    "BatchNormInference": LayerRule((1, 5), (5, 5), required=("epsilon",)),
    "NormalizeL2": LayerRule((1,), (2, 2), required=("eps", "eps_mode")),
    "LRN": LayerRule((1,), (2, 2), required=("alpha", "beta", "bias", "size")),
    "MVN": LayerRule((6,), (2, 2), required=("eps", "normalize_variance", "eps_mode")),
    "Interpolate": LayerRule((1, 4, 11), (2, 4), required=("mode",)),
    # Activations
    "Abs": _UNARY,
    "Ceiling": _UNARY,
    "Clamp": LayerRule((1,), (1, 1), required=("min", "max")),
    "Elu": LayerRule((1,), (1, 1), required=("alpha",)),
    "Erf": _UNARY,
    "Exp": _UNARY,
    "Floor": _UNARY,
    "Gelu": LayerRule((2, 7), (1, 1)),
    "HSigmoid": LayerRule((5,), (1, 1)),
    "HardSigmoid": LayerRule((1,), (3, 3)),
    "HSwish": LayerRule((4,), (1, 1)),
    "Log": _UNARY,
    "LogSoftmax": LayerRule((5,), (1, 1), required=("axis",)),
    "Mish": LayerRule((4,), (1, 1)),
    "Negative": _UNARY,
    "PReLU": _BINARY,
    "ReLU": _UNARY,
    "Selu": LayerRule((1,), (3, 3)),
    "Sigmoid": _UNARY,
    "Sign": _UNARY,
    "SoftMax": LayerRule((1, 8), (1, 1), required=("axis",)),
    "SoftPlus": LayerRule((4,), (1, 1)),
    "Sqrt": _UNARY,
    "Swish": LayerRule((4,), (1, 2)),
    "Tanh": _UNARY,
    # Arithmetic
    "Add": _BINARY,
    "Divide": _BINARY,
    "Maximum": _BINARY,
    "Minimum": _BINARY,
    "Multiply": _BINARY,
    "Power": _BINARY,
    "SquaredDifference": _BINARY,
    "Subtract": _BINARY,
    "ReduceL1": LayerRule((4,), (2, 2)),
    "ReduceL2": LayerRule((4,), (2, 2)),
    "ReduceMax": _REDUCTION,
    "ReduceMean": _REDUCTION,
    "ReduceMin": _REDUCTION,
    "ReduceProd": _REDUCTION,
    "ReduceSum": _REDUCTION,
    "ReduceLogicalAnd": _REDUCTION,
    "ReduceLogicalOr": _REDUCTION,
    "CumSum": _BINARY,
    "FloorMod": _BINARY,
    "Mod": _BINARY,
    "Round": LayerRule((5,), (1, 1), required=("mode",)),
    "Sin": _UNARY,
    "Cos": _UNARY,
    "Einsum": LayerRule((7,), (1, _MAX_INPUTS), required=("equation",)),
    # Comparison and choice
    "Equal": _BINARY,
    "NotEqual": _BINARY,
    "Greater": _BINARY,
    "GreaterEqual": _BINARY,
    "Less": _BINARY,
    "LessEqual": _BINARY,
    "LogicalAnd": _BINARY,
    "LogicalNot": _UNARY,
    "LogicalOr": _BINARY,
    "Select": LayerRule((1,), (3, 3)),
    "NonZero": LayerRule((3,), (1, 1), required=("output_type",)),
    "TopK": LayerRule((1, 3, 11), (2, 2), (2, 2), ("axis", "mode", "sort")),
    # Shapes
    "BatchToSpace": LayerRule((2,), (4, 4)),
    "Broadcast": LayerRule((1, 3), (2, 3)),
    "Concat": LayerRule((1,), (1, _MAX_INPUTS), required=("axis",)),
    "DepthToSpace": LayerRule((1,), (1, 1), required=("block_size", "mode")),
    "Gather": LayerRule((1, 7, 8), (3, 3)),
    "GatherElements": LayerRule((6,), (2, 2), required=("axis",)),
    "GatherND": LayerRule((5, 8), (2, 2)),
    "GridSample": LayerRule((9,), (2, 2), required=("mode", "padding_mode")),
    "Pad": LayerRule((1, 12), (3, 4), required=("pad_mode",)),
    "Range": LayerRule((1, 4), (3, 3)),
    "Reshape": LayerRule((1,), (2, 2), required=("special_zero",)),
    "ScatterElementsUpdate": LayerRule((3, 12), (4, 4)),
    "ScatterNDUpdate": LayerRule((3, 15), (3, 3)),
    "ShapeOf": LayerRule((1, 3), (1, 1)),
    "Slice": LayerRule((8,), (4, 5)),
    "SpaceToBatch": LayerRule((2,), (4, 4)),
    "SpaceToDepth": LayerRule((1,), (1, 1), required=("block_size", "mode")),
    "Split": LayerRule((1,), (2, 2), (1, _MAX_INPUTS), ("num_splits",)),
    "Squeeze": LayerRule((1, 15), (1, 2)),
    "StridedSlice": LayerRule((1,), (3, 4), required=("begin_mask", "end_mask")),
    "Tile": _BINARY,
    "Transpose": _BINARY,
    "Unsqueeze": _BINARY,
    "VariadicSplit": LayerRule((1,), (3, 3), (1, _MAX_INPUTS)),
    # Detection
    "NonMaxSuppression": LayerRule((5, 9), (2, 6), (3, 3), ("box_encoding",)),
    "PriorBox": LayerRule((1, 8), (2, 2), required=("offset", "variance")),
    "PriorBoxClustered": LayerRule((1,), (2, 2), required=("width", "height", "offset", "variance")),
    "DetectionOutput": LayerRule((1, 8), (3, 5), required=("keep_top_k", "nms_threshold")),
}
"""Every type of layer that is let through, by its name in the file."""


class Layer(NamedTuple):
    """A layer as a file has it.

    Attributes:
        attributes: Of its element: id, name, type, version.
        data: The attributes of the operation.
        inputs: Ids of its input ports.
        outputs: Ids of its output ports.
    """

    attributes: Mapping[str, str]
    data: Mapping[str, str]
    inputs: Sequence[str]
    outputs: Sequence[str]


def check_layers(layers: Sequence[Layer], edges: Sequence[Mapping[str, str]]) -> None:
    """Make sure that a graph consists only of layers that detectors use, and that every input is connected.

    Args:
        layers: All layers.
        edges: All edges: from-layer, from-port, to-layer, to-port.

    Raises:
        DetectorError: There are too many layers, one is not as ``LAYERS`` says, or an edge is wrong.
    """
    if len(layers) > MAX_LAYERS:
        raise DetectorError(f"The model has more than {MAX_LAYERS} layers.")
    for layer in layers:
        _check_layer(layer)
    _check_edges(layers, edges)


def _check_layer(layer: Layer) -> None:
    kind, version = layer.attributes.get("type", ""), layer.attributes.get("version", "")
    rule, opset = LAYERS.get(kind), _OPSET.fullmatch(version)
    if rule is None:
        raise DetectorError(f"The model contains a layer of type {legible(kind)}, which detectors do not use.", _ONLY)
    if opset is None or int(opset[1]) not in rule.opsets:
        raise DetectorError(f"The model contains a {kind} of {legible(version)}, which is not supported.", _ONLY)
    inputs, outputs = len(layer.inputs), len(layer.outputs)
    if not rule.inputs[0] <= inputs <= rule.inputs[1] or not rule.outputs[0] <= outputs <= rule.outputs[1]:
        raise _damaged(layer, f"{inputs} inputs and {outputs} outputs do not fit a {kind}")
    for name in rule.required:
        if name not in layer.data:
            raise _damaged(layer, f"a {kind} needs {name}")
    for name in ("element_type", "destination_type"):
        if layer.data.get(name, "f32") not in ELEMENT_TYPES:
            raise _damaged(layer, f"{name} is {legible(layer.data[name])}")


def _check_edges(layers: Sequence[Layer], edges: Sequence[Mapping[str, str]]) -> None:
    """Make sure that every input has one edge, from an output that exists."""
    by_id = {layer.attributes.get("id", ""): layer for layer in layers}
    if len(by_id) != len(layers) or "" in by_id:
        raise DetectorError("The model is damaged: two layers have the same id.")
    sources = {(name, port) for name, layer in by_id.items() for port in layer.outputs}
    ends = Counter((edge.get("to-layer", ""), edge.get("to-port", "")) for edge in edges)
    for edge in edges:
        if (edge.get("from-layer", ""), edge.get("from-port", "")) not in sources:
            raise DetectorError("The model is damaged: an edge starts at an output that does not exist.")
    inputs = {(name, port) for name, layer in by_id.items() for port in layer.inputs}
    ports = sum(len(layer.inputs) for layer in layers)
    if ends.keys() != inputs or ports != len(inputs) or any(count != 1 for count in ends.values()):
        raise DetectorError("The model is damaged: an input is unconnected, or connected twice.")


def _damaged(layer: Layer, why: str) -> DetectorError:
    return DetectorError(f"The model's layer {legible(layer.attributes.get('name', '?'))} is damaged: {why}.")
