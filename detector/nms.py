"""Greedy non-maximum suppression for all classes and images at once, in numpy. Paper section 2.2 ("Inference")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

# Pairs compared at a time: their temporaries stay in the processor's cache, and memory stays small however many boxes.
_CHUNK = 1 << 15


def batched_nms(
    boxes_xyxy: Floats, groups: npt.NDArray[np.integer[Any]], iou_threshold: float
) -> npt.NDArray[np.bool_]:
    """Suppress boxes that overlap a better one of their own group by more than ``iou_threshold``.

    Only pairs inside a group are compared; the greedy order is then resolved by repeating "kept = not suppressed by a
    kept one" until nothing changes, which settles from the best box downwards.

    Args:
        boxes_xyxy: Float32[N, 4], best first.
        groups: Int[N]; boxes of different groups never touch. For a batch: image * classes + class.
        iou_threshold: Suppress where IoU > this.

    Returns:
        Bool[N], True where the box stays.
    """
    count = len(boxes_xyxy)
    order = np.argsort(groups, kind="stable")  # by group, best first inside
    with np.errstate(over="ignore", invalid="ignore"):  # boxes past all measure: infinite areas, whose IoU is NaN
        better, worse = _overlapping(boxes_xyxy[order], groups[order], float32_limit(iou_threshold))
    kept = np.ones(count, dtype=np.bool_)
    while len(better):
        settled = np.ones(count, dtype=np.bool_)
        settled[worse[kept[better]]] = False
        if np.array_equal(settled, kept):
            break
        kept = settled
    result = np.empty(count, dtype=np.bool_)
    result[order] = kept
    return result


def float32_limit(threshold: float) -> np.float32:
    """The largest float32 not above ``threshold``, so that x > limit says exactly what x > threshold says."""
    limit = np.float32(threshold)
    return limit if float(limit) <= threshold else np.nextafter(limit, np.float32(-np.inf))


def _overlapping(
    boxes_xyxy: Floats, groups: npt.NDArray[np.integer[Any]], limit: np.float32
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Index pairs (better, worse) of one group with IoU > ``limit``; ``groups`` are sorted."""
    columns = np.ascontiguousarray(boxes_xyxy.T)
    area = (columns[2] - columns[0]) * (columns[3] - columns[1])
    better, worse = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
    for first, second in _pairs(groups):
        hit = np.flatnonzero(_iou(columns, area, first, second) > limit)
        better.append(first[hit].astype(np.int32))
        worse.append(second[hit].astype(np.int32))
    return np.concatenate(better), np.concatenate(worse)


def _pairs(groups: npt.NDArray[np.integer[Any]]) -> Iterator[tuple[Indices, Indices]]:
    """All index pairs (i < j) inside equal runs of the sorted ``groups``, about ``_CHUNK`` at a time."""
    count = len(groups)
    if not count:
        return
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    ends = np.repeat(np.r_[starts[1:], count], np.diff(np.r_[starts, count]))
    followers = ends - np.arange(count) - 1  # members of the group after i
    before = np.r_[0, np.cumsum(followers)]  # pairs whose better box comes before i
    low = 0
    while low < count:
        high = max(low + 1, int(np.searchsorted(before, before[low] + _CHUNK, side="right")) - 1)
        here = followers[low:high]
        first = np.repeat(np.arange(low, high), here)
        second = np.arange(len(first)) - np.repeat(before[low:high] - before[low], here) + first + 1
        if len(first):
            yield first, second
        low = high


def _iou(columns: Floats, area: Floats, first: Indices, second: Indices) -> Floats:
    """Float32[M]: IoU of box pairs; 0 for two boxes without area. ``columns`` is Float32[4, N], x1 y1 x2 y2."""
    x1, y1, x2, y2 = columns
    width = np.minimum(x2.take(first), x2.take(second))
    width -= np.maximum(x1.take(first), x1.take(second))
    height = np.minimum(y2.take(first), y2.take(second))
    height -= np.maximum(y1.take(first), y1.take(second))
    intersection = np.maximum(width, 0, out=width)
    intersection *= np.maximum(height, 0, out=height)
    union = area.take(first)
    union += area.take(second)
    union -= intersection
    result: Floats = np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)
    return result
