"""Windows fit on their screen with the frame that the system adds, also where a scale factor makes it small."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QScreen
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from app.core.settings import Settings
from app.ui.widgets.screen_room import place_of
from tests.support.qt_checks import settle
from tests.support.qt_fakes import desk

_FRAME = 40  # pixels; of title bars that window managers draw
_SCREENS = {"1366 x 768 at 2": QSize(683, 384), "1600 x 900 at 1.5": QSize(1067, 600), "1280 x 800": QSize(1280, 800)}


@pytest.mark.parametrize("screen", _SCREENS.values(), ids=_SCREENS)
@pytest.mark.parametrize("remembered", [False, True])
def test_windows_leave_room_for_their_frames(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, screen: QSize, remembered: bool
) -> None:
    settings = Settings()
    if remembered:
        before = QMainWindow()
        qtbot.addWidget(before)
        before.resize(1240, 780)
        geometry = place_of(before)
        settings = replace(settings, window=replace(settings.window, geometry=geometry))
    monkeypatch.setattr(QScreen, "availableSize", lambda _screen: screen)
    with desk(qtbot, tmp_path, settings) as table:
        models = table.window.dialogs.show_models()
        table.window.dialogs.show_preferences()
        table.window.exports.show_one(None)
        table.window.exports.show_many()
        windows = (table.window.dialogs.preferences, table.window.exports.dialog, table.window.exports.queue)
        settle()
        for window in (table.window, models, *windows):
            assert window is not None
            assert window.height() + _FRAME <= screen.height(), type(window).__name__
            assert window.width() <= screen.width(), type(window).__name__
