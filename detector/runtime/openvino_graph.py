"""A network's plan as an OpenVINO model, its weights from numpy arrays. No torch. Used by one thread.

``Weights`` hands tensors out by name and remembers what was missing, misshapen or never asked for; ``GraphBuilder``
makes the nodes, in int8 where ``Int8Maps`` knows the range of a map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.errors import DetectorError
from detector.model_file import ModelEntry
from detector.plans.architectures import single_stage
from detector.plans.builder import Activation, Node
from detector.plans.plan import predictions
from detector.quantisation.ranges import Range
from detector.runtime.openvino_int8 import Int8Maps, name_of
from detector.runtime.openvino_runtime import operations
from detector.safetensors_file import Arrays
from detector.spec import ModelSpec
from detector.weights import COUNTER, load_arrays, refuse_faults

Floats = npt.NDArray[np.float32]


def network_of(openvino: Any, entry: ModelEntry, ranges: Mapping[str, Range] | None = None) -> Any:
    """The network of a model for one image, with its weights; an ``openvino.Model``.

    Args:
        openvino: The module.
        entry: The model, with weights.
        ranges: As for ``build_graph``.

    Raises:
        DetectorError: The weights are missing, damaged, or do not fit their network.
    """
    if entry.path is None:
        raise DetectorError(f"The weights of {entry.name} are not on this computer.")
    return build_graph(openvino, entry.spec, load_arrays(entry.path, entry.spec), entry.path.name, ranges)


def build_graph(
    openvino: Any, spec: ModelSpec, arrays: Arrays, what: str, ranges: Mapping[str, Range] | None = None
) -> Any:
    """The network of ``spec`` for one image, ready to compile.

    Args:
        openvino: The module.
        spec: The model.
        arrays: Its tensors by name, finite; emptied.
        what: The file, for messages.
        ranges: Of the maps that are to be in int8, by name; None for a network in floating point.

    Returns:
        ``openvino.Model`` from images Float[1, 3, H, W] to locs Float[1, P, 4] and logits Float[1, P, C].

    Raises:
        DetectorError: The architecture brings its own network, or the tensors or the ranges do not fit it.
    """
    ops, weights = operations(), Weights(arrays, what)
    maps = Int8Maps(ops, ranges or {})
    images = ops.parameter([1, 3, *single_stage(spec)[1].image_size], np.float32, name="images")
    builder = GraphBuilder(ops, weights, maps)
    levels = predictions(builder, images, spec)
    weights.check()
    maps.check(what)
    locs = [builder.rows(level.locs, 4) for level in levels]
    logits = [builder.rows(level.logits, len(spec.labels) + 1) for level in levels]
    return openvino.Model([builder.concat(locs), builder.concat(logits)], [images], spec.name)


def build_taps(openvino: Any, spec: ModelSpec, arrays: Arrays, what: str) -> tuple[Any, tuple[str, ...]]:
    """The network of ``spec`` in floating point, giving out every map that int8 needs the range of.

    Args:
        openvino: The module.
        spec: The model.
        arrays: Its tensors by name, finite; emptied.
        what: The file, for messages.

    Returns:
        ``openvino.Model``, and the names of the maps in the order of its outputs.

    Raises:
        DetectorError: As ``build_graph``.
    """
    ops, weights = operations(), Weights(arrays, what)
    maps = Int8Maps(ops, {})
    images = ops.parameter([1, 3, *single_stage(spec)[1].image_size], np.float32, name="images")
    predictions(GraphBuilder(ops, weights, maps), images, spec)
    weights.check()
    return openvino.Model([ops.result(x) for x in maps.asked.values()], [images], spec.name), tuple(maps.asked)


class Weights:
    """The tensors of a file, each taken once by the network it belongs to.

    Args:
        arrays: By name; emptied while they are taken, so that they are held once only.
        what: The file, for messages.
    """

    def __init__(self, arrays: Arrays, what: str) -> None:
        self._arrays = arrays
        self._what = what
        self._faults: list[str] = []

    def take(self, name: str, *shape: int) -> Floats:
        """The tensor ``name`` as Float32 of ``shape``; zeros where it is missing or another, which is remembered."""
        array = self._arrays.pop(name, None)
        if array is None:
            self._faults.append(f"{name} {list(shape)} is missing")
        elif array.shape != shape:
            self._faults.append(f"{name} is {list(array.shape)} instead of {list(shape)}")
        elif array.dtype.kind != "f":
            self._faults.append(f"{name} holds {array.dtype} instead of floating point numbers")
        else:
            return array.astype(np.float32, copy=False)
        return np.zeros(shape, np.float32)

    def skip(self, name: str) -> None:
        """Do without a tensor that only training needs; it must be there."""
        if self._arrays.pop(name, None) is None:
            self._faults.append(f"{name} [] is missing")

    def check(self) -> None:
        """Check that every tensor was used; called once, when the network is complete.

        Raises:
            DetectorError: Names the first ten tensors that were missing, misshapen, no floats, or are left over.
        """
        extra = [f"{name} {list(array.shape)} is unexpected" for name, array in self._arrays.items()]
        refuse_faults(self._faults + extra, self._what)


class GraphBuilder:
    """The ``Builder`` of OpenVINO nodes; maps have one image.

    Args:
        operations: OpenVINO's operation set, a module.
        weights: Of the network.
        maps: Which maps are in int8. Each is known by the name of its layer; what has none is named after its input.
    """

    def __init__(self, operations: Any, weights: Weights, maps: Int8Maps) -> None:
        self.weights = weights
        self._ops = operations
        self._maps = maps

    def conv(
        self,
        x: Node,
        name: str,
        out: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int | None = None,
        dilation: int = 1,
        same: bool = False,
        depthwise: bool = False,
        norm: tuple[str, float] | None = None,
        activation: Activation = "none",
    ) -> Node:
        """See ``Builder``."""
        before = self.channels(x)
        filters = self.weights.take(f"{name}.weight", out, 1 if depthwise else before, kernel, kernel)
        if norm is None:
            bias = self.weights.take(f"{name}.bias", out)
        else:
            factor, bias = self._norm(*norm, out)
            filters = filters * factor[:, None, None, None]
        around = dilation * (kernel // 2) if padding is None else padding
        before_after = ([0, 0], [0, 0]) if same else ([around, around], [around, around])
        where = ([stride, stride], *before_after, [dilation, dilation], "same_upper" if same else "explicit")
        x = self._maps.map(x)
        if depthwise:
            y = self._ops.group_convolution(x, self._filters(x, filters[:, None]), *where)
        else:
            y = self._ops.convolution(x, self._filters(x, filters), *where)
        y = self._activated(self._ops.add(y, self._constant(bias[None, :, None, None])), activation)
        return _named(y, name)

    def channels(self, x: Node) -> int:
        """See ``Builder``."""
        output = x.output(0) if hasattr(x, "output") else x
        return int(output.get_partial_shape()[1].get_length())

    def activate(self, x: Node, activation: Activation) -> Node:
        """See ``Builder``."""
        return x if activation == "none" else _named(self._activated(x, activation), f"{name_of(x)}.{activation}")

    def _activated(self, x: Node, activation: Activation) -> Node:
        match activation:
            case "relu":
                return self._ops.relu(x)
            case "relu6":
                return self._ops.clamp(x, 0.0, 6.0)
            case "hardswish":
                return self._ops.hswish(x)
            case "none":
                return x

    def max_pool(self, x: Node, kernel: int, *, stride: int, padding: int = 0, ceil: bool = False) -> Node:
        """See ``Builder``."""
        sides = [padding, padding]
        rounding = "ceil" if ceil else "floor"
        pool = self._ops.max_pool(self._maps.map(x), [stride, stride], [1, 1], sides, sides, [kernel, kernel], rounding)
        return pool.output(0)  # the other output is where the maxima were

    def l2_norm(self, x: Node, name: str) -> Node:
        """See ``Builder``."""
        scale = self.weights.take(f"{name}.scale", self.channels(x))
        unit = self._ops.normalize_l2(x, self._constant(np.array([1], np.int64)), 1e-24, "max")
        return _named(self._ops.multiply(unit, self._constant(scale[None, :, None, None])), name)

    def affine(self, x: Node, name: str) -> Node:
        """See ``Builder``."""
        scale, shift = (self.weights.take(f"{name}.{part}", self.channels(x)) for part in ("scale", "shift"))
        scaled = self._ops.multiply(x, self._constant(scale[None, :, None, None]))
        return _named(self._ops.add(scaled, self._constant(shift[None, :, None, None])), name)

    def squeeze_excitation(self, x: Node, name: str, middle: int) -> Node:
        """See ``Builder``."""
        means = self._ops.reduce_mean(x, self._constant(np.array([2, 3], np.int64)), True)
        narrow = self.conv(_named(means, f"{name}.means"), f"{name}.fc1", middle, 1, activation="relu")
        gate = self._ops.hsigmoid(self.conv(narrow, f"{name}.fc2", self.channels(x), 1))
        return _named(self._ops.multiply(x, gate), name)

    def add(self, a: Node, b: Node) -> Node:
        """See ``Builder``."""
        return _named(self._ops.add(self._maps.map(a), self._maps.map(b)), f"{name_of(a)}.sum")

    def concat(self, parts: Sequence[Node]) -> Node:
        """See ``Builder``."""
        return _named(self._ops.concat(list(parts), 1), f"{name_of(parts[0])}.concat")

    def rows(self, prediction: Node, values: int) -> Node:
        """Float[B, A * values, H, W] -> Float[B, H * W * A, values]."""
        last = self._ops.transpose(prediction, self._constant(np.array([0, 2, 3, 1], np.int64)))
        return self._ops.reshape(last, self._constant(np.array([0, -1, values], np.int64)), True)

    def _norm(self, name: str, eps: float, count: int) -> tuple[Floats, Floats]:
        """Batch normalisation as factor and bias of the convolution before it, Float32[count] each."""
        weight, bias, mean, var = (
            self.weights.take(f"{name}.{part}", count) for part in ("weight", "bias", "running_mean", "running_var")
        )
        self.weights.skip(f"{name}{COUNTER}")
        factor = weight / np.sqrt(var + np.float32(eps))
        return factor, bias - mean * factor

    def _filters(self, x: Node, filters: Floats) -> Node:
        short = self._maps.filters(x, filters)
        return self._constant(filters) if short is None else short

    def _constant(self, values: npt.NDArray[Any]) -> Node:
        # Shared, not copied: the network holds the array as long as it lives.
        return self._ops.constant(np.require(values, requirements=("C", "W")), shared_memory=True)


def _named(node: Node, name: str) -> Node:
    node.set_friendly_name(name)
    return node
