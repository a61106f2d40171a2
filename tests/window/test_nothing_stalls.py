"""Whatever is open over the window, the threads that feed it go on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QWidget

from tests.support.qt_fakes import Desk

_TURNS = 200
_GIVE_UP_MS = 5000


class Worker(QObject):
    """A thread that needs the interpreter again and again, and says when it has had it ``_TURNS`` times."""

    done = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ssdv-test-worker")

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self.stop.set()
        self._thread.join()

    def _run(self) -> None:
        for _ in range(_TURNS):
            if self.stop.wait(0.001):
                return
        self.done.emit()


def _close_what_is_open(window: QWidget) -> None:
    for widget in (QApplication.activePopupWidget(), QApplication.activeModalWidget()):
        if widget is not None:
            widget.close()
    for other in QApplication.topLevelWidgets():
        if other is not window and other.isVisible():
            other.close()


@pytest.mark.parametrize(
    "action",
    ["cameras", "open_file", "open_folder", "open_address", "import_model", "models", "export", "export_many", "help",
     "diagnostics", "about"],
)  # fmt: skip
def test_threads_go_on_while_a_menu_or_dialog_is_open(
    table: Desk, action: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    worker, went_on = Worker(), []
    opened: list[str] = []

    def finished() -> None:
        shown = (widget for widget in QApplication.topLevelWidgets() if widget.isVisible())
        opened.extend(type(widget).__name__ for widget in shown if widget is not table.window)
        went_on.append(True)
        _close_what_is_open(table.window)

    worker.done.connect(finished, Qt.ConnectionType.QueuedConnection)
    given_up = QTimer(table.window)
    given_up.setSingleShot(True)
    given_up.timeout.connect(lambda: _close_what_is_open(table.window))
    given_up.start(_GIVE_UP_MS)
    try:
        worker.start()
        table.window.actions_by_name[action].trigger()
        table.qtbot.waitUntil(lambda: bool(went_on) or not given_up.isActive(), timeout=2 * _GIVE_UP_MS)
    finally:
        worker.end()
        given_up.stop()
        _close_what_is_open(table.window)
    assert went_on, "it had its turns only after everything was closed"
    assert opened


def test_the_start_pages_card_lists_cameras_like_the_menu_does(table: Desk) -> None:
    from app.core.sources.cameras import CameraInfo

    table.list_cameras = lambda: [CameraInfo(0, "Front camera", "usb-1", 200)]
    menu = table.window.camera_menu
    QTimer.singleShot(_GIVE_UP_MS, menu, menu.close)
    table.window.stage.start.camera.click()
    assert menu.isVisible(), "and it has come back while the menu is open"
    table.qtbot.waitUntil(lambda: any(action.text() == "Front camera" for action in menu.actions()))
    menu.close()
    table.window.actions_by_name["cameras"].trigger()
    assert menu.isVisible()
    menu.close()
