"""The program from its start to its end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ui.faults.crash_offer import CrashOffer
from app.ui.main import run
from detector.bundled_files import default_model


def test_importing_the_window_loads_nothing_heavy_and_no_dialog(repository: Path) -> None:
    import subprocess

    code = (
        "import sys, app.ui.main;"
        "heavy = {'torch', 'torchvision', 'cv2', 'av', 'openvino', 'importlib.metadata', 'difflib'};"
        "dialogs = {'app.ui.about', 'app.ui.help_sheet', 'app.ui.export.export_dialog', 'app.ui.export.queue_dialog',"
        "           'app.ui.grid.grid_window', 'app.ui.models.models_dialog', 'app.ui.settings.preferences'};"
        "loaded = (heavy | dialogs) & set(sys.modules);"
        "sys.exit(repr(loaded) if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def loop(qtbot: QtBot) -> Iterator[None]:
    """For tests that run the application's own loop: a request to quit ends that of the test that made it, no other."""

    def forget() -> None:
        application = QApplication.instance()
        assert application is not None
        QCoreApplication.removePostedEvents(application, QEvent.Type.Quit.value)

    forget()
    yield
    forget()
    # One that was heard between two loops stays in force until the next begins: waits of later tests would end at once.
    QTimer.singleShot(0, QApplication.instance(), QApplication.quit)
    QApplication.exec()
    forget()


def test_run_opens_and_closes(loop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.core.paths import settings_file
    from app.core.settings_store import load_settings

    settings_file().parent.mkdir(parents=True)
    settings_file().write_text("{ broken")
    seen: list[str] = []

    def close() -> None:
        from app.ui.main_window import MainWindow

        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, MainWindow):
                seen.append(widget.services.banner.words[0])
                widget.close()

    QTimer.singleShot(400, QApplication.instance(), close)
    assert run((), {"detection": {"threshold": 0.25}}) == 0
    assert "damaged" in seen[0]
    settings, problems = load_settings(settings_file())
    assert problems == []
    assert settings.chosen.thresholds == {}, "it was asked for this run, not chosen"


@pytest.mark.parametrize(
    ("last", "at_start", "opened"),
    [
        ("camera:0", None, []),
        ("rtsp://***@10.0.0.9/live", None, []),
        ("10.0.0.9:554/live", None, []),
        ("/films/street.mp4", None, ["/films/street.mp4"]),
        ("/photos/summer", None, ["/photos/summer"]),
        ("camera:0", "any", ["camera:0"]),
        ("/films/street.mp4", "nothing", []),
    ],
)
def test_a_camera_starts_unasked_only_if_that_was_chosen(
    loop: None, monkeypatch: pytest.MonkeyPatch, last: str, at_start: str | None, opened: list[str]
) -> None:
    from app.core.paths import settings_file
    from app.ui.main_window import MainWindow

    seen: list[str] = []
    monkeypatch.setattr(MainWindow, "open_source", lambda _self, uri: seen.append(uri))
    settings_file().parent.mkdir(parents=True)
    source = {"last": last, "recent": [last]} | ({} if at_start is None else {"at_start": at_start})
    settings_file().write_text(json.dumps({"source": source}))

    def looked(self: CrashOffer, found: Callable[[bool], None]) -> None:
        found(False)
        for window in QApplication.topLevelWidgets():
            if isinstance(window, MainWindow):
                QTimer.singleShot(0, window, window.close)

    monkeypatch.setattr(CrashOffer, "look", looked)
    assert run() == 0
    assert seen == opened


def test_a_remembered_model_that_is_no_more_is_said_at_the_start(loop: None) -> None:
    from app.core.paths import settings_file

    settings_file().parent.mkdir(parents=True)
    settings_file().write_text('{"model": {"name": "voc"}}')
    seen: list[tuple[str, str]] = []

    def close() -> None:
        from app.ui.main_window import MainWindow

        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, MainWindow):
                seen.append((widget.services.banner.words[0], widget.services.settings.current.model.name))
                widget.close()

    QTimer.singleShot(400, QApplication.instance(), close)
    assert run() == 0
    (said, runs), *_ = seen
    assert "voc" in said
    assert runs == default_model()


def test_ctrl_c_ends_an_idle_window(loop: None) -> None:
    import os
    import signal
    import threading

    # From another thread: the GUI thread waits in Qt then, where Python's handlers do not run by themselves.
    strike = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    QTimer.singleShot(0, QApplication.instance(), strike.start)
    patience = QTimer()
    patience.timeout.connect(QApplication.quit)
    patience.start(20_000)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite run in the background ignores it
    try:
        assert run() == 130
        strike.join()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        patience.stop()
        signal.signal(signal.SIGINT, before)


def test_stuck_call_does_not_keep_the_process_alive(repository: Path) -> None:
    import subprocess

    code = (
        "import threading; from PySide6.QtCore import QTimer; from PySide6.QtWidgets import QApplication;"
        "app = QApplication([]);"
        "from app.core.settings import Settings; from app.ui.main import build_window;"
        "window = build_window(app, Settings(), None); window.show();"
        "window.services.background.run('stuck', threading.Event().wait, print);"
        "QTimer.singleShot(100, window, window.close);"
        "raise SystemExit(app.exec())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
