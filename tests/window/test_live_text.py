"""What the status bar says of the live view's figures."""

from __future__ import annotations

import pytest

from app.core.stats import LiveStats
from app.ui.live_text import cells, delay_tip

STATS = LiveStats(screen_fps=30.0, frame_age_p50_ms=80.2, frame_age_p95_ms=120.6)


def test_delay_is_short_in_the_bar_and_whole_in_its_tip() -> None:
    assert cells(STATS, camera=True)["age"] == "Delay 80 ms"
    assert "median 80 ms, 95% within 121 ms" in delay_tip(STATS)


@pytest.mark.parametrize(("drops", "words"), [(0, ""), (1, "1 frame skipped"), (2, "2 frames skipped")])
def test_skipped_frames_are_counted(drops: int, words: str) -> None:
    assert cells(LiveStats(drops=drops), camera=True)["drops"] == words
