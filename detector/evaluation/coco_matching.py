"""COCO's matching of detections to objects, for all images, classes, overlaps and sizes together.

The rule (cocodataset.org, "Detection evaluation"): in each image and class the best hundred detections choose in turn,
best first, the object they overlap most among those still free. An object that does not count (a crowd, or of another
size than the one looked at) is chosen only where no counting one is left; a crowd is never used up. Among equals the
last one is taken.

Different images and classes know nothing of each other, so the first choosers of all of them are served in one step,
then all the second ones, and so on: a few dozen steps on long arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detector.evaluation.detection_table import DetectionTable, Indices, Truths
from detector.evaluation.overlaps import Overlap, Pairs, coco_overlap, overlapping_pairs
from detector.evaluation.results import Flags, Floats

OVERLAPS: Floats = np.linspace(0.5, 0.95, 10)
_REACHED: Floats = np.minimum(OVERLAPS, 1 - 1e-10)
SIZES = ("all", "small", "medium", "large")
AREAS: Floats = np.array([[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]], np.float64)  # [A, 2] pixels
MAX_DETECTIONS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """The outcome of every detection, at T overlaps and for A sizes.

    Attributes:
        ranks: Intp[D], place among the detections of its image and class by score, from 0; equal scores in order.
        contenders: Intp[K], rows of the detections within the first hundred that overlap anything by one half.
        partners: Int32[T, A, K], row of the object each contender got; -1 for none.
        uncounted: Bool[A, G], objects that do not count at each size.
        outside: Bool[A, D], detections of another size, which do not count unless they got an object.
    """

    ranks: Indices
    contenders: Indices
    partners: npt.NDArray[np.int32]
    uncounted: Flags
    outside: Flags


def match(found: DetectionTable, truths: Truths, classes: int) -> Matching:
    """Match all of ``found`` to all of ``truths``."""
    keys = found.images * classes + found.class_ids
    ranks = _ranks(keys, found.scores)
    apart = truths.crowd | truths.difficult
    uncounted = apart | _outside(truths.areas)
    taking = np.flatnonzero(ranks < MAX_DETECTIONS)
    pairs = overlapping_pairs(
        keys[taking],
        truths.images * classes + truths.class_ids,
        _of_rows(coco_overlap(found, truths), taking),
        float(OVERLAPS[0]),
    )
    contenders, partners = _choose(Pairs(taking[pairs.found], pairs.truth, pairs.overlaps), ranks, apart, uncounted)
    return Matching(ranks, contenders, partners, uncounted, _outside(found.areas))


def _of_rows(overlap: Overlap, rows: Indices) -> Overlap:
    return lambda chosen, others: overlap(rows[chosen], others)


def _outside(areas: Floats) -> Flags:
    """Bool[A, N]: not of that size; both ends of a range belong to it."""
    outside: Flags = (areas < AREAS[:, :1]) | (areas > AREAS[:, 1:])
    return outside


def _ranks(keys: Indices, scores: Floats) -> Indices:
    """Intp[D]: place of each among those of its key, best first."""
    order = np.lexsort((-scores, keys))
    ordered = keys[order]
    ranks = np.empty(len(keys), np.intp)
    ranks[order] = np.arange(len(keys)) - np.searchsorted(ordered, ordered, "left")
    return ranks


def _choose(pairs: Pairs, ranks: Indices, apart: Flags, uncounted: Flags) -> tuple[Indices, npt.NDArray[np.int32]]:
    """Serve the contenders rank by rank; the pairs come in the order of their detection."""
    # Of each contender its pairs by overlap, the last of equals highest: a larger place is a better choice.
    order = np.lexsort((pairs.truth, pairs.overlaps, pairs.found))
    found, truth, overlaps = pairs.found[order], pairs.truth[order], pairs.overlaps[order]
    contenders, first, counts = np.unique(found, return_index=True, return_counts=True)
    partners = np.full((len(OVERLAPS), len(SIZES), len(contenders)), -1, np.int32)
    free = np.ones((len(OVERLAPS), len(SIZES), uncounted.shape[1]), np.bool_)
    place = np.arange(len(found)) - np.repeat(first, counts)
    most = int(counts.max(initial=1))
    for turn in _turns(ranks[contenders]):
        lengths = counts[turn]
        starts = np.cumsum(lengths) - lengths
        rows = np.repeat(first[turn] - starts, lengths) + np.arange(lengths.sum())
        objects = truth[rows]
        merit = place[rows] + np.where(uncounted[:, objects], 0, most)  # [A, P], one that counts goes first
        possible = (overlaps[rows] >= _REACHED[:, None])[:, None] & (free[..., objects] | apart[objects])  # [T, A, P]
        best = np.maximum.reduceat(np.where(possible, merit, -1), starts, axis=2)  # [T, A, turn]
        got = best >= 0
        chosen = truth[first[turn] + np.where(got, best % most, 0)]
        partners[..., turn] = np.where(got, chosen, -1)
        t, a, which = np.nonzero(got)
        free[t, a, chosen[t, a, which]] = False
    return contenders, partners


def _turns(ranks: Indices) -> list[Indices]:
    """Positions of the contenders of the first rank, of the second, and so on; never two of one image and class."""
    order = np.argsort(ranks, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(ranks[order])) + 1) if len(order) else []
