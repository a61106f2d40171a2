"""The list fills as a camera runs: classes, times of day, pictures; it is kept, and what is said of it as well."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from app.core.events.listing import LiveFacts
from app.core.events.live_archive import LiveArchive
from app.core.frames import Frame, FrameResult
from app.core.paths import live_events_file
from app.ui.events.event_panel import EventPanel
from app.ui.events.event_rows import day_time_text, title_text
from tests.support.qt_fakes import CAMERA, LABELS, VIDEO, Desk, make_candidates, make_frame
from tests.window.events.test_event_list import classes

FRONT = "camera:front"


def result_at(
    second: float, *found: tuple[float, float, float, float, float, int], number: int | None = None
) -> FrameResult:
    made = make_frame(grey=120)
    frame = Frame(made.image_bgr, made.image_bgra, 0, None, int((500 + second) * 1e9))
    return FrameResult(frame, make_candidates(*found), LABELS, "demo", 5.0, 1, numbers=(number,) * len(found))


def watch(table: Desk, number: int | None = 6) -> EventPanel:
    """A person walks past the camera."""
    window = table.window
    window.show_events()
    table.open(CAMERA, FRONT)
    for tenth in range(12):
        table.give(result_at(tenth / 10, (20 + tenth * 5, 20, 80 + tenth * 5, 120, 0.9, 1), number=number))
    window.events.live.renew()
    table.qtbot.waitUntil(lambda: classes(window.events.panel) == ["person"])
    return window.events.panel


def test_the_list_fills_as_a_camera_runs(table: Desk) -> None:
    window = table.window
    panel = watch(table)
    row = panel.list.events.rows[0]
    assert row.duration_s == pytest.approx(1.1, abs=0.01)
    assert 0 <= row.start_s <= 86_400 + 60
    shown = panel.list.events.index(0)
    table.qtbot.waitUntil(lambda: isinstance(shown.data(Qt.ItemDataRole.DecorationRole), QImage))
    assert panel.page.mark.isVisible()
    assert not panel.page.make_case.isVisible()
    seeks = table.session.names().count("seek")
    panel.list.choose(0)
    assert window.events.player.overlay.isVisible()
    assert table.session.names().count("seek") == seeks
    panel.filters.search.setText("dog")
    table.qtbot.waitUntil(lambda: classes(panel) == [])
    panel.filters.show_all()
    table.settings.set("detection", "threshold", 0.95)
    table.qtbot.waitUntil(lambda: panel.page.count.text().startswith("0"))
    table.settings.set("detection", "threshold", 0.5)
    table.qtbot.waitUntil(lambda: classes(panel) == ["person"])


def test_an_event_has_the_number_that_its_object_has_on_the_picture(table: Desk) -> None:
    panel = watch(table, number=6)
    assert title_text(panel.list.events.rows[0]) == "person #6"
    panel.filters.search.setText("#1")
    table.qtbot.waitUntil(lambda: classes(panel) == [])
    panel.filters.search.setText("#6")
    table.qtbot.waitUntil(lambda: classes(panel) == ["person"])


def test_an_object_that_was_numbered_anew_has_its_last_number_and_is_found_by_any(table: Desk) -> None:
    panel = watch(table, number=6)
    for tenth in range(12, 20):
        table.give(result_at(tenth / 10, (20 + tenth * 5, 20, 80 + tenth * 5, 120, 0.9, 1), number=9))
    table.window.events.live.renew()
    table.qtbot.waitUntil(lambda: title_text(panel.list.events.rows[0]) == "person #9")
    assert "#6, #9" in panel.list.events.index(0).data(Qt.ItemDataRole.ToolTipRole)
    panel.filters.search.setText("#6")
    table.qtbot.waitUntil(lambda: classes(panel) == ["person"])


def test_an_object_without_a_number_on_the_picture_has_none_in_the_list(table: Desk) -> None:
    assert title_text(watch(table, number=None).list.events.rows[0]) == "person"


def test_another_source_begins_with_nothing(table: Desk) -> None:
    window = table.window
    watch(table)
    table.open(VIDEO, "/films/street.mp4")
    table.qtbot.waitUntil(lambda: classes(window.events.panel) == [])
    assert not window.events.live._timer.isActive()
    table.open(CAMERA, "camera:back")
    table.qtbot.waitUntil(window.events.panel.page.nothing.isVisible)
    assert classes(window.events.panel) == []


def test_what_was_seen_and_said_is_there_when_the_camera_is_opened_again(table: Desk) -> None:
    window = table.window
    panel = watch(table)
    panel.list.choose(0)
    panel.page.mark.click()
    table.qtbot.waitUntil(lambda: panel.list.events.rows[0].verdict.marked)
    assert panel.page.mark.text() == "Unmark"
    table.open(VIDEO, "/films/street.mp4")
    table.qtbot.waitUntil(lambda: classes(panel) == [])
    table.open(CAMERA, FRONT)
    table.qtbot.waitUntil(lambda: classes(panel) == ["person"])
    row = panel.list.events.rows[0]
    assert (title_text(row), row.verdict.marked) == ("person #6", True)
    table.qtbot.waitUntil(lambda: panel.list.events.index(0).data(Qt.ItemDataRole.DecorationRole) is not None)
    panel.list.choose(0)
    panel.page.reject.click()
    table.qtbot.waitUntil(lambda: panel.list.events.rows[0].verdict.rejected)
    (kept,) = LiveArchive(live_events_file()).of(FRONT)
    assert (kept.verdict.marked, kept.verdict.rejected) == (True, True)
    window.side.show_page(window.events.all_panel)
    table.qtbot.waitUntil(lambda: classes(window.events.all_panel) == ["person"])
    window.events.all_panel.list.choose(0)
    table.qtbot.waitUntil(lambda: not window.events.picture.picture.pixmap().isNull())
    assert "Front camera" in window.events.picture.facts.text()


def test_a_picture_is_saved_as_it_was_kept(table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = watch(table)
    picture, target = table.window.events.picture, tmp_path / "person.jpg"
    panel.list.doubleClicked.emit(panel.list.events.index(0))
    assert picture.isVisible()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    picture.save.click()
    table.qtbot.waitUntil(lambda: table.services.banner.kind == "success")
    archive = LiveArchive(live_events_file())
    assert target.read_bytes() == archive.picture(archive.of(FRONT)[0].id)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "such.jpg"), ""))
    picture.save.click()
    table.qtbot.waitUntil(lambda: table.services.banner.kind == "error")


def test_nothing_is_kept_where_nothing_shall_be(table: Desk) -> None:
    table.settings.set("recording", "event_days", 0)
    panel = watch(table)
    assert isinstance(panel.list.events.index(0).data(Qt.ItemDataRole.DecorationRole), QImage)
    for button in (panel.page.mark, panel.page.name, panel.page.reject):
        assert not button.isVisible()
    assert not live_events_file().exists()


def test_times_say_the_day() -> None:
    today = date.today()
    yesterday = today - timedelta(days=1)
    assert day_time_text(LiveFacts(today), 50_523.4) == "14:02:03"
    assert day_time_text(LiveFacts(today), 50_523.4 - 86_400) == "yesterday 14:02:03"
    assert day_time_text(LiveFacts(yesterday), 50_523.4) == "yesterday 14:02:03"
    assert day_time_text(LiveFacts(date(2020, 2, 29)), 312.0) == "29 Feb 2020 0:05:12"
