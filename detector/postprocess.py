"""From raw network outputs to ``Candidates``, in numpy: all images and classes at once. Paper section 2.2, "Inference".

Used by every engine whose outputs end in host memory, on that engine's thread; needs no torch. The twin for tensors
is ``postprocess_torch``, which follows the same rule:

softmax over the classes; score > floor; decode; clip to the image where the checkpoint wants it; per class the best
``top_k``; one NMS over all images and classes; best first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from detector.box_coder import BoxCoder
from detector.boxes import cxcywh_to_xyxy
from detector.detections import Candidates
from detector.nms import batched_nms
from detector.spec import PostprocessSpec

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

# Rounding of the logits may not prune what the exact score would keep.
_MARGIN = 1e-3


def postprocess(
    locs: Floats,
    logits: Floats,
    defaults: Floats,
    spec: PostprocessSpec,
    sizes: Sequence[tuple[int, int]],
    iou_threshold: float | None = None,
    variances: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2),
) -> list[Candidates]:
    """Turn one batch of predictions into candidates.

    Args:
        locs: Float32[B, P, 4], encoded boxes.
        logits: Float32[B, P, C], class scores before softmax, background at index 0.
        defaults: Float32[P, 4] as (cx, cy, w, h), fractions of the input.
        spec: The rule the checkpoint was evaluated with.
        sizes: (height, width) of each original image, pixels: the unit of the result.
        iou_threshold: NMS limit for ``Candidates.kept``; None for the model's own.
        variances: Scale of the encoded boxes.

    Returns:
        One ``Candidates`` per image, ``kept`` filled in.

    Raises:
        ValueError: Shapes do not belong together.
    """
    batch, boxes, classes = logits.shape
    if locs.shape != (batch, boxes, 4) or defaults.shape != (boxes, 4) or len(sizes) != batch:
        raise ValueError(f"locs {locs.shape}, logits {logits.shape}, defaults {defaults.shape}, {len(sizes)} sizes")
    limit = spec.iou_threshold if iou_threshold is None else iou_threshold
    row, class_id, scores = _scored(logits.reshape(-1, classes), spec.score_floor)
    image = row // boxes
    group = image * classes + class_id
    chosen = _best_per_group(group, scores, spec.top_k)
    chosen = chosen[_best_first(image[chosen], scores[chosen])]
    row, image = row[chosen], image[chosen]
    decoded = BoxCoder(variances, spec.max_log_size).decode(locs.reshape(-1, 4)[row], defaults[row % boxes])
    xyxy = _pixels(decoded, np.asarray(sizes, np.float32).reshape(-1, 2)[image], spec.clip)
    sane = np.isfinite(xyxy).all(axis=1)  # an overflowed box is no box
    if not sane.all():
        xyxy, chosen, image = xyxy[sane], chosen[sane], image[sane]
    kept = batched_nms(xyxy, group[chosen], limit)
    return _split(xyxy, scores[chosen], class_id[chosen], kept, image, batch, limit)


def _scored(logits: Floats, floor: float) -> tuple[Indices, Indices, Floats]:
    """Row, class and score of every pair scoring more than ``floor``, in (row, class) order.

    Most default boxes see background: they are left out before the softmax is computed, by a test that errs on the
    safe side. p(c) <= 1 / (1 + exp(l_background - l_c)), so p(c) > t needs l_c - l_background > log(t / (1 - t)).
    """
    count, classes = logits.shape
    best = np.maximum.reduceat(np.ascontiguousarray(logits).reshape(-1), _class_runs(count, classes))[::2]
    background = logits[:, 0]
    with np.errstate(invalid="ignore"):  # broken weights may give NaN or infinity: they score nothing
        alive = np.flatnonzero(best - background > _logit(floor) - _MARGIN)
        odds = logits[alive]
        odds -= np.maximum(best[alive], background[alive])[:, None]
        np.exp(odds, out=odds)
        odds /= odds.sum(axis=1, keepdims=True)
    odds[:, 0] = 0  # background is no result
    passing = np.flatnonzero(odds > floor)
    within, class_id = np.divmod(passing, classes)
    return alive[within], class_id, odds.reshape(-1)[passing]


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    return math.log(probability / (1 - probability)) if probability < 1 else math.inf


@lru_cache(maxsize=8)
def _class_runs(rows: int, classes: int) -> Indices:
    """Where ``maximum.reduceat`` cuts a [rows, classes] array: even runs are a row's classes without background."""
    starts = np.empty(2 * rows, np.intp)
    starts[0::2] = np.arange(rows) * classes + 1
    starts[1::2] = np.arange(1, rows + 1) * classes
    starts.flags.writeable = False
    return starts[:-1]


def _best_first(group: Indices, scores: Floats) -> Indices:
    """The order by group, best score first; equal scores stay as they came.

    One sort of one number: the bits of positive floats order like the floats themselves.
    """
    key = group.astype(np.uint64) << np.uint64(32)
    key |= np.uint64(0xFFFFFFFF) - scores.view(np.uint32)
    return np.argsort(key, kind="stable")


def _best_per_group(group: Indices, scores: Floats, top_k: int) -> Indices:
    """Indices of the ``top_k`` best of each group, in the order of ``_best_first``."""
    order = _best_first(group, scores)
    if len(order) <= top_k:
        return order
    ordered = group[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[starts, len(order)])
    rank = np.arange(len(order)) - np.repeat(starts, lengths)
    return order[rank < top_k]


def _pixels(boxes_cxcywh: Floats, sizes: Floats, clip: bool) -> Floats:
    """Fractions of images of ``sizes`` Float32[N, 2] (height, width) to corners in their pixels, clipped or not."""
    extent = sizes[:, [1, 0, 1, 0]]
    with np.errstate(invalid="ignore", over="ignore"):
        boxes_xyxy = cxcywh_to_xyxy(boxes_cxcywh) * extent
    return np.clip(boxes_xyxy, 0, extent) if clip else boxes_xyxy


def _split(
    boxes_xyxy: Floats,
    scores: Floats,
    class_id: Indices,
    kept: npt.NDArray[np.bool_],
    image: Indices,
    batch: int,
    iou_threshold: float,
) -> list[Candidates]:
    """Cut the flat result, sorted by image, into one ``Candidates`` each."""
    labels = (class_id - 1).astype(np.int32)
    ends = np.searchsorted(image, np.arange(batch + 1))
    spans = [slice(start, end) for start, end in pairwise(ends)]
    return [Candidates(boxes_xyxy[s], scores[s], labels[s], kept[s], iou_threshold) for s in spans]
