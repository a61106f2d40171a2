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
_LEADERS = 8  # of each group go first, where there is more to compare than one chunk


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
    order = np.argsort(groups, kind="stable")
    result = np.empty(len(boxes_xyxy), dtype=np.bool_)
    result[order] = sorted_nms(boxes_xyxy[order], groups[order], iou_threshold)
    return result


def sorted_nms(boxes_xyxy: Floats, groups: npt.NDArray[np.integer[Any]], iou_threshold: float) -> npt.NDArray[np.bool_]:
    """Does what ``batched_nms`` does, for boxes that are sorted by group, best first inside.

    Where there are many, the best few of every group go first: most others overlap one of them and need not be compared
    among themselves. Then twice as many of those that are left, and so on.
    """
    limit = float32_limit(iou_threshold)
    kept = np.zeros(len(boxes_xyxy), np.bool_)
    rest = np.arange(len(boxes_xyxy))
    columns = np.ascontiguousarray(boxes_xyxy.T)
    first = groups.searchsorted(groups)  # of the same group
    leaders = len(groups) if (rest - first).sum() <= _CHUNK else _LEADERS
    while len(rest):
        leads = np.arange(len(rest)) - first < leaders
        with np.errstate(over="ignore", invalid="ignore"):  # boxes past all measure: infinite areas, whose IoU is NaN
            better, worse = _overlapping(columns, groups, leads, limit)
        stays = _settled(len(rest), better, worse, leads)
        kept[rest[leads & stays]] = True
        left = np.flatnonzero(stays & ~leads)
        if not len(left):
            break
        rest, columns, groups = rest.take(left), columns.take(left, axis=1), groups.take(left)
        first = groups.searchsorted(groups)
        leaders *= 2
    return kept


def _settled(
    count: int, better: npt.NDArray[np.int32], worse: npt.NDArray[np.int32], leads: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Returns which of ``count`` boxes no leader that stays suppresses; all that suppress are leaders."""
    stays = np.ones(count, dtype=np.bool_)
    while len(better):
        settled = np.ones(count, dtype=np.bool_)
        settled[worse[stays[better]]] = False
        if np.array_equal(settled[leads], stays[leads]):
            return settled
        stays = settled
    return stays


def float32_limit(threshold: float) -> np.float32:
    """The largest float32 not above ``threshold``, so that x > limit says exactly what x > threshold says."""
    limit = np.float32(threshold)
    return limit if float(limit) <= threshold else np.nextafter(limit, np.float32(-np.inf))


def _overlapping(
    columns: Floats, groups: npt.NDArray[np.integer[Any]], leads: npt.NDArray[np.bool_], limit: np.float32
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Index pairs (better, worse) of one group with IoU > ``limit`` >= 0, of which the better one ``leads``.

    Args:
        columns: Float32[4, N], x1, y1, x2, y2.
        groups: Int[N], sorted.
        leads: Bool[N].
        limit: Largest IoU that does no harm.
    """
    x1, y1, x2, y2 = columns
    area = (x2 - x1) * (y2 - y1)
    better, worse = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
    for first, second in _pairs(groups, np.flatnonzero(leads)):
        width = _common(x1, x2, first, second)
        beside = np.flatnonzero(width > 0)  # most pairs share not even a column of pixels: they need no more
        first, second, width = first.take(beside), second.take(beside), width.take(beside)
        hit = np.flatnonzero(_iou(width, _common(y1, y2, first, second), area, first, second) > limit)
        better.append(first.take(hit).astype(np.int32))
        worse.append(second.take(hit).astype(np.int32))
    return np.concatenate(better), np.concatenate(worse)


def _pairs(groups: npt.NDArray[np.integer[Any]], leaders: Indices) -> Iterator[tuple[Indices, Indices]]:
    """All index pairs (i < j) inside equal runs of the sorted ``groups``, i a leader, about ``_CHUNK`` at a time."""
    followers = groups.searchsorted(groups.take(leaders), side="right")
    followers -= leaders + 1  # members of the group after i
    before = np.zeros(len(leaders) + 1, np.intp)  # pairs of the leaders before
    np.cumsum(followers, out=before[1:])
    low = 0
    while low < len(leaders):
        high = max(low + 1, int(before.searchsorted(before[low] + _CHUNK, side="right")) - 1)
        here = followers[low:high]
        first = np.repeat(leaders[low:high], here)
        second = np.arange(len(first))
        second += np.repeat(leaders[low:high] + 1 - (before[low:high] - before[low]), here)
        if len(first):
            yield first, second
        low = high


def _common(low: Floats, high: Floats, first: Indices, second: Indices) -> Floats:
    """Float32[M]: how far pairs of intervals overlap; negative where they lie apart."""
    common: Floats = np.minimum(high.take(first), high.take(second))
    common -= np.maximum(low.take(first), low.take(second))
    return common


def _iou(width: Floats, height: Floats, area: Floats, first: Indices, second: Indices) -> Floats:
    """Float32[M]: IoU of box pairs whose common part is ``width`` x ``height``; 0 for two boxes without area."""
    intersection = np.maximum(height, 0, out=height)
    intersection *= width
    union = area.take(first)
    union += area.take(second)
    union -= intersection
    result: Floats = np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)
    return result
