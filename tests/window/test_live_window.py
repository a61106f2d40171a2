"""The window over the real live session: a 60 fps camera on the loopback; detectors slow, stuck or broken."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QTimer
from pytestqt.qtbot import QtBot

from app.core.live import LiveEvent, LiveSession, LiveState
from app.core.settings import DetectionSettings, ModelSettings, Settings
from app.ui.services.controller import Session
from detector.errors import DetectorError
from tests.support.fake_detector import FakeModels, busy_ms
from tests.support.media import make_video
from tests.support.qt_fakes import Desk, desk
from tools.fixtures.coded_images import read_frame_index
from tools.fixtures.mjpeg_server import MjpegServer

log = logging.getLogger(__name__)
_FOR_FAKE = Settings(model=ModelSettings(name="fake"), detection=DetectionSettings(threshold=0.5))


@pytest.fixture
def models() -> FakeModels:
    return FakeModels()


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path, models: FakeModels) -> Iterator[Desk]:
    def make(ready: Callable[[], None], event: Callable[[LiveEvent], None]) -> Session:
        return LiveSession(ready, event, detector_factory=models)

    with desk(qtbot, tmp_path, _FOR_FAKE, make) as made:
        yield made


class Heartbeat(QObject):
    """Remembers the longest time the GUI thread did not come round."""

    def __init__(self) -> None:
        super().__init__()
        self.longest_ms = 0.0
        self.beats = 0
        self._last = time.perf_counter()
        self._timer = QTimer(self)
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest_ms = max(self.longest_ms, (now - self._last) * 1000)
        self._last = now
        self.beats += 1


def _state(table: Desk) -> LiveState:
    session = table.controller.session
    assert session is not None
    return session.state


def test_slow_detector_and_fast_camera(table: Desk, models: FakeModels) -> None:
    models.work = busy_ms(300)
    view = table.window.stage.view
    shown: list[int] = []
    with MjpegServer(fps=60, size=(640, 360)) as camera:
        table.window.services.settings.set("source", "smooth", "off")
        table.window.open_source(camera.url)
        table.qtbot.waitUntil(lambda: view.result is not None and view.result.candidates is not None)
        bridge = table.controller.bridge
        assert bridge is not None
        posts, paints = bridge.results.posts, view.paints
        heart = Heartbeat()
        table.controller.frame.connect(lambda result: shown.append(result.frame.index))
        table.qtbot.waitUntil(lambda: len(shown) >= 8)
        stats = table.controller.stats()
        assert stats is not None
        log.info("longest GUI gap %.1f ms, frame age p95 %.1f ms", heart.longest_ms, stats.frame_age_p95_ms)
        assert bridge.results.posts - posts <= len(shown) + 1, "one wake-up for each result, however fast the camera"
        assert view.paints - paints <= 2 * len(shown) + 12, "painting follows results and figures, not the camera"
        assert shown == sorted(set(shown)), "pictures only ever go forward"
        result = view.result
        assert result is not None
        assert result.candidates is not None
        assert result.candidates.class_ids.tolist() == [read_frame_index(result.frame.image_bgr)]


def test_threshold_on_a_paused_video_runs_no_network(table: Desk, models: FakeModels, tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.mp4", frames=60)
    view = table.window.stage.view
    table.window.open_source(str(path))
    table.qtbot.waitUntil(lambda: view.result is not None and len(view.marks()) == 1)
    table.window.actions_by_name["play"].trigger()
    table.qtbot.waitUntil(lambda: _state(table) is LiveState.PAUSED)
    detector = models.made[-1]
    table.qtbot.waitUntil(lambda: view.result is not None and view.result.candidates is not None)
    table.qtbot.waitUntil(lambda: _is_still(table))
    before = detector.count
    for threshold, boxes in ((0.95, 0), (0.3, 1), (0.91, 0), (0.5, 1)):
        table.settings.set("detection", "threshold", threshold)
        assert len(view.marks()) == boxes
    table.settings.set("overlay", "palette", "single")
    view.grab()
    assert detector.count == before


def _is_still(table: Desk) -> bool:
    """Whether the picture on screen is the last the capture thread delivered."""
    session = table.controller.session
    result = table.window.stage.view.result
    assert isinstance(session, LiveSession)
    return result is not None and session.position_s == result.frame.pts_s


def test_stepping_through_a_paused_video(table: Desk, tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.mp4", frames=60)
    view = table.window.stage.view
    table.window.open_source(str(path))
    table.qtbot.waitUntil(lambda: table.controller.info is not None and view.result is not None)
    table.window.actions_by_name["play"].trigger()
    table.controller.playback.seek(1.0)
    table.qtbot.waitUntil(lambda: _shown_index(table) == 30)
    table.window.actions_by_name["step_forward"].trigger()
    table.qtbot.waitUntil(lambda: _shown_index(table) == 31)
    table.window.actions_by_name["step_back"].trigger()
    table.window.actions_by_name["step_back"].trigger()
    table.qtbot.waitUntil(lambda: _shown_index(table) == 29)


def _shown_index(table: Desk) -> int:
    result = table.window.stage.view.result
    return -1 if result is None else read_frame_index(result.frame.image_bgr)


def test_frame_goes_on_while_another_model_loads(table: Desk, models: FakeModels) -> None:
    view = table.window.stage.view
    with MjpegServer(fps=30) as camera:
        table.window.services.settings.set("source", "smooth", "off")
        table.window.open_source(camera.url)
        table.qtbot.waitUntil(lambda: view.result is not None and view.result.model == "fake")
        models.gate.clear()
        table.settings.set("model", "name", "second")
        table.qtbot.waitUntil(lambda: table.controller.loading == "second")
        index = view.result.frame.index if view.result else 0
        table.qtbot.waitUntil(lambda: view.result is not None and view.result.frame.index > index + 10)
        models.gate.set()
        table.qtbot.waitUntil(lambda: view.result is not None and view.result.model == "second")
    assert [detector.closed for detector in models.made][:1] == [True]
    assert table.window.status.shown()["model"].startswith("second")


def test_frames_go_on_while_the_menu_of_sources_is_open(table: Desk) -> None:
    view, menu = table.window.stage.view, table.window.camera_menu
    with MjpegServer(fps=30) as camera:
        table.window.services.settings.set("source", "smooth", "off")
        table.window.open_source(camera.url)
        table.qtbot.waitUntil(lambda: view.result is not None and view.result.model == "fake")
        QTimer.singleShot(10_000, menu, menu.close)  # by Qt alone: it is no use to wait for Python if nothing runs
        table.window.actions_by_name["cameras"].trigger()
        index = view.result.frame.index if view.result else 0
        table.qtbot.waitUntil(
            lambda: view.result is not None and view.result.model == "fake" and view.result.frame.index > index + 10
        )
        assert menu.isVisible()
        menu.close()


def test_broken_model_leaves_the_old_one_and_says_why(table: Desk, models: FakeModels) -> None:
    models.errors["broken"] = DetectorError("broken is cut short.", "Get it again.")
    view, banner = table.window.stage.view, table.services.banner
    with MjpegServer(fps=30) as camera:
        table.window.services.settings.set("source", "smooth", "off")
        table.window.open_source(camera.url)
        table.qtbot.waitUntil(lambda: view.result is not None and view.result.model == "fake")
        table.settings.set("model", "name", "broken")
        table.qtbot.waitUntil(banner.isVisible)
        assert banner.words[0] == "broken is cut short."
        assert table.settings.current.model.name == "fake", "the panel shows what really runs"
        index = view.result.frame.index if view.result else 0
        table.qtbot.waitUntil(
            lambda: view.result is not None and view.result.model == "fake" and view.result.frame.index > index
        )
    assert len(models.made) == 1, "the old one was not opened again"


@pytest.mark.parametrize("name", ["missing.mp4", "text.mp4", "no-such-folder"])
def test_bad_files_get_one_clear_line(table: Desk, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "text.mp4":
        path.write_text("this is no video")
    table.window.open_source(str(path))
    banner = table.services.banner
    table.qtbot.waitUntil(banner.isVisible)
    message, hint = banner.words
    assert banner.kind == "error"
    assert name in message
    assert "Traceback" not in message + hint
    assert table.window.stage.start.isVisible()


def test_stuck_detector_does_not_keep_the_window(table: Desk, models: FakeModels) -> None:
    stuck = threading.Event()
    models.work = lambda count: None if count == 0 else bool(stuck.wait(30)) and None
    with MjpegServer(fps=30) as camera:
        table.window.services.settings.set("source", "smooth", "off")
        table.window.open_source(camera.url)
        table.qtbot.waitUntil(lambda: bool(models.made) and models.made[0].count == 1)
        table.qtbot.waitUntil(lambda: table.controller.info is not None)
        table.window.actions_by_name["close_source"].trigger()
        assert table.window.stage.start.isVisible()
        stuck.set()
