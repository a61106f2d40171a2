"""Zooming and moving the frame: by wheel, mouse, pinch, keys and button; places stay what they are."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QNativeGestureEvent, QPointingDevice, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.settings import DetectionSettings, OverlaySettings
from app.ui.view.frame_place import MAX_ZOOM, FramePlace
from app.ui.view.pointer import ZOOM_STEP
from app.ui.view.video_view import VideoView
from tests.support.qt_checks import pixel
from tests.support.qt_fakes import VIDEO, Desk, make_candidates, make_frame, make_result

_PLAIN = OverlaySettings(show_labels=False, show_scores=False, show_badge=False)
FOUND = make_candidates((40, 30, 120, 90, 0.9, 0))


@pytest.fixture
def view(qtbot: QtBot) -> VideoView:
    made = VideoView()
    qtbot.addWidget(made)
    made.resize(640, 360)
    made.set_look(DetectionSettings(), _PLAIN)
    made.show()
    made.show_result(make_result(FOUND))
    return made


def turn_wheel(view: VideoView, x: float, y: float, notches: int) -> None:
    at = QPointF(x, y)
    event = QWheelEvent(
        at,
        view.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, event)


def drag(view: VideoView, start: QPoint, end: QPoint) -> None:
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for step in range(1, 6):
        QTest.mouseMove(view, start + (end - start) * step / 5)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)


def test_the_wheel_zooms_at_the_cursor(view: VideoView) -> None:
    before = view.to_frame(QPointF(160, 180))
    turn_wheel(view, 160, 180, 3)
    after = view.to_frame(QPointF(160, 180))
    assert before is not None
    assert after is not None
    assert view.zoom == pytest.approx(ZOOM_STEP**3)
    assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()), abs=2e-3)
    turn_wheel(view, 160, 180, -10)
    assert view.zoom == 1.0
    assert view.frame_rect() == QRectF(view.rect())


def test_boxes_go_with_the_frame_and_only_what_is_in_sight_is_painted(view: VideoView) -> None:
    turn_wheel(view, 0, 0, 4)
    scale = 2 * view.zoom
    assert view.marks()[0].rect == pytest.approx((40 * scale, 30 * scale, 120 * scale, 90 * scale), abs=0.5)
    colour = view.marks()[0].colour
    assert pixel(view, round(40 * scale), round(60 * scale)) == colour
    assert view.visible_rect() == QRectF(view.rect())


def test_a_drag_moves_the_zoomed_frame_and_no_further_than_its_edges(view: VideoView) -> None:
    drag(view, QPoint(300, 180), QPoint(400, 200))
    assert view.frame_rect() == QRectF(view.rect()), "not zoomed: nothing to move"
    turn_wheel(view, 320, 180, 4)
    before = view.frame_rect()
    drag(view, QPoint(300, 180), QPoint(340, 200))
    assert view.frame_rect().topLeft() == before.topLeft() + QPointF(40, 20)
    drag(view, QPoint(10, 10), QPoint(5000, 5000))
    assert view.frame_rect().topLeft() == QPointF(0, 0)


def test_fingers_zoom_too(view: VideoView) -> None:
    at = QPointF(320, 180)
    gesture = QNativeGestureEvent(
        Qt.NativeGestureType.ZoomNativeGesture,
        QPointingDevice.primaryPointingDevice(),
        2,
        at,
        at,
        view.mapToGlobal(at),
        0.5,
        QPointF(),
    )
    QApplication.sendEvent(view, gesture)
    assert view.zoom == pytest.approx(1.5)


def test_zoom_is_kept_across_frames_and_ends_with_the_source(view: VideoView) -> None:
    turn_wheel(view, 100, 100, 3)
    rect = view.frame_rect()
    view.show_result(make_result(FOUND))
    assert view.frame_rect() == rect
    view.clear()
    view.show_result(make_result(FOUND))
    assert view.zoom == 1.0
    assert view.zoom_plate.isHidden()


def test_who_draws_over_the_view_is_told_whenever_the_frame_lies_elsewhere(view: VideoView) -> None:
    told: list[int] = []
    view.rearranged.connect(lambda: told.append(1))
    view.show_result(make_result(FOUND))
    assert not told
    turn_wheel(view, 100, 100, 1)
    view.zoom_to_fit()
    view.show_result(make_result(FOUND, make_frame(100, 100)))
    view.resize(500, 500)
    assert len(told) == 4


def test_the_button_shows_the_whole_frame(view: VideoView) -> None:
    assert view.zoom_plate.isHidden()
    turn_wheel(view, 100, 100, 1)
    assert view.zoom_plate.isVisible()
    assert view.rect().contains(view.zoom_plate.geometry())
    QTest.mouseClick(view.zoom_plate.button, Qt.MouseButton.LeftButton)
    assert view.zoom == 1.0
    assert view.zoom_plate.isHidden()


@pytest.mark.parametrize("zoomed_first", [True, False])
def test_the_button_can_be_pressed_while_zones_are_drawn(table: Desk, zoomed_first: bool) -> None:
    table.open(VIDEO)
    table.give(make_result(FOUND))
    view, zones = table.window.stage.view, table.window.actions_by_name["zones"]
    for does in (view.zoom_in, zones.trigger) if zoomed_first else (zones.trigger, view.zoom_in):
        does()
    button = view.zoom_plate.button
    assert view.childAt(button.mapTo(view, button.rect().center())) is button


def test_keys_zoom_and_move_and_leave_threshold_and_seeking_alone(table: Desk) -> None:
    session = table.open(VIDEO)
    table.give(make_result(FOUND))
    view = table.window.stage.view
    view.setFocus()
    threshold = table.settings.current.detection.threshold
    modifier = Qt.KeyboardModifier.ControlModifier
    for _ in range(4):
        QTest.keyClick(view, Qt.Key.Key_Plus, modifier)
    assert view.zoom == pytest.approx(ZOOM_STEP**4)
    before = view.frame_rect().topLeft()
    QTest.keyClick(view, Qt.Key.Key_Right, modifier)
    QTest.keyClick(view, Qt.Key.Key_Up, modifier)
    moved = view.frame_rect().topLeft() - before
    assert moved.x() < 0 < moved.y()
    QTest.keyClick(view, Qt.Key.Key_Minus, modifier)
    assert view.zoom == pytest.approx(ZOOM_STEP**3)
    QTest.keyClick(view, Qt.Key.Key_0)
    assert view.zoom == 1.0
    assert "step" not in session.names()
    assert table.settings.current.detection.threshold == threshold


def test_a_double_click_fills_the_screen_and_brings_it_back(table: Desk) -> None:
    table.open(VIDEO)
    table.give(make_result(FOUND))
    view = table.window.stage.view
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton)
    assert table.window.isFullScreen()
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton)
    assert not table.window.isFullScreen()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frame=st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    room=st.tuples(st.integers(1, 2000), st.integers(1, 1500)),
    moves=st.lists(
        st.tuples(st.floats(0, 2000), st.floats(0, 1500), st.floats(0.1, 4), st.floats(-500, 500)), max_size=6
    ),
    ratio=st.sampled_from((1.0, 1.5, 2.0)),
)
def test_places_go_there_and_back_and_no_gap_opens(
    frame: tuple[int, int], room: tuple[int, int], moves: list[tuple[float, float, float, float]], ratio: float
) -> None:
    place = FramePlace()
    place.set_view(*room, ratio)
    place.set_frame(*frame)
    for x, y, factor, by in moves:
        place.zoom_at(QPointF(x, y), factor)
        place.pan(QPointF(by, -by))
    rect = place.rect()
    assert 1.0 <= place.zoom <= MAX_ZOOM
    for start, end, size in ((rect.left(), rect.right(), room[0]), (rect.top(), rect.bottom(), room[1])):
        fills = start <= 1.0 and end >= size - 1.0
        within = start >= -1.0 and end <= size + 1.0
        assert fills or within, "either all of it is in sight, or it fills the view"
    middle = place.visible().center()
    found = place.to_frame(middle)
    assert found is not None
    back = place.to_widget(found)
    assert (back.x(), back.y()) == pytest.approx((middle.x(), middle.y()), abs=1e-3)
    assert place.to_frame(rect.topLeft() - QPointF(1, 1)) is None
