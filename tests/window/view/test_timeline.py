"""The timeline of an analysed video: a click goes where it points, keys go from appearance to appearance."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.events.scene import IgnoreMask, Scene
from app.core.live.appearances import ClassRow
from app.core.live.events import ModelReady
from app.core.models import user_library
from app.ui.view.timeline import MAX_ROWS, Timeline
from app.ui.view.timeline_preview import TimelinePreview
from app.ui.widgets.theme import Theme
from detector.labels import VOC20
from tests.live.test_cached_analysis import FRAMES, RATE, facts_of, keep
from tests.support.media import make_video
from tests.support.qt_checks import settle
from tests.support.qt_fakes import VIDEO, Desk, application

CARS = ClassRow("car", np.array([1.0, 5.0]), np.array([2.0, 9.0]))
DOGS = ClassRow("dog", np.array([3.0]), np.array([3.1]))
COLOURS = {"car": (200, 40, 40), "dog": (40, 200, 40)}


@pytest.fixture
def timeline(qtbot: QtBot) -> Timeline:
    made = Timeline(Theme(application(), "dark"))
    qtbot.addWidget(made)
    made.resize(600, 60)
    made.show_rows((CARS, DOGS), COLOURS, 10.0)
    made.show()
    return made


def sought(timeline: Timeline) -> list[float]:
    seen: list[float] = []
    timeline.seek.connect(seen.append)
    return seen


def at(timeline: Timeline, seconds: float, row: int = 0) -> QPoint:
    body = timeline.body
    return QPoint(round(body.x_of(seconds)), row * body.row_height + body.row_height // 2)


@pytest.mark.parametrize(("seconds", "row"), [(1.5, 0), (7.0, 0), (4.0, 0), (0.2, 1), (9.9, 1)])
def test_a_click_goes_to_the_time_it_points_at(timeline: Timeline, seconds: float, row: int) -> None:
    seen = sought(timeline)
    QTest.mouseClick(timeline.body, Qt.MouseButton.LeftButton, pos=at(timeline, seconds, row))
    assert seen == [pytest.approx(seconds, abs=10.0 / timeline.body.track.width())]
    assert timeline.body.current == row


def test_a_click_on_a_bar_shows_the_class(timeline: Timeline) -> None:
    seen = sought(timeline)
    place = at(timeline, 3.0, 1) - QPoint(1, 0)  # a pixel early, on a bar of some pixels
    QTest.mouseClick(timeline.body, Qt.MouseButton.LeftButton, pos=place)
    assert 3.0 <= seen[0] < 3.1


def test_a_click_on_a_name_only_chooses_its_row(timeline: Timeline) -> None:
    seen = sought(timeline)
    QTest.mouseClick(timeline.body, Qt.MouseButton.LeftButton, pos=QPoint(3, at(timeline, 0, 1).y()))
    assert (seen, timeline.body.current) == ([], 1)


def test_keys_go_from_one_appearance_to_the_next(timeline: Timeline) -> None:
    seen = sought(timeline)
    for position, key, target in ((0.0, "Right", 1.0), (1.0, "Right", 5.0), (5.0, "Left", 1.0), (1.0, "End", 5.0)):
        timeline.set_position(position)
        QTest.keyClick(timeline.body, getattr(Qt.Key, f"Key_{key}"))
        assert seen.pop() == pytest.approx(target, abs=0.001)
    timeline.set_position(5.0)
    QTest.keyClick(timeline.body, Qt.Key.Key_Right)  # there is no later one
    assert seen == []
    QTest.keyClick(timeline.body, Qt.Key.Key_Down)
    QTest.keyClick(timeline.body, Qt.Key.Key_Home)
    assert seen == [pytest.approx(3.0, abs=0.001)]


def test_what_lies_under_the_pointer_is_named(timeline: Timeline) -> None:
    assert timeline.body.tip_at(at(timeline, 6.0)) == "car  ·  0:05.0 to 0:09.0"
    assert timeline.body.tip_at(at(timeline, 4.0)).startswith("car  ·  2 times, 0:05.0 in all")
    assert timeline.body.tip_at(QPoint(10, 500)) == ""


def test_the_bars_are_where_the_class_is(timeline: Timeline) -> None:
    image = timeline.body.grab().toImage()
    ratio = image.width() / timeline.body.width()

    def colour(seconds: float, row: int) -> tuple[int, int, int]:
        place = at(timeline, seconds, row)
        pixel = image.pixelColor(round(place.x() * ratio), round(place.y() * ratio))
        return pixel.red(), pixel.green(), pixel.blue()

    assert colour(1.5, 0) == colour(8.0, 0) == COLOURS["car"]
    assert colour(3.05, 1) == COLOURS["dog"]
    assert colour(4.0, 0) not in COLOURS.values()
    assert colour(7.0, 1) not in COLOURS.values()


def test_many_classes_scroll_and_none_hides(timeline: Timeline) -> None:
    many = tuple(ClassRow(name, CARS.starts_s, CARS.ends_s) for name in VOC20)
    timeline.show_rows(many, {}, 10.0)
    assert timeline.sizeHint().height() == MAX_ROWS * timeline.body.row_height < timeline.body.height()
    timeline.allow(False)
    assert not timeline.isVisible()
    timeline.allow(True)
    assert timeline.isVisible()
    timeline.clear()
    assert not timeline.isVisible()


def wheel(timeline: Timeline, seconds: float, notches: int, sideways: bool = False) -> None:
    place = at(timeline, seconds).toPointF()
    turn = QPoint(120 * notches, 0) if sideways else QPoint(0, 120 * notches)
    event = QWheelEvent(
        place,
        timeline.body.mapToGlobal(place),
        QPoint(),
        turn,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(timeline.body, event)


def test_the_wheel_zooms_at_the_cursor_and_a_double_click_shows_all(timeline: Timeline) -> None:
    seen = sought(timeline)
    body = timeline.body
    before = body.x_of(3.0)
    wheel(timeline, 3.0, 4)
    assert body.window_s.span_s == pytest.approx(10.0 / 1.25**4)
    assert body.x_of(3.0) == pytest.approx(before, abs=1.5)
    QTest.mouseClick(body, Qt.MouseButton.LeftButton, pos=at(timeline, 4.0))
    assert seen == [pytest.approx(4.0, abs=body.window_s.span_s / body.track.width())]
    start = body.window_s.start_s
    wheel(timeline, 4.0, -1, sideways=True)
    assert body.window_s.start_s > start
    body.set_position(body.window_s.end_s - 0.01)
    body.set_position(body.window_s.end_s + 0.01)
    assert 0 <= body.window_s.share_of(body._position) <= 1, "the page is turned with the position"
    QTest.mouseDClick(body, Qt.MouseButton.LeftButton, pos=at(timeline, 4.0))
    assert body.window_s.is_whole
    QTest.keyClick(body, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert "from" in body.accessibleDescription()
    QTest.keyClick(body, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    assert body.window_s.is_whole


def test_only_what_is_listed_is_drawn_strongly(timeline: Timeline) -> None:
    listed = ClassRow("car", np.array([5.0]), np.array([6.0]))
    timeline.show_listed({"car": listed})
    image = timeline.body.grab().toImage()
    ratio = image.width() / timeline.body.width()

    def strong(seconds: float, row: int) -> bool:
        place = at(timeline, seconds, row)
        pixel = image.pixelColor(round(place.x() * ratio), round(place.y() * ratio))
        return (pixel.red(), pixel.green(), pixel.blue()) in COLOURS.values()

    assert (strong(5.5, 0), strong(8.0, 0), strong(1.5, 0), strong(3.05, 1)) == (True, False, False, False)
    timeline.show_listed(None)
    image = timeline.body.grab().toImage()
    assert strong(8.0, 0)


def test_the_video_is_shown_where_the_pointer_is(table: Desk, tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", frames=100, fps=Fraction(10))
    table.open(VIDEO, str(video))
    stage = table.window.stage
    stage.timeline.show_rows((CARS, DOGS), COLOURS, 10.0)
    settle()
    preview = table.window.findChild(TimelinePreview)
    assert preview is not None
    assert not preview.isVisible()
    stage.timeline.body.hovered.emit(6.0, at(stage.timeline, 6.0))
    assert preview.isVisible()
    assert preview.words.text().startswith("car")
    assert stage.rect().contains(preview.geometry())
    table.qtbot.waitUntil(lambda: not preview.picture.pixmap().isNull())
    stage.timeline.body.hovered.emit(None, QPoint())
    assert not preview.isVisible()


def test_the_timeline_and_the_slider_share_one_axis(table: Desk) -> None:
    stage = table.window.stage
    table.open(VIDEO)
    stage.timeline.show_rows((CARS, DOGS), COLOURS, 9.96)  # the last frame ends a little before the file does
    slider, body = stage.playback.slider, stage.timeline.body

    def apart(seconds: float) -> float:
        left, length = slider.axis
        handle = slider.mapTo(stage, QPointF(left + length * seconds / 10.0, 0.0)).x()
        return abs(handle - body.mapTo(stage, QPointF(body.x_of(seconds), 0.0)).x())

    for width in (1240, 900, 640):
        table.window.resize(width, 700)
        settle()
        for seconds in (0.0, 1.0, 5.0, 10.0):
            assert apart(seconds) <= 1.0, (width, seconds)
    table.open(replace(VIDEO, duration_s=None))  # no slider: no axis to share
    assert body.track.right() > body.width() - 20


def test_what_lies_in_a_mask_is_not_in_the_timeline(table: Desk, tmp_path: Path) -> None:
    entry = next(entry for entry in user_library().list() if entry.bundled and entry.spec.demo)
    video = make_video(tmp_path / "clip.mp4", frames=FRAMES, fps=RATE)
    store = keep(video, facts_of(video, entry))
    table.open(VIDEO, str(video))
    table.qtbot.waitUntil(lambda: table.scenes.loaded)
    table.settings.set("detection", "threshold", 0.2)
    table.controller.model_ready.emit(ModelReady(entry.spec, "kept", "", "fp32", (), 0.0, store))
    rows = table.window.stage.timeline.body
    table.qtbot.waitUntil(lambda: len(rows.rows) == 2)
    upper = IgnoreMask("upper", ((0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.0, 0.5)))
    table.scenes.replace(Scene(masks=(upper,)))
    table.qtbot.waitUntil(lambda: [row.name for row in rows.rows] == [entry.spec.labels[1]])
    table.scenes.replace(Scene())
    table.qtbot.waitUntil(lambda: len(rows.rows) == 2)


def test_the_window_shows_what_is_kept_of_a_video(table: Desk, tmp_path: Path) -> None:
    entry = next(entry for entry in user_library().list() if entry.bundled and entry.spec.demo)
    video = make_video(tmp_path / "clip.mp4", frames=FRAMES, fps=RATE)
    store = keep(video, facts_of(video, entry))
    timeline = table.window.stage.timeline
    ready = ModelReady(entry.spec, "kept", "", "fp32", (), 0.0)
    table.controller.model_ready.emit(ready)
    assert not timeline.isVisible()  # the network runs
    table.controller.model_ready.emit(replace(ready, kept=store))
    table.qtbot.waitUntil(lambda: len(timeline.body.rows) == 1)  # of the second class nothing reaches the threshold
    row = timeline.body.rows[0]
    assert (row.name, row.starts_s[0], round(row.seconds, 2)) == (
        entry.spec.labels[0],
        0.0,
        round(FRAMES / float(RATE), 2),
    )
    table.settings.set("detection", "threshold", 0.2)
    table.qtbot.waitUntil(lambda: len(timeline.body.rows) == 2)
    table.settings.set("detection", "threshold", 0.99)
    table.qtbot.waitUntil(lambda: not timeline.body.rows)
    table.controller.closed.emit()
    table.settings.set("detection", "threshold", 0.2)
    assert not timeline.isVisible()
