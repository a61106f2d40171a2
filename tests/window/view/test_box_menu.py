"""The mouse on boxes: the card, pinning, and the menu with what it does."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QAction, QContextMenuEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.core.paths import pictures_dir
from app.ui.view.video_view import VideoView
from tests.support.qt_fakes import VIDEO, Desk, make_candidates, make_result

FOUND = make_candidates((10, 10, 60, 60, 0.9, 1), (140, 80, 180, 100, 0.8, 0))
FREE = (300, 20)  # no box there


@pytest.fixture
def view(table: Desk) -> Iterator[VideoView]:
    table.open(VIDEO)
    table.give(make_result(FOUND))
    yield table.window.stage.view
    menu = table.window.box_menu.menu
    if menu is not None:
        menu.close()


def at(view: VideoView, x: float, y: float) -> QPoint:
    """The point of the view over a pixel of the frame."""
    return view.to_widget(QPointF(x / 320, y / 180)).toPoint()


def open_menu(table: Desk, x: float, y: float, reason: QContextMenuEvent.Reason | None = None) -> dict[str, QAction]:
    view = table.window.stage.view
    point = at(view, x, y)
    reason = reason or QContextMenuEvent.Reason.Mouse
    QApplication.sendEvent(view, QContextMenuEvent(reason, point, view.mapToGlobal(point)))
    menu = table.window.box_menu.menu
    assert menu is not None
    return {action.text(): action for action in menu.actions() if action.text()}


def test_the_mouse_shows_what_a_box_is(view: VideoView) -> None:
    before = view.grab().toImage()
    QTest.mouseMove(view, at(view, 30, 30))
    assert view.selection.hovered == 0
    assert view.grab().toImage() != before
    QTest.mouseMove(view, at(view, *FREE))
    assert view.selection.hovered is None
    assert view.grab().toImage() == before


def test_a_click_pins_others_are_dimmed_and_escape_lets_go(table: Desk, view: VideoView) -> None:
    other = view.marks()[0]
    assert other.row == 1
    corner = QPoint(round(other.rect[0]), round((other.rect[1] + other.rect[3]) / 2))
    plain = view.grab().toImage().pixelColor(corner)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(view, 30, 30))
    QTest.mouseMove(view, at(view, *FREE))
    assert view.selection.pinned == 0
    dimmed = view.grab().toImage().pixelColor(corner)
    grey = 90
    assert abs(dimmed.red() - grey) < abs(plain.red() - grey)
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert not view.selection.is_pinned
    assert view.grab().toImage().pixelColor(corner) == plain


def test_a_double_click_leaves_the_pin_as_it_was(table: Desk, view: VideoView) -> None:
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(view, 30, 30))
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(view, 150, 90))  # the first of two
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton, pos=at(view, 150, 90))
    assert table.window.isFullScreen()
    assert view.selection.pinned == 0


def test_a_key_steps_through_the_boxes(table: Desk, view: VideoView) -> None:
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_B)
    QTest.keyClick(view, Qt.Key.Key_B)
    assert view.selection.pinned == 1
    QTest.keyClick(view, Qt.Key.Key_B, Qt.KeyboardModifier.ShiftModifier)
    assert view.selection.pinned == 0


def test_only_this_class_and_hide_it(table: Desk, view: VideoView) -> None:
    open_menu(table, 30, 30)["Show only “person”"].trigger()
    assert table.settings.current.detection.classes == ("person",)
    assert not open_menu(table, 30, 30)["Hide “person”"].isEnabled(), "that would show everything again"
    table.settings.set("detection", "classes", ())
    open_menu(table, 30, 30)["Hide “person”"].trigger()
    assert table.settings.current.detection.classes == ("car", "dog")
    assert view.detections().class_ids.tolist() == [0]


def test_what_is_in_the_box_is_copied_and_saved(table: Desk, view: VideoView) -> None:
    open_menu(table, 150, 90)["Copy what is in the box"].trigger()
    copied = QGuiApplication.clipboard().image()
    assert copied.size().toTuple() == (40, 20)
    assert copied.pixelColor(5, 5).getRgb() == (90, 90, 90, 255)
    open_menu(table, 150, 90)["Save what is in the box"].trigger()
    table.qtbot.waitUntil(lambda: table.services.banner.kind == "success" and not table.background.busy)
    (saved,) = pictures_dir().iterdir()
    assert saved.name.startswith("street.mp4-car-") or saved.name.startswith("street-car-")
    pixels = QImage(str(saved))
    assert pixels.size().toTuple() == (40, 20)


def test_a_zone_or_a_mask_is_asked_for(table: Desk, view: VideoView) -> None:
    zones: list[QPointF] = []
    masks: list[QRectF] = []
    view.zone_asked.connect(zones.append)
    view.mask_asked.connect(masks.append)
    open_menu(table, *FREE)["Start a zone here"].trigger()
    np.testing.assert_allclose(zones[0].toTuple(), (FREE[0] / 320, FREE[1] / 180), atol=2e-3)
    assert "Make a mask of this box" not in open_menu(table, *FREE)
    open_menu(table, 150, 90)["Make a mask of this box"].trigger()
    np.testing.assert_allclose(masks[0].getRect(), (140 / 320, 80 / 180, 40 / 320, 20 / 180), atol=1e-6)


def test_the_menu_key_means_the_pinned_box(table: Desk, view: VideoView) -> None:
    view.step_box(-1)
    entries = open_menu(table, *FREE, QContextMenuEvent.Reason.Keyboard)
    assert "Show only “car”" in entries


def test_no_menu_where_there_is_nothing_to_choose(table: Desk, view: VideoView) -> None:
    assert not open_menu(table, 160, -8), "beside the frame"
