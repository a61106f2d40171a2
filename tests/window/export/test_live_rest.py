"""The live detector pauses, and says so, as long as an export works."""

from __future__ import annotations

from pathlib import Path

from tests.support.qt_fakes import VIDEO, Desk, make_candidates, make_result
from tests.support.queue_jobs import request_for, touch

NOTE = "Detection pauses while exporting"


def test_detector_rests_during_an_export_and_comes_back(table: Desk, tmp_path: Path) -> None:
    session = table.open(VIDEO)
    table.exports.start(request_for(tmp_path / "a.mp4"))
    assert session.calls[-1] == ("rest", True)
    view = table.window.stage.view
    table.give(make_result(make_candidates((0, 0, 50, 50, 0.9, 0))))
    table.give(make_result(None))
    table.qtbot.waitUntil(lambda: view.note == NOTE)
    table.qtbot.waitUntil(lambda: bool(table.jobs))
    table.jobs[-1].go.set()
    table.qtbot.waitUntil(lambda: session.calls[-1] == ("rest", False))
    table.qtbot.waitUntil(lambda: view.note == "")


def test_source_opened_meanwhile_rests_as_well_and_a_cancel_ends_it(table: Desk, tmp_path: Path) -> None:
    table.exports.start(request_for(tmp_path / "a.mp4"))
    session = table.open(VIDEO)
    assert session.names()[:2] == ["start", "rest"]
    table.exports.cancel()
    table.qtbot.waitUntil(lambda: session.calls[-1] == ("rest", False))


def test_detector_rests_while_the_queue_works_but_not_while_it_is_paused(table: Desk, tmp_path: Path) -> None:
    session = table.open(VIDEO)
    touch(tmp_path / "a.mp4")
    table.queue.add_again([request_for(tmp_path / "a.mp4")])
    table.qtbot.waitUntil(lambda: session.calls[-1] == ("rest", True))
    table.queue.queue.pause()
    table.qtbot.waitUntil(lambda: session.calls[-1] == ("rest", False))
    table.queue.queue.resume()
    table.qtbot.waitUntil(lambda: session.calls[-1] == ("rest", True))
    table.queued.get("a.mp4").finish()
    table.qtbot.waitUntil(lambda: session.calls[-1] == ("rest", False))
