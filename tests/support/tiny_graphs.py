"""Small generated networks of every kind of graph that can be imported; their answers follow the image's colours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

BOXES = np.array([[0.1, 0.2, 0.5, 0.6], [0.5, 0.5, 0.9, 1.0]], np.float32)
"""Fractions; the first follows red, the second blue."""
SIZE = 32, 48
"""(height, width) of every input, pixels."""


def onnx_model(
    path: Path,
    nodes: Sequence[Any],
    constants: dict[str, npt.NDArray[Any]],
    outputs: dict[str, Sequence[int]],
    *,
    size: tuple[int | str, int | str] = SIZE,
    names: dict[str, str] | None = None,
    sizes: str = "",
) -> Path:
    """Saves a network whose input is ``images``, Float32[1, 3, H, W], and where named ``sizes``, Int64[1, 2]."""
    from onnx import TensorProto, helper, numpy_helper, save

    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [
            helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *size]),
            *([helper.make_tensor_value_info(sizes, TensorProto.INT64, [1, 2])] if sizes else []),
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, names or {})
    save(model, str(path))
    return path


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """One operator; names of inputs and outputs are parted by spaces."""
    from onnx import helper

    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def scores_of(rows: int, columns: int, first: int = 0) -> tuple[list[Any], dict[str, npt.NDArray[Any]]]:
    """Operators that make ``table`` [1, rows, columns]: in row 0 the mean of channel 0 stands at column ``first``, in
    row 1 the mean of channel 2 at the next; the rest is 0."""
    mixing = np.zeros((3, rows * columns), np.float32)
    mixing[0, first] = 1
    mixing[2, columns + first + 1] = 1
    constants = {"mixing": mixing, "shape": np.array([1, rows, columns], np.int64)}
    nodes = [
        node("GlobalAveragePool", "images", "pooled"),
        node("Flatten", "pooled", "means", axis=1),
        node("MatMul", "means mixing", "flat"),
        node("Reshape", "flat shape", "table"),
    ]
    return nodes, constants


def save_ssd_decoded(path: Path, rows: int = 1200, **more: Any) -> Path:
    """Saves boxes [1, N, 4] and scores [1, N, 3] after softmax, background first; only two boxes are ever likely."""
    nodes, constants = scores_of(rows, 3, first=1)
    bias = np.zeros((1, rows, 3), np.float32)
    bias[0, :, 0] = 20.0
    bias[0, :2, 0] = 0.0
    boxes = np.tile(np.array([0.0, 0.0, 0.01, 0.01], np.float32), (1, rows, 1))
    boxes[0, :2] = BOXES
    constants |= {"bias": bias, "given": boxes, "zero": np.zeros(1, np.float32)}
    nodes += [
        node("Add", "table bias", "logits"),
        node("Softmax", "logits", "scores", axis=2),
        node("Add", "given zero", "boxes"),
    ]
    return onnx_model(path, nodes, constants, {"scores": [1, rows, 3], "boxes": [1, rows, 4]}, **more)


def save_detr(path: Path, rows: int = 300) -> Path:
    """Saves labels, boxes and scores as RT-DETR's deployed exports give them: boxes are scaled by a second input."""
    nodes, constants = scores_of(rows, 2)
    boxes = np.zeros((1, rows, 4), np.float32)
    boxes[0, :2] = BOXES
    labels = np.zeros((1, rows), np.float32)
    labels[0, 1] = 1
    constants |= {"given": boxes, "kinds": labels, "zero": np.zeros(1, np.float32), "axes": np.array([2], np.int64)}
    nodes += [
        node("Cast", "orig_target_sizes", "wide", to=1),
        node("Concat", "wide wide", "extent", axis=1),
        node("Mul", "given extent", "boxes"),
        node("ReduceMax", "table", "scores", axes=[2], keepdims=0),
        node("Add", "kinds zero", "labels"),
    ]
    outputs = {"labels": [1, rows], "boxes": [1, rows, 4], "scores": [1, rows]}
    return onnx_model(path, nodes, constants, outputs, sizes="orig_target_sizes")
