"""What each kind of node in a TensorFlow graph computes, in numpy, for the kinds that a detector's graph is made of.

Tensors are [B, H, W, C] as TensorFlow has them. Every function takes the node and its inputs and returns the node's
outputs.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_DTYPES = {1: np.float32, 3: np.int32}  # TensorFlow's DataType, types.proto


@dataclass(frozen=True)
class Node:
    """One node of a GraphDef: what it computes from which outputs (``name`` or ``name:1``) of other nodes."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def integer(self, key: str) -> int:
        return int(self.attributes.get(key, {}).get("i", 0))

    def integers(self, key: str) -> list[int]:
        return [int(value) for value in self.attributes.get(key, {}).get("list", {}).get("i", [])]

    def flag(self, key: str) -> bool:
        return bool(self.attributes.get(key, {}).get("b", False))

    def text(self, key: str) -> str:
        """A string: bytes as a list of numbers or, from newer converters, in base64."""
        value = self.attributes[key]["s"]
        return (base64.b64decode(value) if isinstance(value, str) else bytes(value)).decode()


def _elementwise(function: Callable[..., Any]) -> Callable[..., tuple[Array, ...]]:
    return lambda node, *values: (function(*values),)


def _windows(x: Array, kernel: tuple[int, int], node: Node) -> Iterator[tuple[int, int, Array]]:
    """Each place (row, column) of the kernel, and what lies under it: Float[B, rows out, columns out, C]."""
    assert node.text("data_format") == "NHWC"
    assert set(node.integers("dilations")) <= {1}
    _, *strides, _ = node.integers("strides")
    sizes, pads = [], [(0, 0)]
    for length, width, stride in zip(x.shape[1:3], kernel, strides, strict=True):
        if node.text("padding") == "SAME":
            out = -(-length // stride)
            total = max((out - 1) * stride + width - length, 0)
            pads.append((total // 2, total - total // 2))  # the odd one at the end
        else:
            assert node.text("padding") == "VALID"
            out = (length - width) // stride + 1
            pads.append((0, 0))
        sizes.append(out)
    padded = np.pad(x, [*pads, (0, 0)])
    for row in range(kernel[0]):
        for column in range(kernel[1]):
            rows = slice(row, row + (sizes[0] - 1) * strides[0] + 1, strides[0])
            columns = slice(column, column + (sizes[1] - 1) * strides[1] + 1, strides[1])
            yield row, column, padded[:, rows, columns]


def _conv2d(node: Node, x: Array, weights: Array) -> tuple[Array]:
    """``weights`` [rows, columns, in, out]."""
    return (sum(under @ weights[row, column] for row, column, under in _windows(x, weights.shape[:2], node)),)


def _depthwise(node: Node, x: Array, weights: Array) -> tuple[Array]:
    """``weights`` [rows, columns, C, multiplier]: channel c makes outputs c * multiplier and those after it."""
    parts = (under[..., None] * weights[row, column] for row, column, under in _windows(x, weights.shape[:2], node))
    out = sum(parts)
    return (out.reshape(*out.shape[:3], -1),)


def _batch_norm(node: Node, x: Array, gamma: Array, beta: Array, mean: Array, variance: Array) -> tuple[Array]:
    assert not node.flag("is_training")
    epsilon = np.float32(node.attributes["epsilon"]["f"])
    return ((x - mean) / np.sqrt(variance + epsilon) * gamma + beta,)


def _resize_bilinear(node: Node, x: Array, size: Array) -> tuple[Array]:
    assert not node.flag("align_corners")
    assert not node.flag("half_pixel_centers")
    for axis, out in ((2, int(size[1])), (1, int(size[0]))):
        length = x.shape[axis]
        where = np.arange(out) * (length / out)
        lower = where.astype(np.int32)
        upper = np.minimum(lower + 1, length - 1)
        weight = (where - lower).astype(np.float32).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
        low, high = x.take(lower, axis), x.take(upper, axis)
        x = low + (high - low) * weight
    return (x,)


def _strided_slice(node: Node, x: Array, begin: Array, end: Array, strides: Array) -> tuple[Array]:
    assert not any(node.integer(f"{kind}_mask") for kind in ("begin", "end", "ellipsis", "new_axis"))
    shrunk = node.integer("shrink_axis_mask")
    index = [
        int(first) if shrunk >> axis & 1 else slice(int(first), int(last), int(step))
        for axis, (first, last, step) in enumerate(zip(begin, end, strides, strict=True))
    ]
    return (np.asarray(x[tuple(index)]),)


def _slice(node: Node, x: Array, begin: Array, size: Array) -> tuple[Array]:
    ends = [first + many if many >= 0 else None for first, many in zip(begin, size, strict=True)]
    return (x[tuple(slice(first, last) for first, last in zip(begin, ends, strict=True))],)


def _squeeze(node: Node, x: Array) -> tuple[Array]:
    return (np.squeeze(x, tuple(node.integers("squeeze_dims")) or None),)


def _unpack(node: Node, x: Array) -> tuple[Array, ...]:
    return tuple(np.moveaxis(x, node.integer("axis"), 0))


def _scatter(node: Node, held: dict[int, Array], indices: Array, values: Array, flow: Array) -> tuple[Array]:
    held.update(zip(indices.tolist(), values, strict=True))
    return (flow,)


def _write(node: Node, held: dict[int, Array], index: Array, value: Array, flow: Array) -> tuple[Array]:
    held[int(index)] = value
    return (flow,)


OPERATIONS: Mapping[str, Callable[..., tuple[Any, ...]]] = {
    "Add": _elementwise(np.add),
    "AddN": _elementwise(lambda *values: sum(values)),
    "BiasAdd": _elementwise(np.add),
    "Cast": lambda node, x: (x.astype(_DTYPES[node.attributes["DstT"]["type"]]),),
    "ConcatV2": lambda node, *values: (np.concatenate(values[:-1], int(values[-1])),),
    "Conv2D": _conv2d,
    "DepthwiseConv2dNative": _depthwise,
    "Exp": _elementwise(np.exp),
    "ExpandDims": lambda node, x, axis: (np.expand_dims(x, int(axis)),),
    "FusedBatchNorm": _batch_norm,
    "Less": _elementwise(np.less),
    "Mul": _elementwise(np.multiply),
    "Pack": lambda node, *values: (np.stack(values, node.integer("axis")),),
    "Range": lambda node, start, limit, step: (np.arange(start, limit, step, dtype=np.int32),),
    "Relu6": _elementwise(lambda x: np.clip(x, 0, 6)),
    "Reshape": lambda node, x, shape: (x.reshape(shape),),
    "ResizeBilinear": _resize_bilinear,
    "Shape": lambda node, x: (np.array(x.shape, np.int32),),
    "Sigmoid": _elementwise(lambda x: np.exp(-np.logaddexp(0, -x))),
    "Slice": _slice,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Sub": _elementwise(np.subtract),
    "TensorArrayGatherV3": lambda node, held, indices, flow: (np.stack([held[i] for i in indices.tolist()]),),
    "TensorArrayReadV3": lambda node, held, index, flow: (held[int(index)],),
    "TensorArrayScatterV3": _scatter,
    "TensorArraySizeV3": lambda node, held, flow: (np.int32(len(held)),),
    "TensorArrayV3": lambda node, size: ({}, np.float32(0)),
    "TensorArrayWriteV3": _write,
    "Tile": lambda node, x, multiples: (np.tile(x, multiples),),
    "Transpose": lambda node, x, order: (x.transpose(order),),
    "Unpack": _unpack,
}
