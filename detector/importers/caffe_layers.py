"""The layers of Caffe that detectors have, each as OpenVINO's operations. In the process that may die.

What Caffe's own code does counts: BVLC/caffe, ``src/caffe/layers``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detector.importers import caffe_reshaping as reshaping
from detector.importers.caffe_bench import Bench, LayerError, Make, Port, axis_of, blobs
from detector.importers.caffe_network import NetLayer
from detector.importers.protobuf_wire import Message, last_of

_MAX, _AVERAGE = 0, 1
_PRODUCT, _SUM = 0, 1
_DEPTHWISE = ("DepthwiseConvolution", "ConvolutionDepthwise")


def _pair(settings: Message, key: str, usual: int, ends: tuple[str, str] | None = None) -> tuple[int, int]:
    """A setting for height and width: given apart, twice, once or not at all."""
    names = ends or (f"{key}_h", f"{key}_w")
    apart = [last_of(settings, name, None) for name in names]
    values = settings.get(key, [])
    if any(value is not None for value in apart):
        found = [usual if value is None else value for value in apart]
    else:
        found = list(values[:2]) if len(values) > 1 else [values[0] if values else usual] * 2
    if not all(0 <= value <= 4096 for value in found):
        raise LayerError(f"has the {key} {found}")
    return int(found[0]), int(found[1])


def convolution(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """Convolution and Deconvolution, in groups, depthwise and dilated."""
    settings = layer.told("convolution_param")
    weights = blobs(layer, 1)
    filters = weights[0]
    kernel = _pair(settings, "kernel_size", 0, ("kernel_h", "kernel_w"))
    stride, pad, dilation = (_pair(settings, key, d) for key, d in (("stride", 1), ("pad", 0), ("dilation", 1)))
    group = int(last_of(settings, "group", 1))
    channels = bench.shape(inputs[0])[1]
    if layer.kind in _DEPTHWISE and "group" not in settings:
        group = channels
    if filters.ndim != 4 or filters.shape[2:] != kernel or min(*stride, *dilation) < 1:
        raise LayerError(f"has filters {list(filters.shape)} for a kernel of {list(kernel)}")
    if group < 1 or channels % group or filters.shape[0] % group:
        raise LayerError(f"parts {channels} channels into {group} groups")
    where = (list(stride), list(pad), list(pad), list(dilation))
    apart = filters.reshape(group, filters.shape[0] // group, *filters.shape[1:])
    ops = bench.ops
    if layer.kind == "Deconvolution":
        back, kernels = ops.group_convolution_backprop_data, apart
        if group == 1:
            back, kernels = ops.convolution_backprop_data, filters
        y = back(inputs[0], bench.constant(kernels), where[0], None, *where[1:])
    elif group == 1:
        y = ops.convolution(inputs[0], bench.constant(filters), *where)
    else:
        y = ops.group_convolution(inputs[0], bench.constant(apart), *where)
    y = y.output(0)
    return [_with_bias(bench, y, weights[1] if last_of(settings, "bias_term", 1) else None)]


def _with_bias(bench: Bench, y: Port, bias: npt.NDArray[np.float32] | None) -> Port:
    return y if bias is None else bench.ops.add(y, bench.per_channel(bias, y)).output(0)


def inner_product(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """A fully connected layer."""
    settings = layer.told("inner_product_param")
    weights, shape = blobs(layer, 1), bench.shape(inputs[0])
    axis = axis_of(settings, "axis", 1, len(shape))
    if last_of(settings, "transpose", 0) or weights[0].ndim < 2:
        raise LayerError("has transposed weights, which are not supported")
    x = bench.reshaped(inputs[0], [math.prod(shape[:axis]), math.prod(shape[axis:])])
    outputs, inner = weights[0].shape[-2:]
    matrix = weights[0].reshape(outputs, inner)
    y = bench.ops.matmul(x, bench.constant(matrix), False, True).output(0)
    y = bench.reshaped(y, [*shape[:axis], outputs])
    if not last_of(settings, "bias_term", 1):
        return [y]
    return [bench.ops.add(y, bench.constant(blobs(layer, 2)[1].reshape(-1))).output(0)]


def batch_norm(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """Caffe's: sums of means and variances, beside how much they sum up; what scales lies in a layer of its own."""
    mean, variance, times = (blob.reshape(-1) for blob in blobs(layer, 3)[:3])
    factor = 1 / times[0] if times.size == 1 and times[0] else np.float32(0)
    spread = variance * factor + np.float32(last_of(layer.told("batch_norm_param"), "eps", 1e-5))
    if not (spread > 0).all():
        raise LayerError("has a variance that is not positive")
    scale = (1 / np.sqrt(spread)).astype(np.float32)
    return [_affine(bench, inputs[0], scale, (-mean * factor * scale).astype(np.float32))]


def scale(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """Scale, with or without a bias; Bias."""
    settings = layer.told("scale_param")
    if len(inputs) != 1 or last_of(settings, "num_axes", 1) != 1:
        raise LayerError("has its factors computed, which is not supported")
    axis = axis_of(settings, "axis", 1, len(bench.shape(inputs[0])))
    weights = [blob.reshape(-1) for blob in blobs(layer, 2 if last_of(settings, "bias_term", 0) else 1)]
    if layer.kind == "Bias":
        weights = [np.ones_like(weights[0]), weights[0]]
    return [_affine(bench, inputs[0], weights[0], weights[1] if len(weights) > 1 else None, axis)]


def _affine(
    bench: Bench,
    x: Port,
    factors: npt.NDArray[np.float32],
    shift: npt.NDArray[np.float32] | None,
    axis: int = 1,
) -> Port:
    y = bench.ops.multiply(x, bench.per_channel(factors, x, axis)).output(0)
    return y if shift is None else bench.ops.add(y, bench.per_channel(shift, y, axis)).output(0)


def normalize(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """SSD's: to length one at each place, or over the whole map, then scaled."""
    settings = layer.told("norm_param")
    axes = bench.whole(*((1, 2, 3) if last_of(settings, "across_spatial", 1) else (1,)))
    epsilon = float(last_of(settings, "eps", 1e-10))
    unit = bench.ops.normalize_l2(inputs[0], axes, max(epsilon, 1e-30), "add").output(0)
    return [_affine(bench, unit, blobs(layer, 1)[0].reshape(-1), None)]


def lrn(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """Local response normalisation across channels."""
    told = layer.told("lrn_param")
    if last_of(told, "norm_region", 0) != 0:
        raise LayerError("normalises within channels, which is not supported")
    alpha, beta, k = (float(last_of(told, key, d)) for key, d in (("alpha", 1.0), ("beta", 0.75), ("k", 1.0)))
    size = int(last_of(told, "local_size", 5))
    if not 1 <= size <= 255:
        raise LayerError(f"has the local size {size}")
    return [bench.ops.lrn(inputs[0], bench.whole(1), alpha, beta, k, size).output(0)]


def pooling(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """Pools by maximum or mean; the number of windows is rounded up, and the last one begins inside the image."""
    told, x = layer.told("pooling_param"), inputs[0]
    kind, shape = last_of(told, "pool", _MAX), bench.shape(x)
    if kind not in (_MAX, _AVERAGE) or len(shape) != 4:
        raise LayerError("pools in a way that is not supported")
    if last_of(told, "global_pooling", 0):
        reduce = bench.ops.reduce_max if kind == _MAX else bench.ops.reduce_mean
        return [reduce(x, bench.whole(2, 3), True).output(0)]
    kernel = _pair(told, "kernel_size", 0, ("kernel_h", "kernel_w"))
    stride, pad = _pair(told, "stride", 1), _pair(told, "pad", 0)
    if min(*kernel, *stride) < 1 or any(p >= k for p, k in zip(pad, kernel, strict=True)):
        raise LayerError(f"has a kernel of {list(kernel)} with a pad of {list(pad)}")
    up = last_of(told, "round_mode", 0) == 0
    extra = []
    for side, k, s, p in zip(shape[2:], kernel, stride, pad, strict=True):
        count = (side + 2 * p - k) / s
        count = (math.ceil(count) if up else math.floor(count)) + 1
        if p and (count - 1) * s >= side + p:
            count -= 1
        if count < 1:
            raise LayerError("has a window larger than its map")
        extra.append(max(0, (count - 1) * s + k - side - p))
    if kind == _MAX:
        return [bench.ops.max_pool(x, list(stride), [1, 1], list(pad), extra, list(kernel)).output(0)]
    # The padding counts for the mean, what lies beyond it does not.
    around, zero = bench.whole(0, 0, *pad), bench.constant(np.zeros((), np.float32))
    x = bench.ops.pad(x, around, around, "constant", zero).output(0)
    beyond = [max(0, e - p) for e, p in zip(extra, pad, strict=True)]
    return [bench.ops.avg_pool(x, list(stride), [0, 0], beyond, list(kernel), True).output(0)]


def eltwise(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """Sum with factors, product or maximum of maps."""
    told = layer.told("eltwise_param")
    kind, factors = last_of(told, "operation", _SUM), told.get("coeff", [])
    if kind not in (0, 1, 2) or (factors and len(factors) != len(inputs)):
        raise LayerError("combines its inputs in a way that is not supported")
    combine = {_PRODUCT: bench.ops.multiply, _SUM: bench.ops.add}.get(int(kind), bench.ops.maximum)
    parts = list(inputs)
    if kind == _SUM and any(factor != 1 for factor in factors):
        parts = [
            bench.ops.multiply(x, bench.constant(np.array(factor, np.float32))).output(0)
            for x, factor in zip(parts, factors, strict=True)
        ]
    result = parts[0]
    for part in parts[1:]:
        if bench.shape(part) != bench.shape(result):
            raise LayerError("combines maps of different shapes")
        result = combine(result, part).output(0)
    return [result]


def activation(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """ReLU, leaky or not, ReLU6, PReLU, ELU, Sigmoid, TanH, AbsVal."""
    ops, x = bench.ops, inputs[0]
    match layer.kind:
        case "ReLU":
            slope = last_of(layer.told("relu_param"), "negative_slope", 0.0)
            y = ops.prelu(x, bench.constant(np.array([slope], np.float32))) if slope else ops.relu(x)
        case "ReLU6":
            y = ops.clamp(x, 0.0, 6.0)
        case "PReLU":
            slopes = blobs(layer, 1)[0].reshape(-1)
            bench.per_channel(slopes, x)
            y = ops.prelu(x, bench.constant(slopes))
        case "ELU":
            y = ops.elu(x, float(last_of(layer.told("elu_param"), "alpha", 1.0)))
        case "Sigmoid":
            y = ops.sigmoid(x)
        case "TanH":
            y = ops.tanh(x)
        case _:
            y = ops.abs(x)
    return [y.output(0)]


def power(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """(shift + scale * x) ** power."""
    told = layer.told("power_param")
    exponent, factor, shift = (
        np.float32(last_of(told, key, usual)) for key, usual in (("power", 1.0), ("scale", 1.0), ("shift", 0.0))
    )
    y = _affine(bench, inputs[0], np.array([factor]), np.array([shift]))
    return [y if exponent == 1 else bench.ops.power(y, bench.constant(np.array(exponent))).output(0)]


def softmax(bench: Bench, layer: NetLayer, inputs: Sequence[Port]) -> list[Port]:
    """Over an axis."""
    axis = axis_of(layer.told("softmax_param"), "axis", 1, len(bench.shape(inputs[0])))
    return [bench.ops.softmax(inputs[0], axis).output(0)]


_ACTIVATIONS = ("ReLU", "ReLU6", "PReLU", "ELU", "Sigmoid", "TanH", "AbsVal")
LAYERS: dict[str, Make] = {
    **dict.fromkeys(("Convolution", "Deconvolution", *_DEPTHWISE), convolution),
    **dict.fromkeys(_ACTIVATIONS, activation),
    **dict.fromkeys(("Scale", "Bias"), scale),
    **dict.fromkeys(("Split", "Dropout"), reshaping.same),
    "InnerProduct": inner_product,
    "BatchNorm": batch_norm,
    "Normalize": normalize,
    "LRN": lrn,
    "Pooling": pooling,
    "Eltwise": eltwise,
    "Power": power,
    "Softmax": softmax,
    "Concat": reshaping.concat,
    "Slice": reshaping.slices,
    "Permute": reshaping.permute,
    "Flatten": reshaping.flatten,
    "Reshape": reshaping.reshape,
    "PriorBox": reshaping.boxes,
}
"""Every type of layer that can be run, apart from the last; by Caffe's name."""
