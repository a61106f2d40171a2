"""The operator ``TFLite_Detection_PostProcess``: what its settings say, and cutting it off.

It is TensorFlow Lite's own, and OpenVINO does not have it. So the graph is cut before it, by changing a few numbers of
the bytes of the file, and our rules do with its anchors and settings what it would do.
Source: tensorflow/lite/kernels/detection_postprocess.cc.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.importers.flatbuffer import FlatError, Table, flex_numbers
from detector.importers.tflite_graph import TfliteGraph, quantised

POSTPROCESS = "TFLite_Detection_PostProcess"

_MOST_ANCHORS = 200_000
_MOST_CLASSES = _MOST_BOXES = 10_000
_TYPES: dict[int, Any] = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 7: np.int16, 9: np.int8}

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PostProcess:
    """The operator at the network's end.

    Attributes:
        anchors: Float32[N, 4] as (cx, cy, w, h), fractions.
        scales: Of the encoded boxes, in their order: y, x, h, w.
        classes: Without the background.
        iou_threshold: Its suppression's limit.
        score_threshold: Its floor.
        most: Boxes it gives.
    """

    anchors: Floats
    scales: tuple[float, float, float, float]
    classes: int
    iou_threshold: float
    score_threshold: float
    most: int


def read_postprocess(graph: TfliteGraph, operator: Table) -> PostProcess:
    """Read the operator's settings and anchors.

    Raises:
        FlatError: They are damaged.
    """
    inputs = operator.numbers(1, "i")
    if len(inputs) != 3 or not all(0 <= i < len(graph.tensors) for i in inputs):
        raise FlatError(f"{POSTPROCESS} takes {len(inputs)} tensors")
    start, count = operator.vector(5, 1)
    told = flex_numbers(bytes(graph.content[start : start + count]))
    try:
        y_scale, x_scale, h_scale, w_scale = scales = tuple(told[f"{axis}_scale"] for axis in "yxhw")
        classes, most = int(told["num_classes"]), int(told["max_detections"])
        floor, limit = told["nms_score_threshold"], told["nms_iou_threshold"]
    except KeyError as error:
        raise FlatError(f"{POSTPROCESS} has no {error.args[0]}") from error
    fine = all(1e-3 <= scale <= 1e6 for scale in scales) and 0 <= limit <= 1
    if not fine or not 1 <= classes <= _MOST_CLASSES or not 1 <= most <= _MOST_BOXES:
        raise FlatError(f"the settings of {POSTPROCESS} are damaged")
    return PostProcess(
        anchors=_anchors(graph, graph.tensors[inputs[2]]),
        scales=(y_scale, x_scale, h_scale, w_scale),
        classes=classes,
        iou_threshold=limit,
        score_threshold=min(max(floor, 0.0), 1.0),
        most=most,
    )


def _anchors(graph: TfliteGraph, tensor: Table) -> Floats:
    """Float32[N, 4]: (y, x, h, w) in the file, ours in the order (cx, cy, w, h)."""
    shape, where = tensor.numbers(0, "i"), graph.constant(tensor)
    kind = _TYPES.get(tensor.number(1, "b"))
    if where is None or kind is None or len(shape) != 2 or shape[1] != 4 or not 0 < shape[0] <= _MOST_ANCHORS:
        raise FlatError(f"the anchors of {POSTPROCESS} are damaged")
    content = bytes(graph.content[where[0] : where[0] + where[1]])
    if len(content) != math.prod(shape) * np.dtype(kind).itemsize:
        raise FlatError(f"the anchors of {POSTPROCESS} are damaged")
    values = np.frombuffer(content, kind).reshape(shape).astype(np.float32)
    meaning = quantised(tensor)
    if np.issubdtype(kind, np.integer):
        values = (values - meaning.zero) * np.float32(meaning.scale)
    if not np.isfinite(values).all() or np.abs(values).max() > 100:
        raise FlatError(f"the anchors of {POSTPROCESS} are damaged")
    return np.ascontiguousarray(values[:, [1, 0, 3, 2]])


def cut_postprocess(graph: TfliteGraph, place: int) -> None:
    """Take the operator out of the bytes: the graph gives out what the operator took.

    Args:
        graph: The graph; read its bytes anew afterwards.
        place: Which of its operators.

    Raises:
        FlatError: The operator does not give what it should.
    """
    inputs = graph.operators[place].numbers(1, "i")
    start, count = graph.root.vector(3, 4)
    for index in range(place, count - 1):  # offsets count from where they stand
        target = graph.buffer.target(start + 4 * (index + 1))
        graph.write("I", start + 4 * index, target - (start + 4 * index))
    graph.write("I", start - 4, count - 1)
    start, count = graph.root.vector(2, 4)
    if count < 2:
        raise FlatError(f"it gives {count} of what {POSTPROCESS} finds")
    graph.write("i", start, inputs[0])
    graph.write("i", start + 4, inputs[1])
    graph.write("I", start - 4, 2)
    start, count = graph.model.vector(7, 4)
    if count:  # its signatures name the former outputs
        graph.write("I", start - 4, 0)
