"""Which detections overlap which true objects, over a whole data set at once, without a loop over images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from detector.evaluation.detection_table import DetectionTable, Indices, Truths
from detector.evaluation.results import Flags, Floats

Overlap = Callable[[Indices, Indices], Floats]
"""From row numbers of detections and of objects, pair by pair (Intp[P], Intp[P]), to Float64[P] in 0..1."""

# Pairs looked at in one go: bounds the memory, whatever the data.
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Detections and objects of one image and class that overlap by at least the limit asked for.

    Attributes:
        found: Intp[P], row of the detection; ascending.
        truth: Intp[P], row of the object; ascending within a detection.
        overlaps: Float64[P].
    """

    found: Indices
    truth: Indices
    overlaps: Floats


def overlapping_pairs(found_keys: Indices, truth_keys: Indices, overlap: Overlap, minimum: float) -> Pairs:
    """Pair every detection with every object of the same key (image and class) that it overlaps enough.

    Args:
        found_keys: Intp[D].
        truth_keys: Intp[G].
        overlap: How much two overlap.
        minimum: Pairs below it are left out.
    """
    order = np.argsort(truth_keys, kind="stable")
    ordered = truth_keys[order]
    first = np.searchsorted(ordered, found_keys, "left")
    counts = np.searchsorted(ordered, found_keys, "right") - first
    ends = np.cumsum(counts)
    parts = [(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))]
    start = 0
    while start < len(counts):
        done = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _BLOCK, "right")))
        repeats = counts[start:stop]
        rows = np.repeat(np.arange(start, stop), repeats)
        within = np.arange(len(rows)) - np.repeat(ends[start:stop] - repeats - done, repeats)
        truth = order[first[rows] + within]
        overlaps = overlap(rows, truth)
        close = overlaps >= minimum
        parts.append((rows[close], truth[close], overlaps[close]))
        start = stop
    found, truth, overlaps = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Pairs(found, truth, overlaps)


def voc_overlap(found: DetectionTable, truths: Truths) -> Overlap:
    """The devkit's: a box includes its last pixel, so it is one wider than the difference of its edges."""
    a, b = found.boxes_xyxy, truths.boxes_xyxy
    areas_a, areas_b = _areas_inclusive(a), _areas_inclusive(b)

    def overlap(rows: Indices, others: Indices) -> Floats:
        shared = _intersection(a[rows], b[others], 1.0)
        return _ratio(shared, areas_a[rows] + areas_b[others] - shared)

    return overlap


def coco_overlap(found: DetectionTable, truths: Truths) -> Overlap:
    """COCO's: plain intersection over union; of a crowd, the share of the detection that lies inside it."""
    a, b = found.boxes_xyxy, truths.boxes_xyxy

    def overlap(rows: Indices, others: Indices) -> Floats:
        shared = _intersection(a[rows], b[others], 0.0)
        own = found.areas[rows]
        return _ratio(shared, np.where(truths.crowd[others], own, own + truths.box_areas[others] - shared))

    return overlap


def _areas_inclusive(boxes_xyxy: Floats) -> Floats:
    areas: Floats = (boxes_xyxy[:, 2] - boxes_xyxy[:, 0] + 1.0) * (boxes_xyxy[:, 3] - boxes_xyxy[:, 1] + 1.0)
    return areas


def _intersection(a: Floats, b: Floats, pixel: float) -> Floats:
    """Float64[P]: shared area, each side longer by ``pixel``; 0 for boxes that do not meet."""
    width = np.minimum(a[:, 2], b[:, 2]) - np.maximum(a[:, 0], b[:, 0]) + pixel
    height = np.minimum(a[:, 3], b[:, 3]) - np.maximum(a[:, 1], b[:, 1]) + pixel
    meets: Flags = (width > 0) & (height > 0)
    return np.where(meets, width * height, 0.0)


def _ratio(shared: Floats, whole: Floats) -> Floats:
    return np.divide(shared, whole, out=np.zeros_like(shared), where=shared > 0)
