"""Whatever hangs, the process ends soon after its window is closed: real hangs, in processes of their own.

What hangs here hangs for ever, so that a broken promise is a test that runs into its limit.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import window_process
from tests.support.media import make_video

CLOSE = """
def close():
    print("closing", flush=True)
    window.close()
"""
WHEN_OPENING = CLOSE + "QTimer.singleShot(500, window, close)"


def _closes(act: str, *arguments: str | Path, code: int = 0) -> None:
    ended = window_process.run(act, *arguments)
    assert (ended.returncode, ended.stdout) == (code, "closing\n"), ended.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe")
def test_a_file_that_never_answers(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "stuck.mp4")
    _closes(WHEN_OPENING, tmp_path / "stuck.mp4")


@pytest.fixture
def black_hole() -> Iterator[str]:
    """Takes calls and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_stream_that_never_answers(black_hole: str, scheme: str) -> None:
    _closes(WHEN_OPENING, f"{scheme}://{black_hole}/cam")


STUCK_SOURCE = """
import threading
from app.ui.services import live_session
from app.core.frames import SourceInfo
stuck = threading.Event()
class Camera:
    info, reopen_uri = SourceInfo("camera", "stuck", 64, 48), "camera:7"
    def take_notes(self):
        return ()
    def read(self):
        stuck.set()
        HANG
    def close(self):
        HANG
live_session.open_live_source = lambda uri, options: Camera()
timer = QTimer(window)
timer.timeout.connect(lambda: stuck.is_set() and (timer.stop(), close()))
timer.start(20)
window.open_source("camera:7")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="pause() is POSIX")
def test_a_camera_stuck_in_its_driver() -> None:
    _closes(CLOSE + STUCK_SOURCE.replace("HANG", "import ctypes; ctypes.CDLL(None).pause()"))


STUCK_MODEL = """
import threading
from app.ui.services import live_session
stuck = threading.Event()
def hang(model):
    stuck.set()
    HANG
live_session.open_live_model = hang
timer = QTimer(window)
timer.timeout.connect(lambda: stuck.is_set() and (timer.stop(), close()))
timer.start(20)
"""


def test_an_engine_that_hangs(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4")
    _closes(CLOSE + STUCK_MODEL.replace("HANG", "threading.Event().wait()"), clip)


@pytest.mark.skipif(sys.platform == "win32", reason="pause() is POSIX")
def test_what_hangs_with_the_interpreter_in_hand(tmp_path: Path) -> None:
    """No Python code runs any more, so that only the last resort is left; the log says where it hung."""
    hang = "import ctypes; ctypes.PyDLL(None).pause()"
    act = (
        CLOSE
        + f"""
import threading
def hang():
    {hang}
window.closing.connect(lambda: threading.Thread(target=hang, daemon=True).start())
QTimer.singleShot(100, window, close)
"""
    )
    _closes(act, code=1)
    from app.core.paths import log_file

    text = log_file().read_text()
    assert "Timeout (0:00:02.9" in text
    assert "in hang" in text


def test_exports_that_hang(tmp_path: Path) -> None:
    act = f"""
    import threading
    from pathlib import Path
    from app.core.export import job_protocol
    from app.core.export.request import ExportRequest
    stuck = threading.Event()
    class Job:
        def __init__(self, *_):
            pass
        def run(self):
            stuck.set()
            threading.Event().wait()
        def cancel(self):
            pass
        pause = resume = cancel
    request = ExportRequest(Path({str(tmp_path / "a.mp4")!r}), Path({str(tmp_path / "b.mp4")!r}))
    job_protocol.make_job = Job
    window.services.exports.start(request)
    window.services.queue.add_again([request])
    def close():
        if stuck.is_set():
            timer.stop()
            print("closing", flush=True)
            window.close_now()
    timer = QTimer(window); timer.timeout.connect(close); timer.start(20)
    """
    _closes(act)
