"""Starts the window: settings, theme, widgets, then everything slow. GUI thread.

The window is on screen before torch, OpenCV or PyAV are imported; those load on the session's threads.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import shiboken6
from PySide6.QtCore import QTimer
from PySide6.QtGui import QFont, QFontInfo
from PySide6.QtWidgets import QApplication

from app.core.errors import AppError
from app.core.events.scene_store import SceneStore
from app.core.instance import InstanceLock, OpenRequest
from app.core.logs import start_log, stop_log
from app.core.models import user_library, with_model_here
from app.core.paths import log_file, settings_file
from app.core.settings import Settings
from app.core.settings_store import load_settings, save_settings
from app.ui.faults.crash_offer import CrashOffer
from app.ui.faults.interrupts import closing_on_interrupt
from app.ui.faults.qt_messages import QtMessages, tell
from app.ui.faults.shutdown import stop_all
from app.ui.faults.uncaught_errors import UncaughtErrors, tell_why_it_does_not_start
from app.ui.main_window import MainWindow
from app.ui.open_requests import Application, OpenRequests, bring_to_front
from app.ui.services.background import Background
from app.ui.services.controller import LiveController
from app.ui.services.download_runner import DownloadRunner
from app.ui.services.export_runner import ExportRunner, make_job
from app.ui.services.garbage import GarbageCollector
from app.ui.services.library_client import LibraryClient
from app.ui.services.live_session import make_session, make_shared_sessions
from app.ui.services.optimise_runner import OptimiseRunner
from app.ui.services.queue_runner import QueueRunner
from app.ui.services.scene_model import SceneModel
from app.ui.services.services import Services
from app.ui.services.settings_model import SettingsModel
from app.ui.services.several_sources import SeveralSources
from app.ui.source_opener import opens_by_itself
from app.ui.widgets.banner import Banner
from app.ui.widgets.icons import app_icon
from app.ui.widgets.theme import Theme


def build_services(application: QApplication, settings: Settings, path: Path | None) -> Services:
    """Makes what the window works with; ``path`` is where settings are kept, None for nowhere."""
    background = Background()

    def save(changed: Settings) -> None:
        if path is not None:
            save_settings(path, changed)

    model = SettingsModel(settings, save, background)
    theme = Theme(application, settings.window.theme)
    library = LibraryClient(user_library, background)
    controller = LiveController(model, make_session)
    scenes = SceneModel(SceneStore(), controller, background)
    return Services(
        theme=theme,
        settings=model,
        background=background,
        controller=controller,
        scenes=scenes,
        several=SeveralSources(model, scenes, make_shared_sessions()),
        library=library,
        downloads=DownloadRunner(background),
        optimising=OptimiseRunner(library),
        exports=ExportRunner(background),
        analyses=ExportRunner(background, make_job),
        queue=QueueRunner(background),
        banner=Banner(theme),
    )


def build_window(application: QApplication, settings: Settings, path: Path | None) -> MainWindow:
    """Puts the window together; ``path`` is where settings are kept, None for nowhere."""
    return MainWindow(build_services(application, settings, path))


def run(
    sources: Sequence[str] = (),
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    instance: InstanceLock | None = None,
    on_closing: Callable[[], None] = lambda: None,
) -> int:
    """Open the window and stay until it is closed.

    Args:
        sources: What to look at; none for the last source, or the start page.
        overrides: Settings by section and name, for this run and later ones; a threshold for this run only.
        instance: Through which later starts ask for what they were to open; given up at the end.
        on_closing: Called when the window begins to close.

    Returns:
        The exit code; 128 and the signal's number when one ended it.

    Raises:
        AppError: The display went away.
    """
    log = start_log(log_file())
    with QtMessages() as messages:
        try:
            application = _application()
            messages.up = True
            if not QFontInfo(QFont()).family():  # families have names even where there is no font of them
                tell("There are no fonts, so the window has no words. Install some, e.g. fonts-dejavu-core.")
            return _run(application, sources, overrides or {}, instance, on_closing)
        finally:
            stop_log(log)


def _application() -> QApplication:
    application = QApplication.instance() or Application(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("ssd-viewer")
    application.setDesktopFileName("ssd-viewer")
    application.setWindowIcon(app_icon())
    # A thread that wants to run Python waits this long for one that does not let go, the GUI thread many times a paint.
    sys.setswitchinterval(0.001)
    return application


def _run(
    application: QApplication,
    sources: Sequence[str],
    overrides: Mapping[str, Mapping[str, Any]],
    instance: InstanceLock | None,
    on_closing: Callable[[], None],
) -> int:
    signals: list[int] = []
    windows: list[MainWindow] = []

    def close(number: int) -> None:
        signals.append(number)
        windows[0].close_now()  # the loop calls, which runs once the window is there

    # Around all of it: an interrupt that is raised while Qt lays the window out ends in Qt's code, as a crash.
    with closing_on_interrupt(close):
        window, problems = _built(application)
        windows.append(window)
        faults = UncaughtErrors(window)
        faults.install()
        requests = OpenRequests(instance)
        requests.received.connect(partial(show_request, window))
        for begins_to_close in (requests.refuse, on_closing):
            window.closing.connect(begins_to_close)
        try:
            _override(window.services.settings, overrides)
            window.show()
            starter = _Starter(window, requests, sources, problems)
            QTimer.singleShot(0, window, starter.begin)
            code = _until_closed(application, window)
        finally:
            requests.close()
            faults.remove()
            # Now, whole and on this thread: left to Python's collector, its parts may go on a worker's, during a paint.
            shiboken6.delete(window)
    # Not the loop's own code: Qt ends the loop a second time, with 0, because the last window closed.
    return 128 + signals[0] if signals else code


def _built(application: QApplication) -> tuple[MainWindow, list[str]]:
    """Returns the window, and what was wrong with the settings."""
    settings, problems = load_settings(settings_file())
    settings, gone = with_model_here(settings)
    try:
        return build_window(application, settings, settings_file()), [*problems, *gone]
    except Exception as error:
        tell_why_it_does_not_start(error)
        raise


def _override(settings: SettingsModel, overrides: Mapping[str, Mapping[str, Any]]) -> None:
    for section, values in overrides.items():
        for name, value in values.items():
            if (section, name) == ("detection", "threshold"):
                settings.ask_threshold(value)
            else:
                settings.set(section, name, value)


def show_request(window: MainWindow, request: OpenRequest) -> None:
    """Brings the window to the front, and shows in it what is asked for."""
    bring_to_front(window, request.activation)
    window.open_all(request.sources)


def _until_closed(application: QApplication, window: MainWindow) -> int:
    garbage = GarbageCollector(application)
    code = application.exec()
    garbage.close()
    if code and not window.closed:
        window.closing.emit()
        stop_all(window.services)
        raise AppError(
            "The display is gone, and the window with it.", "Exports go on from where they were: start again."
        )
    return code


class _Starter:
    """Does what follows once the window is on screen."""

    def __init__(
        self, window: MainWindow, requests: OpenRequests, sources: Sequence[str], problems: Sequence[str]
    ) -> None:
        self._window, self._requests = window, requests
        self._sources, self._problems = sources, problems
        self._crashes = CrashOffer(window, window.services.background)

    def begin(self) -> None:
        """Fill the lists, open the source."""
        services = self._window.services
        services.library.refresh_models()
        self._window.open_all(self._sources)
        self._requests.begin()
        self._window.exports.unfinished.look()
        self._window.record.finish_interrupted()
        self._crashes.look(self._open_last)
        if self._problems:
            services.banner.tell("warning", self._problems[0], " ".join(self._problems[1:3]))

    def _open_last(self, crashed: bool) -> None:
        """Open what was open when the program was closed, if it may; not after a crash, for it may crash again."""
        services = self._window.services
        source = services.settings.current.source
        free = not self._sources and not crashed and services.controller.session is None
        if free and opens_by_itself(source.last, source.at_start):
            self._window.open_source(source.last)
