"""Starts the window: settings, theme, widgets, then everything slow. GUI thread.

The window is on screen before torch, OpenCV or PyAV are imported; those load on the session's threads.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import shiboken6
from PySide6.QtCore import QTimer
from PySide6.QtGui import QFont, QFontInfo
from PySide6.QtWidgets import QApplication

from app.core.errors import AppError
from app.core.instance import Place
from app.core.live.events import LiveEvent
from app.core.logs import start_log, stop_log
from app.core.models import open_model, user_library, with_model_here
from app.core.paths import log_file, settings_file
from app.core.preload import preload_for, preload_media
from app.core.settings import ModelSettings, Settings
from app.core.settings_store import load_settings, save_settings
from app.core.sources.base import Source, SourceOptions
from app.core.sources.uri import open_source
from app.ui.faults.crash_offer import CrashOffer
from app.ui.faults.interrupts import closing_on_interrupt
from app.ui.faults.qt_messages import QtMessages, tell
from app.ui.faults.shutdown import stop_all
from app.ui.faults.uncaught_errors import Faults, tell_why_it_does_not_start
from app.ui.main_window import MainWindow
from app.ui.open_requests import Application, Arrivals, open_all
from app.ui.services.background import Background
from app.ui.services.controller import LiveController, Session
from app.ui.services.download_runner import DownloadRunner, Progress
from app.ui.services.export_runner import ExportRunner
from app.ui.services.library_client import LibraryClient
from app.ui.services.queue_runner import QueueRunner
from app.ui.services.settings_model import SettingsModel
from app.ui.widgets.icons import app_icon
from app.ui.widgets.theme import Theme
from detector.runtime.base import Detector

_log = logging.getLogger(__name__)


def make_session(on_results_ready: Callable[[], None], on_event: Callable[[LiveEvent], None]) -> Session:
    """The real live session."""
    from app.core.live import LiveSession

    return LiveSession(on_results_ready, on_event, detector_factory=_open_model, source_factory=_open_source)


def _open_model(model: ModelSettings) -> Detector:
    """Opens a model (detect thread); its libraries first, without stopping the window."""
    preload_for(model)
    return open_model(model)


def _open_source(uri: str, options: SourceOptions) -> Source:
    """Opens a source (capture thread), likewise."""
    preload_media()
    return open_source(uri, options)


def fetch_model(name: str, on_progress: Callable[[Progress], None], stop: threading.Event) -> str:
    """Fetches a model and puts it on the shelf (a worker); says what its file was compared with."""
    from app.core import downloads

    return downloads.fetch_model(name, on_progress=on_progress, stop=stop).verified


def build_window(application: QApplication, settings: Settings, path: Path | None) -> MainWindow:
    """Put the window together; ``path`` is where settings are kept, None for nowhere."""
    background = Background()

    def save(changed: Settings) -> None:
        if path is not None:
            save_settings(path, changed)

    model = SettingsModel(settings, save, background)
    theme = Theme(application, settings.window.theme)
    controller = LiveController(model, make_session)
    library = LibraryClient(user_library, background)
    downloads = DownloadRunner(background, fetch_model)
    exports, queue = ExportRunner(background), QueueRunner(background)
    return MainWindow(theme, model, background, controller, library, exports, downloads, queue)


def run(
    sources: Sequence[str] = (),
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    place: Place | None = None,
    on_closing: Callable[[], None] = lambda: None,
) -> int:
    """Open the window and stay until it is closed.

    Args:
        sources: What to look at; none for the last source, or the start page.
        overrides: Settings by section and name, for this run and later ones; a threshold for this run only.
        place: Through which later starts hand over what they were to open; given up at the end.
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
            return _run(application, sources, overrides or {}, place, on_closing)
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
    place: Place | None,
    on_closing: Callable[[], None],
) -> int:
    settings, problems = load_settings(settings_file())
    settings, gone = with_model_here(settings)
    problems += gone
    try:
        window = build_window(application, settings, settings_file())
    except Exception as error:
        tell_why_it_does_not_start(error)
        raise
    faults = Faults(window)
    faults.install()
    arrivals = Arrivals(window, place)
    window.closing.connect(on_closing)
    try:
        for section, values in overrides.items():
            for name, value in values.items():
                if (section, name) == ("detection", "threshold"):
                    window.settings.ask_threshold(value)
                else:
                    window.settings.set(section, name, value)
        window.show()
        starter = _Starter(window, arrivals, sources, problems)
        QTimer.singleShot(0, window, starter.begin)
        return _until_closed(application, window)
    finally:
        arrivals.close()
        faults.remove()
        # Now, whole and on this thread: left to Python's collector, its parts may go on a worker's, during a paint.
        shiboken6.delete(window)


def _until_closed(application: QApplication, window: MainWindow) -> int:
    signals: list[int] = []

    def close(number: int) -> None:
        signals.append(number)
        window.close_now()

    with closing_on_interrupt(close, window):
        code = application.exec()
    if signals:  # not the loop's own code: Qt ends the loop a second time, with 0, because the last window closed
        return 128 + signals[0]
    if code and not window.closed:
        window.closing.emit()
        stop_all(window)
        raise AppError(
            "The display is gone, and the window with it.", "Exports go on from where they were: start again."
        )
    return code


class _Starter:
    """What follows once the window is on screen."""

    def __init__(self, window: MainWindow, arrivals: Arrivals, sources: Sequence[str], problems: list[str]) -> None:
        self._window = window
        self._arrivals = arrivals
        self._sources = sources
        self._problems = problems
        self._crashes = CrashOffer(window, window.background)

    def begin(self) -> None:
        """Fill the lists, open the source."""
        window = self._window
        window.library.refresh_models()
        open_all(window, self._sources)
        self._arrivals.begin()
        window.exports.unfinished.look()
        self._crashes.look(self._open_last)
        if self._problems:
            window.stage.banner.tell("warning", self._problems[0], " ".join(self._problems[1:3]))

    def _open_last(self, crashed: bool) -> None:
        """What was open when the program was closed; not if it crashed, for it may do so again."""
        last = self._window.settings.current.source.last
        if last and not self._sources and not crashed and self._window.controller.session is None:
            self._window.open_source(last)
