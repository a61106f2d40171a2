"""The list fills as a camera runs: classes, times of day, pictures; nothing can be kept or judged of what is gone."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from app.core.frames import Frame, FrameResult
from tests.support.qt_fakes import CAMERA, LABELS, VIDEO, Desk, make_candidates, make_frame
from tests.window.events.test_event_list import classes


def result_at(second: float, *found: tuple[float, float, float, float, float, int]) -> FrameResult:
    made = make_frame(grey=120)
    frame = Frame(made.image_bgr, made.image_bgra, 0, None, int((500 + second) * 1e9))
    return FrameResult(frame, make_candidates(*found), LABELS, "demo", 5.0, 1)


def test_the_list_fills_as_a_camera_runs(table: Desk) -> None:
    window = table.window
    panel = window.events.panel
    window.show_events()
    table.open(CAMERA, "camera:front")
    table.qtbot.waitUntil(panel.nothing.isVisible)
    for tenth in range(12):
        table.give(result_at(tenth / 10, (20 + tenth * 5, 20, 80 + tenth * 5, 120, 0.9, 1)))
    window.events.live._make()
    table.qtbot.waitUntil(lambda: classes(panel) == ["person"])
    row = panel.list.events.rows[0]
    assert row.duration_s == pytest.approx(1.1, abs=0.01)
    assert 0 <= row.start_s <= 86_400 + 60
    assert isinstance(panel.list.events.index(0).data(Qt.ItemDataRole.DecorationRole), QImage)
    for button in (panel.mark, panel.reject, panel.make_case):
        assert not button.isVisible()
    seeks = table.session.names().count("seek")
    panel.list.choose(0)
    assert window.events.player.overlay.isVisible()
    assert table.session.names().count("seek") == seeks
    panel.filters.search.setText("dog")
    table.qtbot.waitUntil(lambda: classes(panel) == [])
    panel.filters.show_all()
    table.settings.set("detection", "threshold", 0.95)
    table.qtbot.waitUntil(lambda: panel.count.text().startswith("0"))
    table.settings.set("detection", "threshold", 0.5)
    table.qtbot.waitUntil(lambda: classes(panel) == ["person"])


def test_another_source_begins_with_nothing(table: Desk) -> None:
    window = table.window
    window.show_events()
    table.open(CAMERA, "camera:front")
    for tenth in range(6):
        table.give(result_at(tenth / 10, (20, 20, 80, 120, 0.9, 1)))
    window.events.live._make()
    table.qtbot.waitUntil(lambda: classes(window.events.panel) == ["person"])
    table.open(VIDEO, "/films/street.mp4")
    assert not window.events.live.is_live
    table.qtbot.waitUntil(lambda: classes(window.events.panel) == [])
    assert not window.events.live._timer.isActive()
