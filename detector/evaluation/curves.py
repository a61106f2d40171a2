"""From judged detections of one class to its curve, and what both metrics say of a class."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from detector.evaluation.results import ClassResult, Curve, Flags, Floats


def measured_curve(right: Flags, scores: Floats, objects: int) -> Curve:
    """Precision and recall after each detection.

    Args:
        right: Bool[K], whether it matched an object; best score first.
        scores: Float64[K].
        objects: How many objects count.
    """
    matched = np.cumsum(right, dtype=np.float64)
    recall = matched / objects if objects else np.zeros(len(right))
    return Curve(recall, matched / np.arange(1, len(right) + 1), scores)


def right_of(result: ClassResult) -> Flags:
    """Bool[K], whether each detection of the class's curve found an object: what ``measured_curve`` was made of."""
    found: Flags = np.diff(result.curve.recall * result.objects, prepend=0.0) > 0.5
    return found


def reached_by(scores: Floats, threshold: float) -> Flags:
    """Bool[N], score >= threshold, also where the score is the threshold in single precision."""
    shown: Flags = scores >= min(threshold, float(np.float32(threshold)))
    return shown


def class_result(
    label: str, ap: float, objects: int, detections: int, curve: Curve, numbers: dict[str, float] | None = None
) -> ClassResult:
    """Plain construction; ``numbers`` are COCO's."""
    return ClassResult(label, ap, objects, detections, curve, numbers or {})


def mean_ap(results: Sequence[ClassResult]) -> float:
    """Mean over the classes that have objects; NaN if none has."""
    values = [result.ap for result in results if result.counts]
    return float(np.mean(values)) if values else math.nan
