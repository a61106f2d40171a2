"""The list of events of an analysed video: what is in it, going there, asking, judging; without one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QRegion
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QInputDialog, QWidget
from pytestqt.qtbot import QtBot

from app.core.events.listing import ListedEvent
from app.core.live.events import LiveState
from app.core.settings import ModelSettings, Settings
from app.ui.events.event_panel import EventPanel
from app.ui.events.event_rows import brief_time_text, time_text
from tests.support.kept_events import MODEL, SIZE, keep_events, labels, make_analysed
from tests.support.media import make_video
from tests.support.qt_fakes import CAMERA, VIDEO, Desk, desk, make_frame, make_result


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_analysed(tmp_path_factory.mktemp("video"))


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    with desk(qtbot, tmp_path, Settings(model=ModelSettings(name=MODEL))) as made:
        made.settings.set("detection", "threshold", 0.25)
        made.window.show_events()
        yield made


def panel_of(table: Desk, video: Path) -> EventPanel:
    """The panel once it lists the events of ``video``."""
    table.open(VIDEO, str(video))
    panel = table.window.events.panel
    table.qtbot.waitUntil(lambda: table.window.events.feed.state.kind == "ready")
    return panel


def classes(panel: EventPanel) -> list[str]:
    return [row.label for row in panel.list.events.rows]


def test_each_object_is_a_row_with_its_picture(table: Desk, video: Path) -> None:
    panel = panel_of(table, video)
    walker, stander, corner = labels()[:3]
    assert classes(panel) == [corner, walker, stander]
    row = panel.list.events.rows[1]
    assert (row.start_s, row.end_s, round(row.max_score, 2), row.best_s) == (0.5, 2.7, 0.65, 1.2)
    assert panel.page.count.text().startswith("3 ")
    index = panel.list.events.index(1)
    table.qtbot.waitUntil(lambda: index.data(Qt.ItemDataRole.DecorationRole) is not None)
    assert walker in index.data(Qt.ItemDataRole.AccessibleTextRole)


def test_the_times_of_a_row_fit_into_it_at_any_hour() -> None:
    row = ListedEvent(1, 1, "person", 50_000.04, 50_012.34, 0.9, 0.0, Fraction(50_001), (0, 0, 9, 9))
    assert brief_time_text(row) == "13:53:20 \u2013 13:53:32 · 12 s"
    assert brief_time_text(replace(row, start_s=1.0, end_s=4.0)) == time_text(replace(row, start_s=1.0, end_s=4.0))


def test_the_list_follows_the_threshold_and_what_is_asked(table: Desk, video: Path) -> None:
    panel = panel_of(table, video)
    walker, stander, corner = labels()[:3]
    table.settings.set("detection", "threshold", 0.5)
    table.qtbot.waitUntil(lambda: classes(panel) == [walker, stander])
    table.settings.set("detection", "threshold", 0.99)
    table.qtbot.waitUntil(lambda: classes(panel) == [] and panel.page.nothing.isVisible())
    table.settings.set("detection", "threshold", 0.25)
    table.qtbot.waitUntil(lambda: len(classes(panel)) == 3)
    panel.filters.classes.options.actions()[2].trigger()
    chosen = panel.filters.classes.values
    assert len(chosen) == 1
    table.qtbot.waitUntil(lambda: classes(panel) == list(chosen))
    panel.filters.show_all()
    panel.filters.score.field.setValue(0.6)
    table.qtbot.waitUntil(lambda: classes(panel) == [walker, stander])
    panel.filters.search.setText(corner)
    table.qtbot.waitUntil(lambda: classes(panel) == [])
    assert panel.filters.reset.isVisible()
    panel.filters.reset.click()
    table.qtbot.waitUntil(lambda: len(classes(panel)) == 3)
    assert not panel.filters.reset.isVisible()


def test_the_list_is_narrowed_to_a_time(table: Desk, video: Path) -> None:
    panel = panel_of(table, video)
    span = panel.filters.span
    walker, stander, corner = labels()[:3]
    for begin, end, found in (
        ("0:03", "", [corner, stander]),
        ("0:03", "0:03.2", [corner]),
        ("", "2.5", [corner, walker]),
    ):
        span.begin.setText(begin)
        span.end.setText(end)
        span.end.textEdited.emit(end)
        table.qtbot.waitUntil(lambda found=found: classes(panel) == found)
    span.end.setText("noon")
    span.end.textEdited.emit("noon")
    assert span.end.property("wrong")
    assert span.value == (0.0, 2.5), "what is no time changes nothing"
    panel.filters.show_all()
    table.qtbot.waitUntil(lambda: len(classes(panel)) == 3)
    assert not span.end.property("wrong")


def test_a_video_that_knows_its_time_of_day_is_asked_by_it(table: Desk, tmp_path: Path) -> None:
    video = make_analysed(tmp_path)
    stamped = tmp_path / "stamped.mp4"
    with av.open(str(video)) as source, av.open(str(stamped), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        target.metadata["creation_time"] = datetime(2026, 3, 1, 23, 59, 58).astimezone().isoformat()
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    keep_events(stamped)
    walker, stander, corner = labels()[:3]
    panel = panel_of(table, video)
    assert not panel.filters.day.isVisible()
    table.open(VIDEO, str(stamped))
    table.qtbot.waitUntil(panel.filters.day.isVisible)
    assert "23:59:58" in panel.list.events.index(0).data(Qt.ItemDataRole.ToolTipRole)
    day = panel.filters.day
    late, early = [corner, stander], [corner, walker]
    for begin, end, found in (("", "23:59:59", early), ("0:00:01", "0:00:03", late)):
        day.begin.setText(begin)
        day.end.setText(end)
        day.end.textEdited.emit(end)
        table.qtbot.waitUntil(lambda found=found: classes(panel) == found)


def test_a_click_goes_there_plays_to_the_end_and_draws_the_path(table: Desk, video: Path) -> None:
    panel = panel_of(table, video)
    session = table.session
    session.enter(LiveState.PAUSED)
    table.qtbot.waitUntil(lambda: table.controller.playback.is_paused)
    index = panel.list.events.index(1)
    QTest.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=panel.list.visualRect(index).center())
    assert [name for name in session.names() if name in ("seek", "resume")] == ["seek", "resume"]
    seek = next(call for call in session.calls if call[0] == "seek")
    assert seek[1] == pytest.approx(Fraction(1, 2), abs=0.001)  # type: ignore[comparison-overlap]
    overlay = table.window.events.player.overlay
    for tenths, paused in ((90, False), (5, False), (26, False), (27, True)):  # the first was on its way already
        table.give(make_result(None, make_frame(*SIZE, pts_s=Fraction(tenths, 10))))
        assert (session.names()[-1] == "pause") == paused, tenths
    points = overlay.points()
    assert overlay.isVisible()
    assert len(points) == 23
    frame = table.window.stage.view.frame_rect()
    assert points[0].x() == pytest.approx(frame.x() + frame.width() * 15 / SIZE[0])
    assert points[-1].x() > points[0].x()
    middle, bare = points[11].toPoint(), QColor("magenta")
    view = table.window.stage.view

    def painted() -> QColor:
        image = QImage(overlay.size(), QImage.Format.Format_RGB32)
        image.fill(bare)
        overlay.render(image, QPoint(), QRegion(), QWidget.RenderFlag(0))
        return image.pixelColor(middle)

    assert painted() != bare
    view.card = QRectF(middle.x() - 10, middle.y() - 10, 20, 20)
    assert painted() == bare, "the words about a box are not crossed"
    table.controller.close_source()
    assert not overlay.isVisible()


def test_seeking_elsewhere_ends_the_playing_of_an_event(table: Desk, video: Path) -> None:
    panel = panel_of(table, video)
    panel.list.choose(1)
    for pts_s in (Fraction(1, 2), Fraction(5), Fraction(27, 10), Fraction(28, 10)):
        table.give(make_result(None, make_frame(*SIZE, pts_s=pts_s)))
    assert "pause" not in table.session.names()
    assert not table.window.events.player.overlay.isVisible(), "nor is its path drawn over other times"


def test_an_event_is_let_go_of_by_a_key_and_with_its_list(table: Desk, video: Path) -> None:
    panel = panel_of(table, video)
    overlay = table.window.events.player.overlay
    panel.list.choose(1)
    assert overlay.isVisible()
    table.window.actions_by_name["escape"].trigger()
    assert not overlay.isVisible()
    panel.list.choose(2)
    assert overlay.isVisible()
    table.settings.set("model", "name", "everyday")
    table.qtbot.waitUntil(lambda: table.window.events.feed.state.kind == "offer")
    assert not overlay.isVisible()


def test_next_and_previous(table: Desk, video: Path) -> None:
    panel = panel_of(table, video)
    actions = table.window.actions_by_name
    for name, row in (("next", 0), ("next", 1), ("next", 2), ("next", 2), ("previous", 1)):
        actions[f"{name}_event"].trigger()
        assert panel.list.currentIndex().row() == row
    QTest.keyClick(panel.list, Qt.Key.Key_Down)
    assert panel.list.present() == panel.list.events.rows[2]
    seeks = [call[1] for call in table.session.calls if call[0] == "seek"]
    assert [float(second) for second in seeks] == pytest.approx(  # type: ignore[arg-type]
        [0.0, 0.5, 3.5, 3.5, 0.5, 3.5], abs=0.001
    )


def test_what_is_said_of_events_is_kept(table: Desk, video: Path) -> None:
    panel = panel_of(table, video)
    panel.list.choose(1)
    panel.page.reject.click()
    table.qtbot.waitUntil(lambda: panel.list.events.rows[1].verdict.rejected)
    assert panel.list.selected() == (panel.list.events.rows[1],), "what was selected stays selected"
    panel.list.choose(2)
    panel.page.mark.click()
    table.qtbot.waitUntil(lambda: panel.list.events.rows[2].verdict.marked)
    table.settings.set("detection", "threshold", 0.5)
    table.qtbot.waitUntil(lambda: len(classes(panel)) == 2)
    table.controller.close_source()
    panel = panel_of(table, video)
    walker, stander = panel.list.events.rows
    assert walker.verdict.rejected
    assert stander.verdict.marked
    panel.filters.judged.set_value("not rejected")
    panel.filters.judged.changed.emit()
    table.qtbot.waitUntil(lambda: panel.list.events.rows == (stander,))


def test_a_name_is_asked_for_without_holding_anything_up(table: Desk, video: Path) -> None:
    panel = panel_of(table, video)
    panel.list.choose(1)
    panel.page.name.click()
    dialog = panel.findChild(QInputDialog)
    assert dialog is not None
    dialog.setTextValue("  Anna ")
    dialog.accept()
    table.qtbot.waitUntil(lambda: panel.list.events.rows[1].verdict.name == "Anna")


def test_without_an_analysis_one_is_offered_and_the_list_comes_with_it(table: Desk, tmp_path: Path) -> None:
    panel = table.window.events.panel
    assert not panel.begin.isVisible()
    video = make_video(tmp_path / "new.mp4", frames=60, fps=Fraction(10), size=SIZE)
    table.open(VIDEO, str(video))
    table.qtbot.waitUntil(panel.begin.isVisible)
    panel.begin.click()
    table.qtbot.waitUntil(lambda: bool(table.jobs) and table.jobs[-1].started.is_set())
    assert not panel.begin.isVisible()
    assert video.name in panel.title.text()
    table.open(VIDEO, str(make_video(tmp_path / "other.mp4", frames=2)))
    table.qtbot.waitUntil(lambda: table.window.events.feed.state.kind == "offer")
    assert video.name in panel.title.text(), "and another one waits"
    table.open(VIDEO, str(video))
    keep_events(video)
    table.jobs[-1].go.set()
    table.qtbot.waitUntil(lambda: len(classes(panel)) == 3)
    table.open(CAMERA, "camera:front")
    table.qtbot.waitUntil(lambda: table.window.events.feed.state.kind == "none")
    assert classes(panel) == []


def test_the_panel_of_settings_is_one_tab_away(table: Desk, video: Path) -> None:
    side = table.window.side
    assert side.page is table.window.events.panel
    side.tabs.setCurrentIndex(0)
    assert table.window.panel.isVisible()
    table.window.body.toggle_panel()
    table.window.actions_by_name["events"].trigger()
    assert table.window.events.panel.isVisible()
