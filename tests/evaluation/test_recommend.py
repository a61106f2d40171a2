"""The recommended threshold against its definition told plainly, one detection at a time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.evaluation.recommend import MIN_PRECISION, judged, point_at, recommend
from detector.evaluation.results import ClassResult, Curve

# Few values, so that scores are equal and stand exactly at a threshold; in single precision, as a network gives them.
scores = st.sampled_from([0.0, 0.005, 0.2, 0.29, 0.3, 0.505, 0.57, 0.7, 0.99, 1.0]).map(lambda v: float(np.float32(v)))
detections = st.lists(st.tuples(scores, st.booleans()), max_size=14)


def literal(found: list[tuple[float, bool]], objects: int, least: Fraction) -> tuple[Fraction, int] | None:
    """(F1, hundredths) of the best threshold, in exact arithmetic."""
    best: tuple[Fraction, int] | None = None
    for hundredths in range(101):
        shown = good = 0
        for score, right in found:
            if np.float32(score) >= np.float32(hundredths / 100):
                shown += 1
                good += right
        if not good or Fraction(good, shown) < least:
            continue
        precision, recall = Fraction(good, shown), Fraction(good, objects)
        f1 = 2 * precision * recall / (precision + recall)
        if best is None or f1 >= best[0]:
            best = (f1, hundredths)
    return best


@settings(max_examples=300, deadline=None)
@given(detections, st.integers(0, 5), st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(4, 5), Fraction(1)]))
def test_it_is_the_best_of_all_hundredths(found: list[tuple[float, bool]], missed: int, least: Fraction) -> None:
    objects = sum(right for _, right in found) + missed
    values = np.array([score for score, _ in found], np.float64)
    right = np.array([ok for _, ok in found], np.bool_)
    point = recommend(values, right, objects, float(least))
    expected = literal(found, objects, least)
    if expected is None:
        assert point is None
        return
    assert point is not None
    assert point.threshold == expected[1] / 100
    assert point.f1 == pytest.approx(float(expected[0]))
    assert point.f1 == pytest.approx(2 * point.precision * point.recall / (point.precision + point.recall))
    assert point == point_at(values, right, objects, point.threshold)


def test_precision_of_exactly_the_least_is_enough_and_equal_scores_stand_together() -> None:
    values = np.array([0.9, 0.6, 0.6, 0.6, 0.6])
    right = np.array([True, True, True, True, False])
    point = recommend(values, right, 4)
    assert point is not None
    assert (point.threshold, point.precision, point.recall) == (0.6, MIN_PRECISION, 1.0)


def test_a_model_that_is_never_precise_gets_no_recommendation() -> None:
    values, right = np.array([0.9, 0.8, 0.7]), np.array([False, True, True])
    assert recommend(values, right, 2) is None
    loose = recommend(values, right, 2, min_precision=0.0)
    assert loose is not None
    assert loose.threshold == 0.7
    assert recommend(np.empty(0), np.empty(0, np.bool_), 3) is None
    assert recommend(np.array([0.9]), np.array([False]), 0, 0.0) is None


def test_all_classes_count_together() -> None:
    def result(label: str, right: list[int], scores: list[float], objects: int) -> ClassResult:
        matched = np.cumsum(right, dtype=np.float64)
        recall = matched / objects if objects else np.zeros(len(right))
        curve = Curve(recall, matched / np.arange(1, len(right) + 1), np.array(scores))
        return ClassResult(label, 0.5, objects, len(right), curve, {})

    values, right, objects = judged(
        [result("car", [1, 0, 1], [0.9, 0.8, 0.3], 3), result("dog", [0], [0.7], 0), result("cat", [], [], 2)]
    )
    assert values.tolist() == [0.9, 0.8, 0.3, 0.7]
    assert right.tolist() == [True, False, True, False]
    assert objects == 5
    assert judged([])[2] == 0
