"""What a screen reader is told of the window: by AT-SPI, and by the same interface within the process."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QWidget

from app.core.live.events import LiveState, ModelReady
from app.ui.view.spoken import boxes_text, place_of
from detector.detections import Detections
from tests.support import window_process
from tests.support.qt_checks import pixel
from tests.support.qt_fakes import CAMERA, LABELS, SPEC, VIDEO, Desk, make_candidates, make_result
from tests.support.screen_reader import AccessibilityBus, accessibility_bus
from tests.support.x_server import x_server

PATIENCE_S = 90.0
_SHAPE = re.compile("(circle|square|triangle|star|cross|heart|ring|arrow)")
FOUND = make_candidates((10, 10, 60, 60, 0.9, 1), (140, 80, 180, 100, 0.8, 1), (270, 130, 310, 170, 0.6, 2))


def interfaces(root: QAccessibleInterface) -> Iterator[QAccessibleInterface]:
    """All below an interface that are on screen."""
    for number in range(root.childCount()):
        child = root.child(number)
        if child is not None and child.isValid() and not child.state().invisible:  # type: ignore[attr-defined]
            yield child
            yield from interfaces(child)


def nameless(window: QWidget) -> list[str]:
    """What the keyboard reaches and nobody could name."""
    root = QAccessible.queryAccessibleInterface(window)
    return [
        type(found.object()).__name__
        for found in interfaces(root)
        if found.state().focusable and not found.text(QAccessible.Text.Name)  # type: ignore[attr-defined]
    ]


def test_everything_that_the_keyboard_reaches_has_a_name(table: Desk) -> None:
    assert nameless(table.window) == []
    table.open(VIDEO)
    table.give(make_result(FOUND))
    assert nameless(table.window) == []
    table.open(CAMERA, "camera:0")
    assert nameless(table.window) == []


def test_the_frame_is_described_and_its_boxes_are_while_it_stands_still(table: Desk) -> None:
    session = table.open(VIDEO)
    session.on_event(ModelReady(replace(SPEC, demo=False), "openvino", "cpu", "bf16", (), 1.0))
    table.give(make_result(FOUND))
    view = table.window.stage.view
    table.qtbot.waitUntil(lambda: view.accessibleDescription() == "2 persons, 1 dog")
    assert view.accessibleName() == "Video: street.mp4"
    session.enter(LiveState.PAUSED)
    said = "2 persons, 1 dog. person, top left, 0.90; person, in the middle, 0.80; dog, bottom right, 0.60"
    table.qtbot.waitUntil(lambda: view.accessibleDescription() == said)


def test_boxes_are_objects_in_their_places_while_nothing_moves(table: Desk) -> None:
    session = table.open(VIDEO)
    table.give(make_result(FOUND))
    view = table.window.stage.view
    root = QAccessible.queryAccessibleInterface(view)

    def told() -> dict[str, QRect]:
        found = [each for each in interfaces(root) if " px" in each.text(QAccessible.Text.Name)]
        return {each.text(QAccessible.Text.Name): each.rect() for each in found}

    table.qtbot.waitUntil(lambda: bool(view.accessibleDescription()))
    assert told() == {}, "nobody could keep up"
    session.enter(LiveState.PAUSED)
    table.qtbot.waitUntil(lambda: len(told()) == 3)
    first, second, third = told().items()
    assert [name.split(",")[0] for name, _ in (first, second, third)] == [
        "person  ·  0.90",
        "person  ·  0.80",
        "dog  ·  0.60",
    ]
    corner = view.mapToGlobal(view.to_widget(QPointF(140 / 320, 80 / 180)))
    assert (second[1].topLeft() - corner.toPoint()).manhattanLength() <= 2
    view.zoom_in()
    assert list(told().values())[1].width() > second[1].width()
    session.enter(LiveState.RUNNING)
    table.qtbot.waitUntil(lambda: told() == {})


def test_the_keyboard_reaches_the_frame_and_shows_it(table: Desk) -> None:
    table.open(VIDEO)
    view = table.window.stage.view
    accent = table.theme.colours.accent
    colour = tuple(int(accent[at : at + 2], 16) for at in (1, 3, 5))
    view.setFocus(Qt.FocusReason.MouseFocusReason)
    assert pixel(view, 1, 1) != colour
    view.clearFocus()
    view.setFocus(Qt.FocusReason.TabFocusReason)
    assert pixel(view, 1, 1) == colour


def test_places_in_words() -> None:
    assert place_of(0.5, 0.5) == "in the middle"
    assert (place_of(0.1, 0.5), place_of(0.5, 0.99), place_of(1.0, 0.0)) == ("left", "bottom", "top right")
    many = Detections(np.zeros((20, 4), np.float32), np.full(20, 0.9, np.float32), np.zeros(20, np.int32))
    assert boxes_text(many, LABELS, (100, 100)).endswith("; and 8 more")
    assert boxes_text(Detections.empty(), LABELS, (100, 100)) == ""


_PAUSED = """
window.actions_by_name['sample'].trigger()
def pause(result):
    if len(window.stage.view.detections()) and not window.services.controller.playback.is_paused:
        window.services.controller.playback.toggle_pause()
window.stage.view.painted.connect(pause)
"""


def _told(bus: AccessibilityBus) -> tuple[str, list[str]]:
    """What is said of the video in the program's window, and of what is in it; nothing until anything is."""
    for program in bus.programs():
        for node in bus.walk(program):
            if node.name == "Video: demo.mp4":
                inside = bus.children(node.owner, node.path)
                return node.description, [child.name for child in inside if _SHAPE.match(child.name)]
    return "", []


def test_a_screen_reader_hears_what_is_in_the_video(tmp_path: Path) -> None:
    with x_server() as display, accessibility_bus(tmp_path) as (session, bus):
        environment = {
            "DISPLAY": display.name,
            "QT_QPA_PLATFORM": "xcb",
            "DBUS_SESSION_BUS_ADDRESS": session,
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
        }
        with window_process.start(_PAUSED, environment=environment) as program:
            try:
                said, boxes, patience = "", list[str](), time.monotonic() + PATIENCE_S
                while not (re.match(r"\d+ [a-z]+", said) and boxes) and time.monotonic() < patience:
                    assert program.poll() is None, program.communicate()
                    said, boxes = _told(bus)
            finally:
                program.kill()
    counted = re.match(rf"\d+ {_SHAPE.pattern}", said)
    assert counted, said
    assert boxes
