"""Which threshold a model should have, told from its detections on validation data. Pure.

Of the thresholds at which most of what is shown is right, the one that serves best: where F1, the harmonic mean of
precision and recall, is highest. Whole hundredths only, as a person sets them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detector.evaluation.curves import reached_by, right_of
from detector.evaluation.results import ClassResult, Flags, Floats

MIN_PRECISION = 0.8
"""A viewer that is wrong about more than one box in five is not believed in the other four."""

_HUNDREDTHS = tuple(step / 100 for step in range(101))


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Precision and recall of a model at a threshold, all classes counted together, at an overlap (IoU) of one half.

    Attributes:
        threshold: Detections that score at least this are shown.
        precision: Share of those shown that are right; 0 where none is shown.
        recall: Share of the objects that are found; 0 where there are none.
        f1: Their harmonic mean; 0 where nothing is right.
    """

    threshold: float
    precision: float
    recall: float
    f1: float


def point_at(scores: Floats, right: Flags, objects: int, threshold: float) -> OperatingPoint:
    """Returns the operating point at ``threshold``.

    Args:
        scores: Float64[N], of the detections that count, in any order.
        right: Bool[N], whether each found an object.
        objects: How many objects count.
        threshold: In [0, 1].
    """
    above = reached_by(scores, threshold)
    shown, good = int(np.count_nonzero(above)), int(np.count_nonzero(right & above))
    f1 = 2 * good / (shown + objects) if good else 0.0
    return OperatingPoint(threshold, good / shown if shown else 0.0, good / objects if objects else 0.0, f1)


def recommend(
    scores: Floats, right: Flags, objects: int, min_precision: float = MIN_PRECISION
) -> OperatingPoint | None:
    """The threshold with the best F1 at a precision of at least ``min_precision``, the highest of equals.

    None where no threshold is that precise, or nothing is right. Arguments as for ``point_at``.
    """
    points = [point_at(scores, right, objects, threshold) for threshold in _HUNDREDTHS]
    precise = [point for point in points if point.f1 > 0 and point.precision >= min_precision]
    return max(precise, key=lambda point: (point.f1, point.threshold), default=None)


def judged(results: Sequence[ClassResult]) -> tuple[Floats, Flags, int]:
    """The detections of all classes that count, whether each is right, and how many objects there are."""
    scores = [result.curve.scores for result in results]
    right = [right_of(result) for result in results]
    objects = sum(result.objects for result in results)
    return np.concatenate([np.empty(0), *scores]), np.concatenate([np.empty(0, np.bool_), *right]), objects
