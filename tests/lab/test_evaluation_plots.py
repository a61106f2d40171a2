"""The charts of an evaluation say what was measured: curves, means, counts, the threshold in force."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.lab.evaluation.mistakes import Kind, find_mistakes
from app.lab.evaluation.plots import (
    ap_chart,
    by_ap,
    class_chart,
    curves_chart,
    kinds_chart,
    mean_name,
    threshold_chart,
    with_curve,
    write_plots,
)
from detector.evaluation.results import ClassResult, Curve, DataSet, Evaluation, VocResult
from tests.support.known_mistakes import evaluation


def judged(label: str, right: list[bool], scores: list[float], objects: int) -> ClassResult:
    """A class from detections in order of their score."""
    found = np.cumsum(right, dtype=np.float64) if right else np.empty(0)
    curve = Curve(found / max(objects, 1), found / np.arange(1, len(right) + 1), np.array(scores, np.float64))
    falling = np.maximum.accumulate(curve.precision[::-1])[::-1]
    ap = float(np.sum(np.diff(curve.recall, prepend=0.0) * falling)) if objects else math.nan
    return ClassResult(label, ap, objects, len(right), curve, {})


def voc(*classes: ClassResult) -> VocResult:
    counting = [each.ap for each in classes if each.counts]
    return VocResult("voc", float(np.mean(counting)) if counting else math.nan, classes, ())


def many(count: int) -> VocResult:
    """Classes of which the n-th has found n of ``count`` objects, always right."""
    return voc(*(judged(f"class {n}", [True] * n, [1 - i / 100 for i in range(n)], count) for n in range(count + 1)))


def test_few_classes_all_have_a_colour_and_no_mean() -> None:
    result = evaluation(None).result
    chart = curves_chart(result)
    assert [series.name for series in chart.series] == [f"{each.label} {each.ap:.3f}" for each in with_curve(result)]
    assert len({series.colour for series in chart.series}) == len(chart.series) == 2


def test_of_many_classes_the_best_the_worst_and_the_mean_stand_out() -> None:
    chart = curves_chart(many(10))
    shown = [series.name for series in chart.series if series.weight != "faint"]
    assert [name.rpartition(" ")[0] for name in shown[:-1]] == [f"class {n}" for n in (10, 9, 8, 3, 2, 1)]
    mean = chart.series[-1]
    assert (mean.name, mean.weight) == ("mean of 11", "strong")
    for recall, precision in zip(mean.x, mean.y, strict=True):
        reached = sum(n / 10 >= recall - 1e-12 and n > 0 for n in range(11))
        assert precision == pytest.approx(reached / 11)
    assert len({series.colour for series in chart.series if series.weight != "faint"}) == 7


def test_a_class_of_which_nothing_was_found_has_a_bar_and_no_curve() -> None:
    result = voc(
        judged("none", [False, False], [0.9, 0.8], 3), judged("some", [True], [0.7], 2), judged("absent", [], [], 0)
    )
    assert [each.label for each in by_ap(result)] == ["some", "none"]
    assert [each.label for each in with_curve(result)] == ["some"]
    bars = ap_chart(result)
    assert [(bar.label, bar.value, bar.text) for bar in bars.bars] == [("some", 0.5, "0.500"), ("none", 0.0, "0.000")]
    assert bars.note == f"{mean_name(result)} 0.2500"


def test_the_dot_is_where_the_threshold_leaves_the_class() -> None:
    each = judged("dog", [True, False, True, True], [0.9, 0.8, 0.6, 0.3], 5)
    line, dot = class_chart(each, 0.5).series
    assert (dot.x, dot.y) == ((2 / 5,), (2 / 3,))
    assert line.x == (0.0, 0.2, 0.2, 0.4, 0.6, 0.6)
    assert line.y == (1.0, 1.0, 0.5, 2 / 3, 0.75, 0.0)
    (_, nowhere) = class_chart(each, 0.95).series
    assert math.isnan(nowhere.y[0])


scored = st.lists(st.tuples(st.booleans(), st.integers(0, 20).map(lambda n: n / 20)), max_size=15)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(scored, st.integers(0, 5)), min_size=1, max_size=3))
def test_the_threshold_chart_is_what_counting_gives(classes: list[tuple[list[tuple[bool, float]], int]]) -> None:
    results = []
    for number, (detections, more) in enumerate(classes):
        ordered = sorted(detections, key=lambda pair: -pair[1])
        objects = sum(right for right, _ in ordered) + more
        results.append(judged(f"class {number}", [r for r, _ in ordered], [s for _, s in ordered], objects))
    every = [pair for detections, _ in classes for pair in detections]
    objects = sum(each.objects for each in results)
    precision, recall, f1, _ = threshold_chart(voc(*results), 0.5).series
    assert len(precision.x) == 201
    for index in range(0, 201, 5):  # those between lie on no score's edge
        at = precision.x[index] - 1e-9
        shown = [right for right, score in every if score >= at]
        wanted = sum(shown) / len(shown) if shown else math.nan
        found = sum(shown) / objects if objects else 0.0
        if any(abs(score - precision.x[index]) < 1e-9 for _, score in every):
            continue  # rounding may put the tick on either side of that score
        assert precision.y[index] == pytest.approx(wanted, nan_ok=True)
        assert recall.y[index] == pytest.approx(found)
        if shown and wanted + found > 0:
            assert f1.y[index] == pytest.approx(2 * wanted * found / (wanted + found))


def test_scores_that_are_no_shares_have_an_axis_of_their_own() -> None:
    chart = threshold_chart(voc(judged("dog", [True, False], [37.5, -4.0], 1)), 0.5)
    assert (chart.x.low, chart.x.high) == (-4.0, 37.5)


def test_kinds_are_counted() -> None:
    mistakes = find_mistakes(evaluation(None).result.outcomes, 0.5)
    assert (
        [bar.value for bar in kinds_chart(mistakes).bars]
        == [len(mistakes.of[kind]) for kind in Kind]
        == [2, 1, 1, 1, 1]
    )


def test_very_many_classes_have_images_of_bounded_size(tmp_path: Path) -> None:
    result = many(300)
    data = DataSet(Path("many"), "voc", "all", tuple(each.label for each in result.per_class), ())
    paths = write_plots(Evaluation("many", "", data, result), tmp_path, "svg")
    small = next(path for path in paths if path.stem.endswith("by-class")).read_text(encoding="utf-8")
    assert small.count(">recall</text>") == 200
