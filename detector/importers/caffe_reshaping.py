"""The layers of Caffe that move numbers without computing any, and the default boxes. In the process that may die."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from detector.importers.caffe_bench import Bench, LayerError, Port, axis_of
from detector.importers.caffe_boxes import prior_boxes
from detector.importers.caffe_file import prior_box_of
from detector.importers.caffe_network import NetLayer
from detector.importers.protobuf_wire import last_of


def concat(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """Along an axis."""
    told = layer.told("concat_param")
    key = "axis" if "axis" in told else "concat_dim"
    return [bench.ops.concat(list(inputs), axis_of(told, key, 1, len(bench.shape(inputs[0])))).output(0)]


def slices(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """Parts along an axis: at the points named, else equally large."""
    told, shape = layer.told("slice_param"), bench.shape(inputs[0])
    axis = axis_of(told, "axis" if "axis" in told else "slice_dim", 1, len(shape))
    points, count = told.get("slice_point", []), len(layer.tops)
    if not points:
        points = [shape[axis] * place // count for place in range(1, count)]
    ends = [0, *points, shape[axis]]
    lengths = [b - a for a, b in pairwise(ends)]
    if len(lengths) != count or min(lengths) < 1:
        raise LayerError(f"makes {len(lengths)} parts for {count} outputs")
    parts = bench.ops.variadic_split(inputs[0], bench.whole(axis), bench.whole(*lengths))
    return [parts.output(place) for place in range(count)]


def same(_bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """Split, and Dropout, which does nothing here."""
    return [inputs[0]] * max(1, len(layer.tops))


def permute(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """Another order of the axes; those not named follow."""
    rank = len(bench.shape(inputs[0]))
    order = list(dict.fromkeys(layer.told("permute_param").get("order", [])))
    order += [axis for axis in range(rank) if axis not in order]
    if sorted(order) != list(range(rank)):
        raise LayerError(f"orders axes as {str(order)[:60]}")
    return [bench.ops.transpose(inputs[0], bench.whole(*order)).output(0)]


def flatten(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """Axes joined into one."""
    told, shape = layer.told("flatten_param"), bench.shape(inputs[0])
    first, final = axis_of(told, "axis", 1, len(shape)), axis_of(told, "end_axis", -1, len(shape))
    joined = [math.prod(shape[first : final + 1])] if first <= final else []
    return [bench.reshaped(inputs[0], [*shape[:first], *joined, *shape[final + 1 :]])]


def reshape(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """Another shape: 0 copies a side, -1 is what remains."""
    told, shape = layer.told("reshape_param"), bench.shape(inputs[0])
    first = axis_of(told, "axis", 0, len(shape) + 1)
    count = int(last_of(told, "num_axes", -1))
    final = len(shape) if count < 0 else min(first + count, len(shape))
    dims = [side for given in told.get("shape", []) for side in given.get("dim", [])]
    if len(dims) > 8 or any(side < -1 or (side == 0 and first + i >= len(shape)) for i, side in enumerate(dims)):
        raise LayerError(f"has the shape {str(dims[:9])[:60]}")
    wanted = [*shape[:first], *(shape[first + i] if side == 0 else side for i, side in enumerate(dims)), *shape[final:]]
    if wanted.count(-1) == 1:
        rest = math.prod(side for side in wanted if side != -1)
        wanted[wanted.index(-1)] = math.prod(shape) // max(1, rest)
    return [bench.reshaped(inputs[0], wanted)]


def boxes(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """The default boxes, which are the same for every image."""
    shape = bench.shape(inputs[0])
    if len(shape) != 4:
        raise LayerError("has no map to lay its boxes on")
    try:
        made = prior_boxes(prior_box_of(layer.told("prior_box_param")), (shape[2], shape[3]), bench.image)
    except ValueError as error:
        raise LayerError(str(error)) from error
    return [bench.constant(made)]
