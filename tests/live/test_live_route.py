"""Whatever the threads do in whatever order, frames reach the window in order, and none of an old source."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.core.frames import Frame, FrameResult
from app.core.live.route import Route
from app.core.sources.base import frame_from_bgr
from detector.detections import Candidates

ACTIONS = ["deliver", "deliver", "take", "finish", "ready", "away", "hold", "release", "begin", "show"]


def frame(index: int) -> Frame:
    return frame_from_bgr(np.zeros((2, 2, 3), np.uint8), index, None, 0)


@given(st.lists(st.sampled_from(ACTIONS), max_size=60))
def test_order_and_sources(actions: list[str]) -> None:
    """``take`` and ``finish`` play the detect thread, ``show`` the window; source n counts from 1000 x n."""
    wakes: list[None] = []
    route = Route(lambda: wakes.append(None))
    epoch, index, last_shown, shown_from_empty = route.begin(), 0, -1, 0
    at_work: tuple[int, Frame] | None = None
    ready = False
    for action in actions:
        if action == "deliver":
            assert route.deliver(epoch, frame(index))
            index += 1
        elif action == "take" and at_work is None:
            at_work = route.frames.take(0)
            assert at_work is None or ready
        elif action == "finish" and at_work is not None:
            route.finish(at_work[0], FrameResult(at_work[1], Candidates.empty()))
            at_work = None
        elif action == "ready":
            route.detector_ready()
            ready = True
        elif action == "away" and at_work is None:  # the detect thread switches between two frames
            route.detector_away()
            ready = False
        elif action in ("hold", "release") and at_work is None:
            route.hold(action == "hold")
        elif action == "begin":
            old, epoch = epoch, route.begin()
            index = 1000 * epoch
            assert not route.deliver(old, frame(0))
        elif action == "show":
            result = route.results.take(0)
            if result is not None:
                shown_from_empty += 1
                assert result.frame.index >= max(last_shown, 1000 * epoch if epoch > 1 else 0)
                last_shown = result.frame.index
    assert shown_from_empty <= len(wakes)
    frames = route.frames
    assert frames.put_count - frames.take_count - frames.dropped in (0, 1)


def test_the_present_frame_goes_through_a_detector_that_becomes_ready() -> None:
    route = Route(lambda: None)
    epoch = route.begin()
    route.detector_ready()
    assert route.frames.take(0) is None
    route.detector_away()
    route.deliver(epoch, frame(5))
    shown = route.results.take(0)
    assert shown is not None
    assert shown.candidates is None
    route.detector_ready()
    item = route.frames.take(0)
    assert item is not None
    assert item[1] is shown.frame is route.last


def test_a_frame_waiting_for_a_detector_that_goes_is_shown_without() -> None:
    route = Route(lambda: None)
    epoch = route.begin()
    route.detector_ready()
    route.deliver(epoch, frame(5))
    assert route.results.take(0) is None
    route.detector_away()
    shown = route.results.take(0)
    assert shown is not None
    assert (shown.frame.index, shown.candidates) == (5, None)


def test_closed_for_good() -> None:
    route = Route(lambda: None)
    epoch = route.begin()
    route.close()
    assert not route.deliver(epoch, frame(0))
    assert route.results.take() is None
    assert route.frames.take() is None
    assert route.last is None
