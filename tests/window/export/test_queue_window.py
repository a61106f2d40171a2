"""The queue in the window: what is dropped goes to it, and quitting asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPointF

from app.ui.export.queue_dialog import QueueDialog
from app.ui.widgets.drop_overlay import places
from app.ui.widgets.drops import classify
from tests.support.drops import drop
from tests.support.qt_fakes import Desk
from tests.support.queue_jobs import touch


def _queue(table: Desk) -> QueueDialog:
    dialog = table.window.exports.queue
    assert dialog is not None
    return dialog


def test_several_videos_dropped_are_asked_about_together(table: Desk, tmp_path: Path) -> None:
    paths = [tmp_path / "a.mp4", tmp_path / "b.mov"]
    touch(*paths)
    drop(table.window, paths, _at(table, 0.5))
    form = _queue(table).form
    table.qtbot.waitUntil(form.start.isEnabled)
    assert form.start.text() == "Export 2 videos"
    assert table.sessions == []


def test_folder_dropped_on_its_right_half_exports_its_videos(table: Desk, tmp_path: Path) -> None:
    touch(tmp_path / "in" / "a.mp4")
    drop(table.window, [tmp_path / "in"], _at(table, 0.75))
    table.qtbot.waitUntil(_queue(table).form.start.isEnabled)
    assert _queue(table).form.facts.text() == "1 video: a.mp4"


def test_places_offer_the_queue_only_for_what_may_be_video(tmp_path: Path) -> None:
    def offered(*paths: Path) -> list[str]:
        return [place.action for place in places(classify(paths))]

    assert offered(Path("a.mp4"), Path("b.mp4")) == ["queue"]
    assert offered(tmp_path) == ["open", "queue"]
    assert offered(tmp_path, tmp_path) == ["queue"]
    assert offered(Path("a.mp4"), Path("b.png")) == ["open", "queue"]
    assert offered(Path("a.pth"), Path("b.png")) == ["open"]


def test_quitting_asks_once_and_cancels(table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a.mp4")
    table.window.actions_by_name["export_many"].trigger()
    dialog = _queue(table)
    dialog.add([tmp_path / "a.mp4"])
    table.qtbot.waitUntil(dialog.form.start.isEnabled)
    dialog.form.start.click()
    job = table.queued.get("a.mp4")
    assert job.started.wait(60)
    answers = [False, True]
    monkeypatch.setattr("app.ui.export.export_windows.confirmed", lambda *_a, **_k: answers.pop(0))
    table.window.close()
    assert table.window.isVisible()
    assert not job.cancelled
    table.window.close()
    assert not table.window.isVisible()
    assert not dialog.isVisible()
    assert job.cancelled
    assert answers == []


def _at(table: Desk, fraction: float) -> QPointF:
    return QPointF(table.window.width() * fraction, table.window.height() / 2)
