"""LIVE beside the play button: lit while frames come from a camera or stream, and only then."""

from __future__ import annotations

import pytest

from app.core.frames import SourceInfo
from app.core.live.events import Ended, LiveState, SourceTrouble
from tests.support.qt_fakes import Desk

STREAM = SourceInfo("stream", "rtsp://cam/live", 320, 180, None)


def test_a_running_stream_is_live(table: Desk) -> None:
    session = table.open(STREAM, "rtsp://cam/live")
    session.enter(LiveState.RUNNING)
    table.qtbot.waitUntil(table.window.stage.playback.live.isEnabled)


@pytest.mark.parametrize("state", [LiveState.STALLED, LiveState.PAUSED, LiveState.FAILED])
def test_what_stands_still_is_not_and_is_again_when_it_goes_on(table: Desk, state: LiveState) -> None:
    live = table.window.stage.playback.live
    session = table.open(STREAM, "rtsp://cam/live")
    session.on_event(SourceTrouble("It is lost.", "", retrying=True))
    session.enter(state)
    table.qtbot.waitUntil(lambda: not live.isEnabled())
    session.enter(LiveState.RUNNING)
    table.qtbot.waitUntil(live.isEnabled)


def test_after_the_end_it_is_not(table: Desk) -> None:
    session = table.open(STREAM, "rtsp://cam/live")
    session.enter(LiveState.RUNNING)
    session.on_event(Ended())
    table.qtbot.waitUntil(lambda: not table.window.stage.playback.live.isEnabled())
