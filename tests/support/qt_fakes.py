"""Stand-ins for the engine room, so that the window can be tested by itself: frames, a session, an export job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.channels import LatestSlot
from app.core.errors import AppError
from app.core.events.masks import Masks
from app.core.events.scene_store import SceneStore
from app.core.export.request import ExportCancelledError, ExportProgress, ExportReport, ExportRequest
from app.core.frames import Frame, FrameResult, ImageBGRA, SourceInfo
from app.core.live.events import LiveEvent, LiveState, ModelLoading, ModelReady, SourceOpened, StateChanged
from app.core.settings import Choices, DetectionSettings, ModelSettings, Settings
from app.core.sources.base import SourceOptions
from app.core.stats import LiveStats
from app.ui.camera_menu import ListCameras
from app.ui.main_window import MainWindow
from app.ui.services.background import Background
from app.ui.services.controller import LiveController
from app.ui.services.download_runner import DownloadRunner, Fetch, FetchProgress
from app.ui.services.export_runner import ExportRunner
from app.ui.services.library_client import LibraryClient
from app.ui.services.live_session import MakeSession
from app.ui.services.optimise_runner import OptimiseRunner
from app.ui.services.queue_runner import QueueRunner
from app.ui.services.scene_model import SceneModel
from app.ui.services.services import Services
from app.ui.services.settings_model import SettingsModel
from app.ui.services.several_sources import SeveralSources
from app.ui.widgets.banner import Banner
from app.ui.widgets.theme import Theme
from detector.detections import Candidates
from detector.library import ModelLibrary
from detector.spec import InputSpec, ModelSpec
from tests.support.qt_checks import show_active
from tests.support.queue_jobs import StepJobs

LABELS = ("car", "person", "dog")
SPEC = ModelSpec("demo", "ssd-vgg16", LABELS, InputSpec(300, 300), demo=True)


def make_frame(
    width: int = 320, height: int = 180, index: int = 0, grey: int = 90, pts_s: Fraction | None = None
) -> Frame:
    """A frame of one grey."""
    bgra = np.full((height, width, 4), grey, np.uint8)
    bgra[..., 3] = 255
    bgr = np.ascontiguousarray(bgra[..., :3])
    for array in (bgr, bgra):
        array.flags.writeable = False
    return Frame(bgr, bgra, index, pts_s, time.monotonic_ns())


def make_candidates(*found: tuple[float, float, float, float, float, int]) -> Candidates:
    """From (x1, y1, x2, y2, score, class)."""
    rows = sorted(found, key=lambda row: -row[4])
    return Candidates(
        np.array([row[:4] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[4] for row in rows], np.float32),
        np.array([row[5] for row in rows], np.int32),
    )


def make_result(candidates: Candidates | None = None, frame: Frame | None = None) -> FrameResult:
    """A frame with what was found in it."""
    return FrameResult(frame or make_frame(), candidates, LABELS, "demo", 5.0, time.monotonic_ns())


@dataclass
class FakeSession:
    """Does what it is told and remembers it; frames come when the test gives them."""

    on_results_ready: Callable[[], None]
    on_event: Callable[[LiveEvent], None]
    results: LatestSlot[FrameResult] = field(default_factory=LatestSlot)
    state: LiveState = LiveState.IDLE
    calls: list[tuple[object, ...]] = field(default_factory=list)
    painted: list[FrameResult] = field(default_factory=list)
    stop_delay: threading.Event | None = None
    goes_on: bool = False
    """Whether the present source stays until another is open; the test then says what comes of that."""

    def start(self, uri: str, options: SourceOptions, model: ModelSettings, detection: DetectionSettings) -> bool:
        self.calls.append(("start", uri, options, model, detection))
        if not self.goes_on:
            self.enter(LiveState.STARTING)
        return self.goes_on

    def keep_source(self) -> None:
        self.calls.append(("keep_source",))

    def enter(self, state: LiveState) -> None:
        self.state = state
        self.on_event(StateChanged(state))

    def open_as(self, info: SourceInfo, model: bool = True) -> None:
        """The source turned out to be ``info``."""
        self.on_event(SourceOpened(info))
        if model:
            self.on_event(ModelLoading("demo"))
            self.on_event(ModelReady(SPEC, "torch_cpu", "cpu", "fp32", (), 0.1))
        self.enter(LiveState.RUNNING)

    def give(self, result: FrameResult) -> None:
        if self.results.put(result):
            self.on_results_ready()

    def pause(self) -> None:
        self.calls.append(("pause",))
        self.enter(LiveState.PAUSED)

    def resume(self) -> None:
        self.calls.append(("resume",))
        self.enter(LiveState.RUNNING)

    def seek(self, pts_s: Fraction) -> None:
        self.calls.append(("seek", pts_s))

    def step(self, frames: int) -> None:
        self.calls.append(("step", frames))

    def set_loop(self, loop: bool) -> None:
        self.calls.append(("set_loop", loop))

    def set_iou(self, iou: float) -> None:
        self.calls.append(("set_iou", iou))

    def set_smoothing(self, mode: str) -> None:
        self.calls.append(("set_smoothing", mode))

    def set_threshold(self, threshold: float) -> None:
        self.calls.append(("set_threshold", threshold))

    def set_masks(self, masks: Masks) -> None:
        self.calls.append(("set_masks", masks))

    def rest(self, resting: bool) -> None:
        self.calls.append(("rest", resting))

    def look_again(self) -> None:
        self.calls.append(("look_again",))

    def switch_model(self, model: ModelSettings) -> None:
        self.calls.append(("switch_model", model))

    def stop(self, deadline_s: float = 3.0) -> bool:
        self.calls.append(("stop", deadline_s))
        self.state = LiveState.IDLE
        self.results.close()
        return True

    def stats(self) -> LiveStats:
        return LiveStats(29.97, 12.4, 29.5, 38.0, 71.0, 81.0, 95.0, 153)

    def mark_painted(self, result: FrameResult) -> None:
        self.painted.append(result)

    def names(self) -> list[object]:
        """The calls, in order."""
        return [call[0] for call in self.calls]


VIDEO = SourceInfo("video", "street.mp4", 320, 180, Fraction(25), Fraction(10), 250, seekable=True)
CAMERA = SourceInfo("camera", "Front camera", 320, 180, Fraction(30))


@dataclass
class FakeJob:
    """Writes nothing; ends when the test lets it."""

    request: ExportRequest
    on_progress: Callable[[ExportProgress], None]
    go: threading.Event = field(default_factory=threading.Event)
    started: threading.Event = field(default_factory=threading.Event)
    cancelled: bool = False
    resumed: bool = False
    telling_frame: ImageBGRA | None = None
    error: Exception | None = None
    kept: Path | None = None
    """Where it says that it keeps what it found."""

    def run(self) -> ExportReport:
        self.on_progress(ExportProgress("running", 50, 200, 25.0, 6.0))
        self.started.set()
        assert self.go.wait(60)
        if self.error is not None:
            raise self.error
        if self.cancelled:
            raise ExportCancelledError("Cancelled.")
        data = tuple(file.path for file in self.request.data)
        return ExportReport(
            self.request.source, self.request.output, data, "demo", "cpu", "fp32", 200, 321, {"car": 300, "dog": 21},
            8.0, "libx264", 0, ("The second subtitle track was left out.",), telling_frame=self.telling_frame,
            cache=self.kept,
        )  # fmt: skip

    def cancel(self) -> None:
        self.cancelled = True
        self.go.set()

    def resume(self) -> None:
        self.resumed = True


@dataclass(frozen=True)
class FakeProgress:
    """Stands for ``detector.download.DownloadProgress``."""

    done_bytes: int
    total_bytes: int | None
    bytes_per_s: float


@dataclass
class FakeFetch:
    """A download that goes on, fails or ends when the test says so."""

    name: str
    report: Callable[[FetchProgress], None]
    stop: threading.Event
    go: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None
    kept: str = ""
    arrive: Callable[[], object] = lambda: None
    """Puts the model into the library."""

    def run(self) -> str:
        while not self.go.wait(0.01):
            if self.stop.is_set():
                raise AppError("The download was stopped.", self.kept)
        if self.error is not None:
            raise self.error
        self.arrive()
        return "net.pth: SHA-256 abc, which nobody published."


def application() -> QApplication:
    """The one that pytest-qt made."""
    found = QApplication.instance()
    assert isinstance(found, QApplication)
    return found


class Desk:
    """A window with everything around it faked."""

    def __init__(
        self, qtbot: QtBot, tmp_path: Path, settings: Settings | None = None, make_session: MakeSession | None = None
    ) -> None:
        self.qtbot = qtbot
        self.sessions: list[FakeSession] = []
        self.jobs: list[FakeJob] = []
        self.saved: list[Settings] = []
        self.save: Callable[[Settings], None] = self.saved.append
        self.devices: Choices = (("cpu", "CPU"),)
        self.background = Background()
        self.settings = SettingsModel(settings or Settings(), lambda changed: self.save(changed), self.background)
        self.theme = Theme(application(), (settings or Settings()).window.theme)
        self.controller = LiveController(self.settings, make_session or self._make_session)
        self.scenes = SceneModel(SceneStore(tmp_path / "scenes"), self.controller, self.background)
        self.library = LibraryClient(
            lambda: ModelLibrary(tmp_path / "models", tmp_path / "bundled"), self.background, lambda: self.devices
        )
        self.exports = ExportRunner(self.background, self._make_job)
        self.analyses = ExportRunner(self.background, self._make_job)
        self.queued = StepJobs()
        self.queue = QueueRunner(self.background, self.queued)
        self.fetches: list[FakeFetch] = []
        self.fetch: Fetch = self._fetch
        self.downloads = DownloadRunner(self.background, lambda *asked: self.fetch(*asked))
        self.services = Services(
            theme=self.theme,
            settings=self.settings,
            background=self.background,
            controller=self.controller,
            scenes=self.scenes,
            several=SeveralSources(self.settings, self.scenes, self._make_session),
            library=self.library,
            downloads=self.downloads,
            optimising=OptimiseRunner(self.library),
            exports=self.exports,
            analyses=self.analyses,
            queue=self.queue,
            banner=Banner(self.theme),
        )
        self.list_cameras: ListCameras = list
        self.window = MainWindow(self.services, lambda: self.list_cameras())
        self.window.exports.notifier.ways = ()  # whoever runs the tests has a desktop of their own

    @property
    def session(self) -> FakeSession:
        return self.sessions[-1]

    def open(self, info: SourceInfo = VIDEO, uri: str = "/films/street.mp4") -> FakeSession:
        """Open a source and let it arrive."""
        self.window.open_source(uri)
        self.session.open_as(info)
        self.qtbot.waitUntil(lambda: self.controller.info is info)
        return self.session

    def give(self, result: FrameResult) -> None:
        """A result, on the view when this returns."""
        self.session.give(result)
        self.qtbot.waitUntil(lambda: self.window.stage.view.result is result)

    def _make_session(self, ready: Callable[[], None], event: Callable[[LiveEvent], None]) -> FakeSession:
        self.sessions.append(FakeSession(ready, event))
        return self.sessions[-1]

    def _fetch(self, name: str, report: Callable[[FetchProgress], None], stop: threading.Event) -> str:
        self.fetches.append(FakeFetch(name, report, stop))
        return self.fetches[-1].run()

    def _make_job(self, request: ExportRequest, progress: Callable[[ExportProgress], None]) -> FakeJob:
        self.jobs.append(FakeJob(request, progress))
        return self.jobs[-1]


@contextmanager
def desk(
    qtbot: QtBot, tmp_path: Path, settings: Settings | None = None, make_session: MakeSession | None = None
) -> Iterator[Desk]:
    """A shown window, closed at the end; over fake sessions unless ``make_session`` says otherwise."""
    made = Desk(qtbot, tmp_path, settings, make_session)
    show_active(qtbot, made.window)
    try:
        yield made
    finally:
        for job in made.jobs:
            job.cancel()
        for fetch in made.fetches:
            fetch.go.set()
        made.queue.queue.cancel()
        qtbot.waitUntil(lambda: not made.services.exporting)
        made.window.close()
        made.background.close(5.0)
        made.window.deleteLater()
