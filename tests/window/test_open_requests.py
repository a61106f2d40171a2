"""What a later start, or the system, asks the open window to show."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton

from app.core.instance import InstanceLock, OpenRequest, claim_or_send
from app.core.paths import place_dir
from app.ui.main import show_request
from app.ui.open_requests import OpenRequests
from tests.support import window_process
from tests.support.qt_fakes import Desk

REQUEST = OpenRequest(("/films/Ünï 中.mp4", "rtsp://jane:pw@host/cam"), "token")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "instance"


@pytest.fixture
def answer_s() -> float:
    return 3.0


@pytest.fixture
def requests(table: Desk, folder: Path, answer_s: float) -> Iterator[OpenRequests]:
    instance = InstanceLock(folder)
    assert instance.claim()
    made = OpenRequests(instance, answer_s)
    made.received.connect(partial(show_request, table.window))
    table.window.closing.connect(made.refuse)
    made.begin()
    yield made
    made.close()


def test_the_window_opens_the_first_and_offers_to_export_all(
    table: Desk, requests: OpenRequests, folder: Path, tmp_path: Path
) -> None:
    files = tuple(str(tmp_path / name) for name in ("a.mp4", "b.mp4", "c.png"))
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(claim_or_send(InstanceLock(folder), OpenRequest(files))))
    table.window.showMinimized()
    thread.start()
    table.qtbot.waitUntil(lambda: bool(table.sessions))
    thread.join()
    assert answers == ["handed over"]
    assert table.session.calls[0][1] == files[0]
    assert not table.window.isMinimized()
    banner = table.services.banner
    assert banner.words[0] == "a.mp4 is shown, the first of 3."
    next(button for button in banner.findChildren(QPushButton) if button.text() == "Export all…").click()
    assert table.window.exports.queue is not None
    assert table.window.exports.queue.isVisible()


def test_a_model_file_is_shown_before_it_is_imported(table: Desk, tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(b"nothing")
    table.window.open_all([str(tmp_path / "net.pth")])
    assert table.sessions == []
    assert table.window.dialogs.models is not None
    sheet = table.window.dialogs.models.sheet
    assert sheet is not None
    table.qtbot.waitUntil(sheet.trouble.isVisible)


@pytest.mark.parametrize("answer_s", [0.05])
def test_a_window_that_is_stuck_opens_nothing_later(table: Desk, requests: OpenRequests, folder: Path) -> None:
    # On the GUI thread, which does nothing else meanwhile.
    assert claim_or_send(InstanceLock(folder), REQUEST) == "alone"
    table.qtbot.waitUntil(lambda: not table.background.busy)
    assert table.sessions == []


@pytest.mark.parametrize("answer_s", [0.5])
def test_a_window_that_closes_takes_nothing_more(table: Desk, requests: OpenRequests) -> None:
    """Else it would be shown again, and the file be lost with it."""
    answers: list[bool] = []
    table.window.close()
    thread = threading.Thread(target=lambda: answers.append(requests.offer(REQUEST)))
    thread.start()
    table.qtbot.waitUntil(lambda: bool(answers))
    thread.join()
    assert answers == [False]
    assert not table.window.isVisible()
    assert table.sessions == []


def test_the_real_thing(tmp_path: Path) -> None:
    clip = tmp_path / "Ünï 中.png"
    clip.write_bytes(b"no image")
    tell = """
    def look():
        if window.services.controller.uri:
            timer.stop()
            print(window.services.controller.uri, flush=True)
            window.close()
    timer = QTimer(window); timer.timeout.connect(look); timer.start(50)
    """
    first = window_process.start(tell)
    instance = InstanceLock(place_dir())
    while not instance.read_address():
        threading.Event().wait(0.01)
    command = [sys.executable, "-m", "app", str(clip)]
    second = subprocess.run(command, cwd=window_process.ROOT, capture_output=True, text=True, timeout=60)
    out, err = first.communicate(timeout=60)
    assert (second.returncode, second.stdout) == (0, ""), second.stderr
    assert second.stderr.startswith("ssd-viewer: Opened in the window that is there already")
    assert (first.returncode, out, err) == (0, f"{clip}\n", "")


def test_a_file_opened_by_the_system_is_heard_of() -> None:
    code = (
        "from PySide6.QtGui import QFileOpenEvent; from app.ui.open_requests import Application;"
        "application = Application([]); application.file_opened.connect(print);"
        "application.sendEvent(application, QFileOpenEvent('/films/a.mp4'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=window_process.ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "/films/a.mp4\n"), done.stderr
