"""Kinds of mistakes, counts at a threshold, and thresholds that suit: each against its definition told plainly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.lab.evaluation.mistake_counts import best_threshold, counts_at, pooled, total
from app.lab.evaluation.mistakes import Kind, find_mistakes
from detector.evaluation.curves import reached_by
from detector.evaluation.results import Curve, Evaluation, Verdict
from tests.support.known_mistakes import CAT, DOG, SCENES, Object, Scene, Seen, evaluation

NAMES = [scene.name for scene in SCENES]

edges = st.integers(0, 12).map(lambda n: n * 20.0)
boxes = st.tuples(edges, edges, edges, edges).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]) + 20, max(b[1], b[3]) + 20)
)
objects = st.builds(Object, boxes, st.integers(0, 2), st.just((0, 0, 0)), st.booleans())
seen = st.builds(Seen, boxes, st.integers(0, 2), st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]))
scenes = st.lists(
    st.builds(Scene, st.just("scene"), st.lists(objects, max_size=4).map(tuple), st.lists(seen, max_size=6).map(tuple)),
    min_size=1,
    max_size=3,
)


def test_each_known_mistake_is_of_its_kind_and_nothing_else_is_one() -> None:
    mistakes = find_mistakes(evaluation(None).result.outcomes, 0.5)
    told = {kind: [(NAMES[m.image], m.found, m.truth) for m in found] for kind, found in mistakes.of.items()}
    assert told == {
        Kind.MISSED: [("missed", -1, 0), ("missed", 0, 1)],
        Kind.CONFUSED: [("taken-for", 0, 0)],
        Kind.MISPLACED: [("beside", 0, 0)],
        Kind.BACKGROUND: [("nothing", 0, -1)],
        Kind.DUPLICATE: [("twice", 1, 0)],
    }
    assert mistakes.confusions == ((DOG, CAT, 1),)
    late = mistakes.of[Kind.MISSED][1]
    assert late.score == 0.2
    assert late.overlap > 0.9
    assert mistakes.of[Kind.MISPLACED][0].overlap == pytest.approx(50 * 90 / (100 * 100 + 105 * 105 - 50 * 90))


def test_at_a_lower_threshold_the_late_one_is_found_and_the_weak_one_shown() -> None:
    mistakes = find_mistakes(evaluation(None).result.outcomes, 0.1)
    assert [(NAMES[m.image], m.truth) for m in mistakes.of[Kind.MISSED]] == [("missed", 0)]
    assert [(NAMES[m.image], m.score) for m in mistakes.of[Kind.BACKGROUND]] == [("nothing", 0.95), ("nothing", 0.3)]


@settings(max_examples=150, deadline=None)
@given(scenes, st.sampled_from([0.0, 0.3, 0.5, 0.9]))
def test_every_false_alarm_is_told_once_and_every_object_found_or_told(drawn: list[Scene], threshold: float) -> None:
    outcomes = evaluation(None, drawn).result.outcomes
    mistakes = find_mistakes(outcomes, threshold)
    alarms = [m for kind, found in mistakes.of.items() if kind is not Kind.MISSED for m in found]
    wanted = [
        (image, row)
        for image, outcome in enumerate(outcomes)
        for row in range(len(outcome.found))
        if outcome.verdicts[row] == Verdict.FALSE and outcome.found.scores[row] >= threshold
    ]
    assert sorted((m.image, m.found) for m in alarms) == wanted
    meant = {(m.image, m.truth) for m in alarms}
    missed = [(m.image, m.truth) for m in mistakes.of[Kind.MISSED]]
    assert len(set(missed)) == len(missed)
    for image, outcome in enumerate(outcomes):
        right = (outcome.verdicts == Verdict.MATCHED) & (outcome.found.scores >= threshold)
        found = set(outcome.partners[right].tolist())
        for index in np.flatnonzero(~outcome.truth.difficult).tolist():
            told = (image, index) in missed
            assert told == (index not in found and (image, index) not in meant)


@settings(max_examples=100, deadline=None)
@given(scenes, st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]))
def test_counts_are_what_counting_gives(drawn: list[Scene], threshold: float) -> None:
    measured = evaluation(None, drawn)
    every = []
    for class_id, result in enumerate(measured.result.per_class):
        right, wrong, there = counted(measured, class_id, threshold)
        counts = counts_at(result, threshold)
        assert (counts.right, counts.wrong, counts.missed) == (right, wrong, there - right)
        assert counts.precision == pytest.approx(right / (right + wrong) if right + wrong else math.nan, nan_ok=True)
        assert counts.recall == pytest.approx(right / there if there else math.nan, nan_ok=True)
        every.append(counts)
    curve = pooled(measured.result.per_class)
    shown = int(np.count_nonzero(reached_by(curve.scores, threshold)))
    whole = total(every)
    assert shown == whole.right + whole.wrong
    if shown:
        assert curve.precision[shown - 1] == pytest.approx(whole.precision)
        assert curve.recall[shown - 1] == pytest.approx(whole.recall if whole.right + whole.missed else 0.0)


def counted(measured: Evaluation, class_id: int, threshold: float) -> tuple[int, int, int]:
    """Right, wrong and all objects that count, one by one."""
    right = wrong = there = 0
    for outcome in measured.result.outcomes:
        there += sum(
            c == class_id and not d for c, d in zip(outcome.truth.class_ids, outcome.truth.difficult, strict=True)
        )
        for verdict, score, own in zip(outcome.verdicts, outcome.found.scores, outcome.found.class_ids, strict=True):
            if own == class_id and score >= threshold:
                right += verdict == Verdict.MATCHED
                wrong += verdict == Verdict.FALSE
    return right, wrong, there


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.4, 0.8])), max_size=12), st.integers(0, 4))
def test_the_best_threshold_is_the_best_of_all_that_can_be_chosen(judged: list[tuple[bool, float]], more: int) -> None:
    """Equal scores are shown together or not at all: a point amid them cannot be chosen."""
    ordered = sorted(judged, key=lambda pair: -pair[1])
    right = np.cumsum([pair[0] for pair in ordered], dtype=np.float64) if ordered else np.empty(0)
    objects = (int(right[-1]) if ordered else 0) + more
    scores = np.array([pair[1] for pair in ordered], np.float64)
    curve = Curve(right / max(objects, 1), right / np.arange(1, len(ordered) + 1), scores)
    choices = []
    for threshold in sorted(set(scores.tolist()), reverse=True):
        good = sum(ok for ok, score in ordered if score >= threshold)
        shown = sum(score >= threshold for _, score in ordered)
        choices.append((2 * good / (shown + max(objects, 1)), threshold))
    best = best_threshold(curve)
    if not choices or max(choices)[0] == 0:
        assert best is None
    else:
        assert best is not None
        assert best.f1 == pytest.approx(max(choices)[0])
        assert best.f1 == pytest.approx({threshold: f1 for f1, threshold in choices}[best.threshold])


def test_a_threshold_in_single_precision_shows_the_score_it_names() -> None:
    single = np.array([np.float32(0.7)], np.float64)
    assert single[0] < 0.7
    assert reached_by(single, 0.7).all()
    assert reached_by(np.array([0.3]), 0.3).all()
    assert not reached_by(np.array([0.6999]), 0.7).any()
