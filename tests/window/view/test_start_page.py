"""The start page and the menu of sources."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.core.settings import Settings, SourceSettings
from app.ui.view.address_dialog import AddressDialog
from detector.labels import COCO80
from tests.support.model_files import ANIMALS, put_model
from tests.support.qt_fakes import Desk, desk


def test_starts_on_the_start_page(table: Desk) -> None:
    assert table.window.stage.start.isVisible()
    assert not table.window.stage.playback.isVisible()
    assert table.sessions == []


def test_the_start_page_says_what_the_chosen_model_sees(
    table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_model(tmp_path / "bundled", "everyday", COCO80)
    put_model(tmp_path / "bundled", "shapes", ("ring",), demo=True)
    put_model(tmp_path / "models", "pets", ANIMALS)
    start = table.window.stage.start
    table.settings.set("model", "name", "everyday")
    table.services.library.refresh_models()
    table.qtbot.waitUntil(lambda: start.model_text != "")
    assert "everyday finds 80 kinds" in start.model_text
    table.settings.set("model", "name", "pets")
    assert start.model_text.endswith("cat, dog, horse.")
    monkeypatch.setattr("app.ui.commands.sample_clip", lambda: Path(__file__))
    table.window.actions_by_name["sample"].trigger()
    assert "pets" in start.model_text, "it looks again afterwards"
    table.settings.set("model", "name", "demo")  # on purpose, though it runs already
    table.controller.close_source()
    assert start.model_text == "", "this shelf has none of that name"
    table.settings.set("model", "name", "shapes")
    assert "drawn shapes only" in start.model_text
    table.settings.set("model", "name", "gone")
    assert start.model_text == ""


def test_recent_sources_open_from_the_start_page(qtbot: QtBot, tmp_path: Path) -> None:
    recent = ("/films/a.mp4", "rtsp://user:secret@host/one")
    with desk(qtbot, tmp_path, Settings(source=SourceSettings(recent=recent))) as table:
        from app.ui.view.start_page import RecentRow

        rows = table.window.stage.start.findChildren(RecentRow)
        assert len(rows) == 2
        assert "secret" not in rows[1].toolTip() + rows[1].accessibleName()
        rows[0].click()
        assert table.session.calls[0][1] == "/films/a.mp4"


def test_every_kind_of_source_can_be_opened_from_the_start_page(table: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    start, opened = table.window.stage.start, []
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/films/a.mp4", ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/photos")
    monkeypatch.setattr(table.window.sources, "open", opened.append)
    start.file.click()
    start.folder.click()
    assert opened == ["/films/a.mp4", "/photos"]
    start.address.click()
    dialog = table.window.findChild(AddressDialog)
    assert dialog is not None
    dialog.reject()
    start.camera.click()
    assert table.window.camera_menu.isVisible()
    table.window.camera_menu.close()


def test_camera_menu_lists_cameras_off_the_gui_thread(table: Desk) -> None:
    import threading

    from app.core.sources.cameras import CameraInfo

    asked: list[threading.Thread] = []

    def listing() -> list[CameraInfo]:
        asked.append(threading.current_thread())
        return [CameraInfo(0, "Front & back", "usb-1", 200)]

    menu = table.window.camera_menu
    table.list_cameras = listing
    menu.refresh()
    table.qtbot.waitUntil(lambda: any(action.data() == "camera:usb-1" for action in menu.actions()))
    assert asked[0] is not threading.main_thread()
    next(action for action in menu.actions() if action.data() == "camera:usb-1").trigger()
    assert table.session.calls[0][1] == "camera:usb-1"


def test_the_menu_lists_screens_even_without_a_camera(table: Desk) -> None:
    from app.core.sources.screen import ScreenInfo

    table.list_cameras = lambda: [ScreenInfo(1, 640, 480), ScreenInfo(2, 800, 600)]
    menu = table.window.camera_menu
    menu.refresh()
    table.qtbot.waitUntil(lambda: any(action.data() == "screen:2" for action in menu.actions()))
    assert any(action.text() == "What to do…" for action in menu.actions())
    next(action for action in menu.actions() if action.data() == "screen:2").trigger()
    assert table.session.calls[0][1] == "screen:2"
