"""The window itself: keys, panel, full screen, theme, and what is kept when it closes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from pytestqt.qtbot import QtBot

from app.core.errors import AppError
from app.core.settings import Settings, WindowSettings
from app.ui.actions import ACTIONS
from app.ui.widgets.colours import DARK, LIGHT
from tests.support.qt_fakes import VIDEO, Desk, desk


def test_keys_belong_to_the_control_in_focus(table: Desk) -> None:
    session = table.open(VIDEO)
    slider = table.window.panel.editors["detection", "threshold"].slider  # type: ignore[attr-defined] # a NumberEditor
    slider.setFocus()
    table.qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert table.settings.current.detection.threshold == pytest.approx(0.51)
    assert session.names() == ["start", "set_threshold"]


def test_letters_stay_shortcuts_after_a_model_was_chosen(table: Desk) -> None:
    table.open(VIDEO)
    combo = table.window.panel.editors["model", "name"].combo  # type: ignore[attr-defined] # a ChoiceEditor
    combo.setFocus()
    before = table.settings.current.overlay.show_labels
    table.qtbot.keyClick(combo, Qt.Key.Key_T)
    assert table.settings.current.overlay.show_labels != before


def test_arrows_step_through_the_video_after_a_click_in_the_class_list(table: Desk) -> None:
    session = table.open(VIDEO)
    classes = table.window.panel.editors["detection", "classes"].list  # type: ignore[attr-defined] # a ClassFilter
    table.qtbot.waitUntil(lambda: classes.count() == 3)
    table.qtbot.mouseClick(
        classes.viewport(), Qt.MouseButton.LeftButton, pos=classes.visualItemRect(classes.item(1)).center()
    )
    classes.setFocus()
    before = len(session.calls)
    table.qtbot.keyClick(classes, Qt.Key.Key_Right)
    table.qtbot.keyClick(classes, Qt.Key.Key_Left)
    assert [call for call in session.calls[before:] if call[0] == "step"] == [("step", 1), ("step", -1)]
    chosen = table.settings.current.detection.classes
    table.qtbot.keyClick(classes, Qt.Key.Key_Space)
    assert table.settings.current.detection.classes != chosen, "Space ticks, as in any list"


def test_threshold_keys(table: Desk) -> None:
    table.window.actions_by_name["higher"].trigger()
    assert table.settings.current.detection.threshold == pytest.approx(0.55)
    for _ in range(20):
        table.window.actions_by_name["lower"].trigger()
    assert table.settings.current.detection.threshold == 0.0


def test_shortcuts_are_unique_and_do_something(table: Desk) -> None:
    keys = [key for spec in ACTIONS for key in spec.keys]
    assert len(keys) == len(set(keys))
    assert {spec.name for spec in ACTIONS} == set(table.window.actions_by_name)
    for action in table.window.findChildren(QAction):
        for shortcut in action.shortcuts():
            assert shortcut.toString(), action.text()


def test_help_sheet_and_about_name_everything(table: Desk) -> None:
    from PySide6.QtWidgets import QLabel

    from app.ui.about import COMPONENTS, AboutDialog
    from app.ui.help_sheet import HelpSheet

    words = {label.text() for label in HelpSheet(table.window).findChildren(QLabel)}
    for spec in ACTIONS:
        if spec.keys:
            assert spec.text.removesuffix("…") in words
    about = " ".join(label.text() for label in AboutDialog(table.window).findChildren(QLabel))
    for name, _, licence in COMPONENTS:
        assert name in about
        assert licence in about


def test_escape_leaves_full_screen_then_dismisses(table: Desk) -> None:
    table.open(VIDEO)
    table.services.banner.tell("error", "It failed.")
    table.window.actions_by_name["fullscreen"].trigger()
    assert table.window.isFullScreen()
    assert not table.window.top_bar.isVisible()
    assert not table.window.panel.isVisible()
    table.window.actions_by_name["escape"].trigger()
    assert not table.window.isFullScreen()
    assert table.window.top_bar.isVisible()
    assert table.window.panel.isVisible()
    assert table.window.stage.playback.isVisible()
    table.window.actions_by_name["escape"].trigger()
    assert not table.services.banner.isVisible()


def test_panel_makes_room_in_a_narrow_window(table: Desk) -> None:
    window = table.window
    assert window.panel.isVisible()
    window.resize(500, 400)
    assert not window.panel.isVisible()
    assert not window.actions_by_name["panel"].isChecked()
    window.actions_by_name["panel"].trigger()
    assert window.panel.isVisible()
    assert window.stage.width() == window.body.split.width(), "the panel lies over the picture"
    window.resize(1200, 700)
    assert window.panel.isVisible()
    assert window.stage.width() + window.side.width() == window.body.split.width()


def test_theme_follows_the_setting(table: Desk) -> None:
    table.settings.set("window", "theme", "light")
    assert table.theme.colours is LIGHT
    table.settings.set("window", "theme", "dark")
    assert table.theme.colours is DARK


def test_settings_and_place_are_kept_at_close(qtbot: QtBot, tmp_path: Path) -> None:
    with desk(qtbot, tmp_path) as table:
        table.open(VIDEO)
        table.window.resize(700, 560)
        table.settings.set("detection", "threshold", 0.8)
    kept = table.saved[-1]
    assert kept.detection.threshold == 0.8
    assert kept.source.last == "/films/street.mp4"
    assert table.session.names()[-1] == "stop"
    with desk(qtbot, tmp_path, Settings(window=WindowSettings(geometry=kept.window.geometry))) as again:
        assert again.window.size().toTuple() == (700, 560)


def test_broken_geometry_is_ignored(qtbot: QtBot, tmp_path: Path) -> None:
    with desk(qtbot, tmp_path, Settings(window=WindowSettings(geometry="not ♥ base64"))) as table:
        assert table.window.isVisible()


@pytest.mark.expects_log
def test_full_disk_does_not_keep_the_window_open(table: Desk) -> None:
    def fail(_settings: Settings) -> None:
        raise AppError("The disk is full.")

    table.save = fail
    table.settings.set("detection", "threshold", 0.9)
    assert table.window.close()
    assert not table.window.isVisible()


def test_quitting_during_an_export_asks_first(table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.core.export.request import ExportRequest

    table.window.exports.show_one(None)
    table.exports.start(ExportRequest(tmp_path / "a.mp4", tmp_path / "b.mp4"))
    table.qtbot.waitUntil(lambda: bool(table.jobs) and table.jobs[0].started.is_set())
    answers = iter((False, True))
    monkeypatch.setattr("app.ui.export.export_windows.confirmed", lambda *_a, **_k: next(answers))
    assert not table.window.close()
    assert table.window.isVisible()
    assert table.window.close()
    assert table.jobs[0].cancelled
    assert table.window.exports.dialog is not None
    assert not table.window.exports.dialog.isVisible()  # else Qt closes it as the last window: it asks, and never ends
    assert not table.exports.running
