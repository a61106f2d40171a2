"""What is said over the view on a full screen, where no status bar says it."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel

from app.ui.view.stage import Stage
from tests.support.qt_fakes import CAMERA, Desk, make_result


def said(stage: Stage) -> dict[str, str]:
    """The words in sight, and what screen readers say of them."""
    if not stage.sign.isVisible():
        return {}
    labels = stage.sign.findChildren(QLabel)
    return {label.text(): label.accessibleName() for label in labels if label.isVisible() and label.text()}


@pytest.fixture
def stage(table: Desk) -> Stage:
    table.open(CAMERA, "camera:0")
    table.give(make_result())
    return table.window.stage


def test_only_a_full_screen_has_it_and_only_while_there_is_something_to_say(table: Desk, stage: Stage) -> None:
    alarms, record = table.window.alarms.status, table.window.record.status
    seen = [said(stage)]
    record.emit("Recording 0:12  ·  3 MB", "0:12")
    seen.append(said(stage))
    table.window.set_fullscreen(True)
    seen.append(said(stage))
    alarms.emit("Armed  ·  2 events", "Armed")
    seen.append(said(stage))
    record.emit("", "")
    seen.append(said(stage))
    table.window.set_fullscreen(False)
    seen.append(said(stage))
    recording, armed = {"0:12": "Recording 0:12  ·  3 MB"}, {"Armed": "Armed  ·  2 events"}
    assert seen == [{}, {}, recording, recording | armed, armed, {}]


def test_it_lies_in_the_corner_beside_the_zoom_and_lets_clicks_through(table: Desk, stage: Stage) -> None:
    table.window.set_fullscreen(True)
    table.window.alarms.status.emit("Armed  ·  0 events", "Armed")
    sign, plate, view = stage.sign, stage.view.zoom_plate, stage.view
    corner = sign.geometry()
    assert view.rect().contains(corner)
    assert corner.center().x() > view.width() * 0.8
    assert view.childAt(corner.center()) is None
    view.zoom_in()
    assert plate.isVisible()
    assert sign.geometry().right() < plate.geometry().left()
    view.zoom_to_fit()
    assert sign.geometry() == corner
    table.window.resize(800, 500)
    assert view.rect().contains(sign.geometry())
    stage.set_covered(300, None)
    assert sign.geometry().right() < view.width() - 300
