"""Greedy non-maximum suppression for all classes and images at once, in numpy. Paper section 2.2 ("Inference")."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def batched_nms(
    boxes_xyxy: npt.NDArray[np.float32], groups: npt.NDArray[np.integer[Any]], iou_threshold: float
) -> npt.NDArray[np.bool_]:
    """Suppress boxes that overlap a better one of their own group by more than ``iou_threshold``.

    Only pairs inside a group are compared, all in one go; the greedy order is then resolved by repeating
    "kept = not suppressed by a kept one" until nothing changes, which settles from the best box downwards.

    Args:
        boxes_xyxy: Float32[N, 4], best first.
        groups: Int[N]; boxes of different groups never touch. For a batch: image * classes + class.
        iou_threshold: Suppress where IoU > this.

    Returns:
        Bool[N], True where the box stays.
    """
    count = len(boxes_xyxy)
    if count < 2:
        return np.ones(count, dtype=np.bool_)
    order = np.argsort(groups, kind="stable")  # by group, best first inside
    better, worse = _pairs(groups[order])
    if len(better) == 0:
        return np.ones(count, dtype=np.bool_)
    overlapping = _iou_pairs(boxes_xyxy[order], better, worse) > iou_threshold
    better, worse = better[overlapping], worse[overlapping]
    kept = np.ones(count, dtype=np.bool_)
    while True:
        settled = np.ones(count, dtype=np.bool_)
        settled[worse[kept[better]]] = False
        if np.array_equal(settled, kept):
            break
        kept = settled
    result = np.empty(count, dtype=np.bool_)
    result[order] = kept
    return result


def _pairs(
    groups: npt.NDArray[np.integer[Any]],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """All index pairs (i < j) inside equal runs of the sorted ``groups``."""
    count = len(groups)
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    ends = np.repeat(np.r_[starts[1:], count], np.diff(np.r_[starts, count]))
    index = np.arange(count)
    followers = ends - index - 1  # members of the group after i
    first = np.repeat(index, followers)
    offset = np.arange(len(first)) - np.repeat(np.cumsum(followers) - followers, followers)
    return first, first + 1 + offset


def _iou_pairs(
    boxes: npt.NDArray[np.float32], first: npt.NDArray[np.intp], second: npt.NDArray[np.intp]
) -> npt.NDArray[np.float32]:
    """Float32[M]: IoU of box pairs; 0 for two boxes without area."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    a, b = boxes[first], boxes[second]
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    sides = np.maximum(high - low, 0)
    intersection = sides[:, 0] * sides[:, 1]
    union = area[first] + area[second] - intersection
    result: npt.NDArray[np.float32] = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
    return result
