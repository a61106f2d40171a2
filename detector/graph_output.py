"""From the outputs of somebody else's network to ``Candidates``, by the rule its ``GraphSpec`` declares. In numpy.

Whatever the rule, what follows is the house's own: score > floor; per class the best ``top_k``; boxes that are numbers;
suppression at the caller's limit, but for rules that have none; best first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detector.detections import Candidates
from detector.errors import DetectorError
from detector.graph_input import Placement
from detector.graph_spec import NONE, GraphSpec
from detector.nms import batched_nms
from detector.spec import ModelSpec, PostprocessSpec

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

_MOST_LOG = 20.0  # a side of e^20 default boxes is no box; exp() must not overflow


class Dense(NamedTuple):
    """One box for each of N places, scored for each class.

    Attributes:
        boxes: Float32[N, 4], as the network gives them.
        scores: Float32[N, C], probabilities, background left out.
        background: Float32[N], its probability; ones where the network has none.
        defaults: Float32[N, 4] as (cx, cy, w, h); None where boxes are decoded already.
    """

    boxes: Floats
    scores: Floats
    background: Floats
    defaults: Floats | None


def read_candidates(
    spec: ModelSpec, outputs: Sequence[npt.NDArray[Any]], rule: PostprocessSpec, size: tuple[int, int]
) -> Candidates:
    """Turn a network's outputs for one frame into candidates.

    Args:
        spec: The model; of architecture "graph".
        outputs: All of them, in the network's order.
        rule: Floor, ``top_k``, and the limit for ``Candidates.kept``.
        size: (height, width) of the frame, pixels.

    Raises:
        DetectorError: The outputs have not the shapes that the model's rule needs.
    """
    try:
        return _read(spec, outputs, rule, size)
    except (IndexError, ValueError) as error:  # of numpy, for a description that is not this network's
        raise _misfit("they have other shapes") from error


def _read(
    spec: ModelSpec, outputs: Sequence[npt.NDArray[Any]], rule: PostprocessSpec, size: tuple[int, int]
) -> Candidates:
    graph = spec.graph
    assert graph is not None  # the engine runs nothing else
    if graph.rule in ("detection-output", "nms-inside"):
        boxes, scores, labels = read_table(spec, outputs)
        usable = np.flatnonzero((scores > rule.score_floor) & (labels >= 0) & (labels < len(spec.labels)))
        boxes, scores, labels = boxes[usable], scores[usable], labels[usable]
    else:
        dense = read_dense(spec, outputs, rule.score_floor)
        # Of one axis, nonzero() takes a fraction of the time.
        rows, labels = np.divmod(np.flatnonzero(dense.scores > rule.score_floor), dense.scores.shape[1])
        scores = dense.scores[rows, labels]
        chosen = _best_per_class(labels, scores, rule.top_k)
        rows, labels, scores = rows[chosen], labels[chosen], scores[chosen]
        boxes = _decoded(spec, dense, rows)
    place = Placement(graph, (spec.input.height, spec.input.width), size)
    boxes = place.to_frame(boxes)
    if rule.clip:
        boxes = np.clip(boxes, 0, np.array([size[1], size[0]] * 2, np.float32))
    return _candidates(boxes, scores, labels, rule.iou_threshold, suppress=graph.rule != "queries")


def _candidates(boxes: Floats, scores: Floats, labels: Indices, limit: float, *, suppress: bool) -> Candidates:
    sane = np.flatnonzero(np.isfinite(boxes).all(axis=1) & np.isfinite(scores))
    order = sane[np.argsort(-scores[sane], kind="stable")]
    boxes = np.ascontiguousarray(boxes[order], np.float32)
    scores, class_ids = scores[order].astype(np.float32), labels[order].astype(np.int32)
    kept = batched_nms(boxes, class_ids, limit) if suppress else np.ones(len(boxes), np.bool_)
    return Candidates(boxes, scores, class_ids, kept, limit)


def _best_per_class(labels: Indices, scores: Floats, top_k: int) -> Indices:
    order = np.lexsort((-scores, labels))
    ordered = labels[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return order[rank < top_k]


# -- tables of boxes that the network chose ----------------------------------------------------------------------------


def read_table(spec: ModelSpec, outputs: Sequence[npt.NDArray[Any]]) -> tuple[Floats, Floats, Indices]:
    """The boxes of a rule that has a table, Float32[N, 4], pixels of the input; scores; labels, -1 for the background.

    Raises:
        DetectorError, ValueError: The outputs have not the shapes that the rule needs.
    """
    graph, size = spec.graph, (spec.input.height, spec.input.width)
    assert graph is not None
    if graph.rule == "detection-output":
        table = _rows(outputs[graph.boxes], 7)
        ended = np.flatnonzero(table[:, 0] < 0)
        table = table[: ended[0]] if len(ended) else table
        boxes, scores, numbers = table[:, 3:], table[:, 2], table[:, 1]
    elif graph.scores == NONE:
        table = outputs[graph.boxes]
        if table.shape[-1:] == (7,):  # image, box, class, score, as YOLOv7 has it
            table = _rows(table, 7)[:, [1, 2, 3, 4, 6, 5]]
        table = _rows(table, 6)
        boxes, scores, numbers = table[:, :4], table[:, 4], table[:, 5]
    else:
        boxes = _rows(outputs[graph.boxes], 4)
        scores, numbers = (np.asarray(outputs[i], np.float32).reshape(-1) for i in (graph.scores, graph.third))
        if not len(boxes) == len(scores) == len(numbers):
            raise _misfit("its boxes, scores and classes are not equally many")
    whole = np.isfinite(numbers) & (np.abs(numbers) < 2**31)
    number = np.where(whole, numbers, graph.background).astype(np.int64)
    shift = graph.first_label + ((number > graph.background) if graph.background != NONE else 0)
    labels = np.where(whole & (number != graph.background), number - shift, -1)
    return _corners(graph, boxes, size), scores, labels.astype(np.intp)


def _rows(output: npt.NDArray[Any], columns: int) -> Floats:
    if output.shape[-1:] != (columns,):
        raise _misfit(f"its output {list(output.shape)} is no table of {columns} columns")
    return np.asarray(output, np.float32).reshape(-1, columns)


# -- one box for each place --------------------------------------------------------------------------------------------


def read_dense(spec: ModelSpec, outputs: Sequence[npt.NDArray[Any]], floor: float = -np.inf) -> Dense:
    """The boxes and scores of a rule that has one box for each place.

    Args:
        spec: The model.
        outputs: All of them, in the network's order.
        floor: Classes of a place that holds no object with more than this score nothing.

    Raises:
        DetectorError: The outputs have not the shapes that the rule needs.
    """
    graph = spec.graph
    assert graph is not None
    boxes = np.asarray(outputs[graph.boxes], np.float32)
    if graph.rule == "grid":
        table = boxes.reshape(boxes.shape[-2:])
        table = table.T if graph.transposed else table
        boxes, scores = table[:, :4], table[:, 4:]
    else:
        boxes = boxes.reshape(-1, boxes.shape[-1])[:, :4]
        scores = np.asarray(outputs[graph.scores], np.float32).reshape(len(boxes), -1)
    scores = _probabilities(scores, graph)
    if graph.objectness:
        scores = _weighted(scores, floor)
    background = np.ones(len(scores), np.float32)
    if graph.background != NONE:
        background = scores[:, graph.background]
        scores = np.delete(scores, graph.background, axis=1)
    defaults = None if graph.third == NONE else np.asarray(outputs[graph.third], np.float32).reshape(-1, 4)
    if scores.shape != (len(boxes), len(spec.labels)) or (defaults is not None and len(defaults) != len(boxes)):
        raise _misfit(f"it gives {len(boxes)} boxes and scores {list(scores.shape)}")
    return Dense(boxes, scores, background, defaults)


def _weighted(scores: Floats, floor: float) -> Floats:
    """Float32[N, C]: the scores of classes times that of any object, which comes first; most places hold none."""
    likely = np.flatnonzero(scores[:, 0] > floor)
    weighted = np.zeros((len(scores), scores.shape[1] - 1), np.float32)
    weighted[likely] = scores[likely, 1:] * scores[likely, :1]
    return weighted


def _probabilities(scores: Floats, graph: GraphSpec) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):  # NaN of broken weights stays NaN, and scores nothing
        if graph.activation == "sigmoid":
            return np.asarray(1 / (1 + np.exp(-scores)), np.float32)
        if graph.activation == "softmax":
            shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
            return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float32)
    return scores


def _decoded(spec: ModelSpec, dense: Dense, rows: Indices) -> Floats:
    """The boxes of these rows, Float32[M, 4] xyxy, pixels of the input."""
    graph, size = spec.graph, (spec.input.height, spec.input.width)
    assert graph is not None
    boxes = dense.boxes[rows]
    with np.errstate(over="ignore", invalid="ignore"):
        if dense.defaults is not None:
            return _corners(graph, _from_defaults(graph, boxes, dense.defaults[rows]), size)
        if graph.strides:
            cells, strides = grid_cells(size, graph.strides)
            if len(cells) != len(dense.boxes):
                raise _misfit(f"its grids have {len(cells)} cells, it gives {len(dense.boxes)} boxes")
            stride = strides[rows, None]
            centre = (boxes[:, :2] + cells[rows]) * stride
            boxes = np.concatenate([centre, np.exp(np.minimum(boxes[:, 2:], _MOST_LOG)) * stride], axis=1)
        return _corners(graph, boxes, size)


def _from_defaults(graph: GraphSpec, encoded: Floats, defaults: Floats) -> Floats:
    """Float32[M, 4] in the order of ``graph.form``: paper section 2.2, equation 2, solved for the box."""
    if graph.form == "cycxhw":
        defaults = defaults[:, [1, 0, 3, 2]]
    deltas = encoded / np.asarray(graph.scales, np.float32)
    centre = deltas[:, :2] * defaults[:, 2:] + defaults[:, :2]
    sides = deltas[:, 2:] if graph.linear else np.exp(np.minimum(deltas[:, 2:], _MOST_LOG))
    return np.concatenate([centre, sides * defaults[:, 2:]], axis=1)


def grid_cells(size: tuple[int, int], strides: Sequence[int]) -> tuple[Floats, Floats]:
    """Column and row of every cell, Float32[N, 2], and its stride, Float32[N]: grid after grid, row by row."""
    cells, pixels = [], []
    for stride in strides:
        rows, columns = np.mgrid[: size[0] // stride, : size[1] // stride]
        cells.append(np.stack([columns.reshape(-1), rows.reshape(-1)], axis=1).astype(np.float32))
        pixels.append(np.full(rows.size, stride, np.float32))
    return np.concatenate(cells), np.concatenate(pixels)


def _corners(graph: GraphSpec, boxes: Floats, size: tuple[int, int]) -> Floats:
    """Float32[M, 4] in the order and unit of ``graph`` to xyxy in pixels of the input."""
    if graph.form in ("yxyx", "cycxhw"):
        boxes = boxes[:, [1, 0, 3, 2]]
    if graph.form in ("cxcywh", "cycxhw"):
        half = boxes[:, 2:] / 2
        boxes = np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)
    height, width = size if graph.unit == "fraction" else (1, 1)
    with np.errstate(over="ignore", invalid="ignore"):  # of a table that the network fills with such; left out later
        return np.asarray(boxes * np.array([width, height, width, height], np.float32), np.float32)


def _misfit(why: str) -> DetectorError:
    return DetectorError(f"The network's outputs are not what its description says: {why}.", "Import the model again.")
