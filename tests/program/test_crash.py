"""Crashes really made in other processes, and faults nobody caught: told once, and nothing else is lost by them."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.core.crash_files import CrashFile, begin_crash_file, new_reports
from app.core.paths import crashes_dir
from app.ui.faults.report_dialog import ReportDialog
from app.ui.faults.uncaught_errors import UncaughtErrors
from tests.support import window_process
from tests.support.qt_fakes import Desk, desk

CRASH = "import faulthandler, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); faulthandler._sigsegv()"

posix = pytest.mark.skipif(sys.platform == "win32", reason="ends by a signal")


def _crash(folder: Path, how: str = CRASH) -> int:
    code = f"from pathlib import Path; from app.core.crash_files import CrashFile; CrashFile(Path({str(folder)!r})); "
    return subprocess.run(
        [sys.executable, "-c", code + how], cwd=window_process.ROOT, timeout=60, check=False
    ).returncode


@posix
def test_a_crash_is_told_once(tmp_path: Path) -> None:
    folder = tmp_path / "ünï 中"
    assert _crash(folder) == -signal.SIGSEGV
    (report,) = new_reports(folder)
    assert report.cause == "Segmentation fault"
    assert report.text.startswith("ssd-viewer ")
    assert 'File "<string>", line 1 in <module>' in report.text
    assert report.path.read_text(encoding="utf-8") == report.text
    assert new_reports(folder) == ()
    assert list(folder.iterdir()) == [report.path]


@posix
def test_an_abort_is_a_crash_and_a_kill_is_none(tmp_path: Path) -> None:
    no_core = CRASH.rpartition(";")[0]
    assert _crash(tmp_path, f"{no_core}; import os; os.abort()") == -signal.SIGABRT
    assert _crash(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)") == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    assert [report.cause for report in new_reports(tmp_path)] == ["Aborted"]
    assert len(list(tmp_path.iterdir())) == 1


@posix
def test_another_window_that_runs_is_no_crash(tmp_path: Path) -> None:
    other = CrashFile(tmp_path)
    _crash(tmp_path)
    assert len(new_reports(tmp_path)) == 1
    assert other.path.is_file()
    other.end()
    assert faulthandler.is_enabled(), "pytest's own"
    assert not other.path.exists()
    assert new_reports(tmp_path) == ()


@posix
def test_reports_do_not_pile_up(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"running-{number}-{number:012}.txt").write_text("ssd-viewer\n\nFatal Python error: Aborted\n")
    assert len(new_reports(tmp_path)) == 30
    assert len(list(tmp_path.glob("crash-*.txt"))) == 10


def test_a_folder_that_cannot_be_written_is_no_obstacle() -> None:
    crashes_dir().parent.mkdir(parents=True)
    crashes_dir().write_text("a file is in its way")
    assert begin_crash_file() is None
    assert new_reports() == ()


TELL = """
def look():
    dialog = next((w for w in QApplication.topLevelWidgets() if type(w).__name__ == "ReportDialog"), None)
    if dialog is not None or not window.services.background.busy:
        timer.stop()
        print(dialog.report.toPlainText() if dialog else "nothing to tell", window.services.controller.uri, flush=True)
        window.close()
timer = QTimer(window); timer.timeout.connect(look); timer.start(50)
"""


@posix
def test_a_window_that_crashed_says_so_at_the_next_start_and_not_after(tmp_path: Path) -> None:
    clip = tmp_path / "holiday.png"
    clip.write_bytes(b"no frame")
    remember = f"window.services.settings.set('source', 'last', {str(clip)!r}); window.services.settings.flush()"
    crashed = window_process.run(f"{remember}; {CRASH}")
    assert crashed.returncode == -signal.SIGSEGV, crashed.stderr
    second = window_process.run(TELL)
    assert second.returncode == 0, second.stderr
    assert "Fatal Python error: Segmentation fault" in second.stdout
    assert str(clip) not in second.stdout, "what may have crashed it is not opened again by itself"
    third = window_process.run(TELL)
    assert third.returncode == 0, third.stderr
    assert third.stdout == f"nothing to tell {clip}\n"
    assert [path.name[:6] for path in crashes_dir().iterdir()] == ["crash-"]


# UncaughtErrors of Python


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    with desk(qtbot, tmp_path) as made:
        yield made


@pytest.fixture
def faults(table: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[UncaughtErrors]:
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    monkeypatch.setattr(threading, "excepthook", lambda *_: None)
    made = UncaughtErrors(table.window)
    made.install()
    yield made
    made.remove()


def _break(message: str) -> None:
    raise ValueError(message)


def _dialogs(table: Desk) -> list[ReportDialog]:
    return [dialog for dialog in table.window.findChildren(ReportDialog) if dialog.isVisible()]


@pytest.mark.qt_no_exception_capture
@pytest.mark.expects_log
def test_a_fault_in_a_slot_is_shown_once_however_often_it_comes(
    table: Desk, faults: UncaughtErrors, caplog: pytest.LogCaptureFixture
) -> None:
    timer = QTimer()
    left = iter(range(12))

    def tick() -> None:
        if next(left, None) is None:
            timer.stop()
        else:
            _break("at rtsp://jane:hunter2@example.org/cam")

    timer.timeout.connect(tick)
    with caplog.at_level(logging.ERROR, "app"):
        timer.start(0)
        table.qtbot.waitUntil(lambda: not timer.isActive())
        table.qtbot.waitUntil(lambda: bool(_dialogs(table)))
    (dialog,) = _dialogs(table)
    assert dialog is faults.dialog
    assert dialog.report.toPlainText().count("ValueError: at rtsp://***@example.org/cam") == 1
    assert "in tick" in dialog.report.toPlainText()
    assert len(caplog.records) == 2  # the first, and that it came ten times
    dialog.copy.click()
    assert QGuiApplication.clipboard().text() == dialog.report.toPlainText()
    assert table.window.isVisible()
    dialog.reject()


@pytest.mark.qt_no_exception_capture
@pytest.mark.expects_log
def test_a_fault_in_a_thread_joins_the_one_that_is_shown(table: Desk, faults: UncaughtErrors) -> None:
    QTimer.singleShot(0, table.window, lambda: _break("first"))
    table.qtbot.waitUntil(lambda: bool(_dialogs(table)))
    thread = threading.Thread(target=lambda: {}["second"], name="ssdv-odd")
    thread.start()
    thread.join()
    (dialog,) = _dialogs(table)
    table.qtbot.waitUntil(lambda: "KeyError: 'second'" in dialog.report.toPlainText())
    assert "In ssdv-odd:" in dialog.report.toPlainText()
    assert len(_dialogs(table)) == 1
    dialog.reject()


@pytest.mark.qt_no_exception_capture
@pytest.mark.expects_log
def test_an_export_goes_on_through_a_fault_in_the_window(table: Desk, faults: UncaughtErrors, tmp_path: Path) -> None:
    from app.core.export.request import ExportRequest

    done: list[object] = []
    table.exports.finished.connect(done.append)
    table.exports.start(ExportRequest(tmp_path / "a.mp4", tmp_path / "b.mp4"))
    table.qtbot.waitUntil(lambda: bool(table.jobs) and table.jobs[0].started.is_set())
    QTimer.singleShot(0, table.window, lambda: _break("meanwhile"))
    table.qtbot.waitUntil(lambda: bool(_dialogs(table)))
    table.jobs[0].go.set()
    table.qtbot.waitUntil(lambda: bool(done))


def test_hooks_are_put_back(table: Desk) -> None:
    before = sys.excepthook, threading.excepthook
    made = UncaughtErrors(table.window)
    made.install()
    assert (sys.excepthook, threading.excepthook) != before
    made.remove()
    assert (sys.excepthook, threading.excepthook) == before


@pytest.mark.skipif(sys.platform != "linux", reason="kills an X server")
def test_a_display_that_goes_away_is_one_line_and_no_crash(tmp_path: Path) -> None:
    from tests.support.x_server import x_server

    with x_server() as display:
        act = f"""
            import os, signal

            def end_display():
                # While the window comes up, Xlib may notice first, and ends the process by itself.
                on_screen = window.windowHandle().isExposed()
                step = (lambda: os.kill({display.pid}, signal.SIGKILL)) if on_screen else end_display
                QTimer.singleShot(0, window, step)

            end_display()
        """
        there = {"DISPLAY": display.name, "QT_QPA_PLATFORM": "xcb", "WAYLAND_DISPLAY": ""}
        ended = window_process.run(act, environment=there)
    assert ended.returncode == 1
    assert ended.stderr.startswith("ssd-viewer: The display is gone")
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert os.listdir(crashes_dir()) == []  # noqa: PTH208 - nothing to do with them but to count them
