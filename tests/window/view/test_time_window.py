"""The part of the time that a timeline shows: always within the whole, and what is under the cursor stays there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.live.appearances import ClassRow
from app.ui.view.time_window import TimeWindow
from app.ui.view.timeline_bars import bars_of

shares = st.floats(0, 1)
steps = st.lists(st.tuples(st.sampled_from(["zoom", "move", "follow"]), st.floats(0.1, 10), shares), max_size=12)


@given(st.floats(0.04, 100_000), steps)
def test_it_stays_within_the_whole(duration: float, steps: list[tuple[str, float, float]]) -> None:
    window = TimeWindow.whole(duration)
    assert window.is_whole
    for what, number, share in steps:
        if what == "zoom":
            at = window.at(share)
            zoomed = window.zoomed(number, share)
            assert zoomed.start_s - 1e-6 * duration <= at <= zoomed.end_s + 1e-6 * duration
            window = zoomed
        elif what == "move":
            window = window.moved(number - 5)
        else:
            window = window.following(window.at(share), share * duration)
        assert 0 <= window.start_s <= window.end_s <= duration * (1 + 1e-9)
        assert min(1.0, duration) * (1 - 1e-9) <= window.span_s <= duration


def test_zooming_leaves_the_time_under_the_cursor_where_it_is() -> None:
    window = TimeWindow.whole(100.0).zoomed(2, 0.4)
    assert (window.start_s, window.span_s, window.share_of(40.0)) == (20.0, 50.0, 0.4)
    assert window.zoomed(0.5, 0.4) == TimeWindow.whole(100.0)


def test_a_position_that_runs_out_of_it_turns_the_page_and_one_that_was_not_in_it_does_not() -> None:
    window = TimeWindow(100.0, 20.0, 10.0)
    assert window.following(29.9, 30.1) == TimeWindow(100.0, pytest.approx(29.1), 10.0)
    assert window.following(50.0, 50.1) == window
    assert window.following(25.0, 26.0) == window


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 30)), min_size=1, max_size=20),
    st.floats(0, 90),
    st.floats(1, 100),
    st.integers(2, 400),
)
def test_every_appearance_in_sight_has_its_pixels_and_no_other(
    spans: list[tuple[float, float]], start: float, length: float, width: int
) -> None:
    times = np.array(sorted((begin, begin + lasts) for begin, lasts in spans))
    row = ClassRow("car", times[:, 0], times[:, 1])
    window = TimeWindow(200.0, start, length)
    bars = bars_of(row, window, width)
    assert all(0 <= left < right <= width for left, right in bars)
    assert all(first[1] < second[0] for first, second in pairwise(bars))
    for begin, end in times.tolist():
        in_sight = end >= window.start_s and begin <= window.end_s
        middle = window.share_of((max(begin, start) + min(end, window.end_s)) / 2) * width
        assert not in_sight or any(left - 2 <= middle <= right + 2 for left, right in bars)
    covered = sum(right - left for left, right in bars)
    assert covered <= sum(max(0.0, min(e, window.end_s) - max(b, start)) / length * width + 4 for b, e in times)
