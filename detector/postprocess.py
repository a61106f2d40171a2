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
from detector.nms import sorted_nms
from detector.spec import PostprocessSpec

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

# Rounding of the logits may not prune what the exact score would keep.
_MARGIN = 1e-3

_SCORE_BITS = 30
_BEST = np.float32(1).view(np.uint32)  # scores from 0 to 1 are as bits from 0 to this


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
    group = row // boxes * classes + class_id
    chosen = _best_per_group(group, scores, spec.top_k)
    row, group = row[chosen], group[chosen]
    image = row // boxes
    # From here on column by column: numpy is quick along long axes only.
    encoded = np.asfortranarray(locs.reshape(-1, 4).take(row, axis=0))
    default = np.asfortranarray(defaults.take(row % boxes, axis=0))
    decoded = BoxCoder(variances, spec.max_log_size).decode(encoded, default)
    xyxy = _pixels(decoded, np.asarray(sizes, np.float32).reshape(-1, 2), image, spec.clip)
    sane = np.isfinite(xyxy).all(axis=1)  # an overflowed box is no box
    if not sane.all():
        xyxy, chosen, image, group = xyxy[sane], chosen[sane], image[sane], group[sane]
    kept = sorted_nms(xyxy, group, limit)
    scores, class_id = scores[chosen], class_id[chosen]
    order = best_first(image, scores)
    return _split(xyxy.take(order, axis=0), scores[order], class_id[order], kept[order], image[order], batch, limit)


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
        odds = logits.take(alive, axis=0)
        odds -= np.maximum(best[alive], background[alive])[:, None]
        np.exp(odds, out=odds)
        total = odds.sum(axis=1)
        odds[:, 0] = 0  # background is no result
        passing = np.flatnonzero(odds > (floor * (1 - _MARGIN)) * total[:, None])
        within, class_id = np.divmod(passing, classes)
        scores = odds.reshape(-1).take(passing) / total.take(within)
        exactly = np.flatnonzero(scores > floor)  # dividing only what comes near it saves the many others
    return alive.take(within.take(exactly)), class_id.take(exactly), scores.take(exactly)


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    return math.log(probability / (1 - probability)) if probability < 1 else math.inf


@lru_cache(maxsize=8)
def _class_runs(rows: int, classes: int) -> Indices:
    """Returns cuts for ``maximum.reduceat`` in [rows, classes]: even runs are a row's classes without background."""
    starts = np.empty(2 * rows, np.intp)
    starts[0::2] = np.arange(rows) * classes + 1
    starts[1::2] = np.arange(1, rows + 1) * classes
    starts.flags.writeable = False
    return starts[:-1]


def best_first(group: Indices, scores: Floats) -> Indices:
    """The order by group, best score first; equal scores stay as they came.

    Group, score and place become one number each, which sorts several times faster than an order is found: the bits of
    positive floats order like the floats themselves, and those of scores, which end at one, leave room.
    """
    place_bits = len(scores).bit_length()
    if int(group.max(initial=0)).bit_length() + _SCORE_BITS + place_bits > 64:
        return np.lexsort((-scores, group))
    key = group.astype(np.uint64) << np.uint64(_SCORE_BITS)
    key |= _BEST - scores.view(np.uint32)
    key <<= np.uint64(place_bits)
    key |= np.arange(len(scores), dtype=np.uint64)
    key.sort()
    key &= np.uint64((1 << place_bits) - 1)
    return key.astype(np.intp)


def _best_per_group(group: Indices, scores: Floats, top_k: int) -> Indices:
    """Indices of the ``top_k`` best of each group, in the order of ``best_first``."""
    order = best_first(group, scores)
    if len(order) <= top_k or np.bincount(group).max() <= top_k:
        return order
    ordered = group[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return order[rank < top_k]


def _pixels(boxes_cxcywh: Floats, sizes: Floats, image: Indices, clip: bool) -> Floats:
    """Fractions of images to corners in their pixels, clipped or not; ``sizes`` is Float32[B, 2] (height, width)."""
    extent = sizes.T[[1, 0, 1, 0]].take(image, axis=1).T
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
