"""Counts what is right, wrong and missed at a threshold, and finds the best threshold. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detector.evaluation.curves import reached_by
from detector.evaluation.recommend import judged
from detector.evaluation.results import ClassResult, Curve


@dataclass(frozen=True, slots=True)
class Counts:
    """Detections at a threshold, and the objects they leave.

    Attributes:
        right: Detections that found an object.
        wrong: Those that did not.
        missed: Objects that none found.
    """

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of the detections that are right; NaN without detections."""
        shown = self.right + self.wrong
        return self.right / shown if shown else math.nan

    @property
    def recall(self) -> float:
        """Share of the objects that are found; NaN without objects."""
        objects = self.right + self.missed
        return self.right / objects if objects else math.nan


@dataclass(frozen=True, slots=True)
class Best:
    """The threshold with the highest F1, the harmonic mean of precision and recall."""

    threshold: float
    f1: float


def counts_at(result: ClassResult, threshold: float) -> Counts:
    """Counts the detections of one class with scores of at least ``threshold``."""
    shown = int(np.count_nonzero(reached_by(result.curve.scores, threshold)))
    right = round(float(result.curve.recall[shown - 1]) * result.objects) if shown else 0
    return Counts(right, shown - right, result.objects - right)


def total(parts: Sequence[Counts]) -> Counts:
    """Adds up all classes."""
    return Counts(sum(p.right for p in parts), sum(p.wrong for p in parts), sum(p.missed for p in parts))


def best_threshold(curve: Curve) -> Best | None:
    """Returns the threshold of the highest F1, the higher of equals; None without a right detection."""
    last = np.flatnonzero(np.append(np.diff(curve.scores) != 0, True)) if len(curve.scores) else np.empty(0, np.intp)
    precision, recall = curve.precision[last], curve.recall[last]
    whole = precision + recall
    f1 = np.divide(2 * precision * recall, whole, out=np.zeros_like(whole), where=whole > 0)
    if not len(f1) or f1.max() <= 0:
        return None
    return Best(float(curve.scores[last[f1.argmax()]]), float(f1.max()))


def pooled(results: Sequence[ClassResult]) -> Curve:
    """Pools the detections of all classes into one curve, each counting the same."""
    scores, right, objects = judged(results)
    order = np.argsort(-scores, kind="stable")
    matched = np.cumsum(right[order], dtype=np.float64)
    recall = matched / objects if objects else np.zeros(len(order))
    return Curve(recall, matched / np.arange(1, len(order) + 1), scores[order])
