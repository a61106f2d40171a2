"""When it is said that nothing is seen, and in which words: told by the clock of the pictures alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.view.silence import AFTER_NS, Silence, silent_text
from detector.detections import Candidates, DetectionFilter

_STEP = AFTER_NS // 10


def test_live_it_takes_a_second_of_nothing_and_ends_at_once() -> None:
    silence = Silence()
    said = [silence.update(False, index * _STEP, still=False) for index in range(12)]
    assert said == [False] * 10 + [True, True]
    assert not silence.update(True, 12 * _STEP, still=False)
    assert not silence.update(False, 13 * _STEP, still=False), "another second of nothing is needed"


def test_of_a_still_frame_it_is_said_at_once() -> None:
    assert Silence().update(False, 0, still=True)


def test_another_source_begins_anew() -> None:
    silence = Silence()
    silence.update(False, 0, still=False)
    silence.forget()
    assert not silence.update(False, 2 * AFTER_NS, still=False)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 2 * AFTER_NS)), max_size=40))
def test_it_is_never_said_within_a_second_of_something_seen(pictures: list[tuple[bool, int]]) -> None:
    silence, now, first_empty = Silence(), 0, None
    for seen, step in pictures:
        now += step
        first_empty = None if seen else now if first_empty is None else first_empty
        said = silence.update(seen, now, still=False)
        assert said == (first_empty is not None and now - first_empty >= AFTER_NS)


@given(st.floats(0.0, 1.0, width=32))
def test_the_threshold_offered_truly_shows_the_best(score: float) -> None:
    said = silent_text(1.0, ("person", score))
    assert said.threshold is not None
    assert f"{said.threshold:.2f}" in said.words
    found = Candidates(
        np.array([[0, 0, 9, 9]], np.float32), np.array([score], np.float32), np.zeros(1, np.int32)
    ).detections(DetectionFilter(said.threshold))
    assert len(found) == 1


def test_text() -> None:
    said = silent_text(0.5, ("person", 0.4297))
    assert said.words.replace("  ·  ", " · ") == "Nothing above 0.50 · best: person 0.42"
    assert said.threshold == 0.42
    assert silent_text(0.5, None).threshold is None


@pytest.mark.parametrize(
    ("ids", "row"), [(None, 0), (frozenset({2}), 1), (frozenset({1, 3}), 2), (frozenset({7}), None)]
)
def test_the_best_among_some_classes(ids: frozenset[int] | None, row: int | None) -> None:
    found = Candidates(
        np.zeros((4, 4), np.float32), np.array([0.9, 0.8, 0.7, 0.6], np.float32), np.array([0, 2, 3, 1], np.int32)
    )
    assert found.best(ids) == row
    assert Candidates.empty().best(ids) is None
