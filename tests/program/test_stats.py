"""Figures of the live view, from made-up clocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.stats import WINDOW_NS, StatsRecorder, nearest_rank

MS = 1_000_000


def test_rates_ages_and_latencies() -> None:
    stats = StatsRecorder()
    for number in range(61):
        stats.captured(number * 20 * MS)
    for number in range(13):
        stats.detected(number * 100 * MS, 80.0 + number)
        stats.painted(number * 100 * MS + 95 * MS, number * 100 * MS)
    now = stats.snapshot(1300 * MS, drops=7)
    assert now.camera_fps == pytest.approx(50)
    assert now.detector_fps == pytest.approx(10)
    assert now.screen_fps == pytest.approx(10)
    assert (now.frame_age_p50_ms, now.frame_age_p95_ms) == (95, 95)
    assert (now.latency_p50_ms, now.latency_p95_ms) == (86, 92)
    assert now.drops == 7


def test_a_stopped_source_shows_as_zero() -> None:
    stats = StatsRecorder()
    for number in range(10):
        stats.captured(number * MS)
    assert stats.snapshot(10 * MS).camera_fps > 0
    assert stats.snapshot(10 * MS + WINDOW_NS).camera_fps == 0


def test_one_event_is_no_rate_and_clearing_forgets() -> None:
    stats = StatsRecorder()
    stats.detected(0, 5.0)
    stats.captured(0)
    stats.captured(0)
    assert stats.snapshot(MS).detector_fps == 0
    assert stats.snapshot(MS).camera_fps == 0
    assert stats.snapshot(MS).latency_p50_ms == 5.0
    stats.clear()
    assert stats.snapshot(MS).latency_p50_ms == 0


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(1, 100))
def test_nearest_rank_is_numpys(values: list[float], percent: float) -> None:
    assert nearest_rank(values, percent) == np.percentile(values, percent, method="inverted_cdf")


def test_nearest_rank_of_nothing() -> None:
    assert nearest_rank([], 95) == 0
