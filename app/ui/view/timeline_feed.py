"""Keeps the timeline up to date: the store of an analysed video is read once, the rows are made for each threshold.

GUI thread; both are done on workers. Of thresholds that change faster than rows are made, the last one counts.
"""

from __future__ import annotations

import threading
from pathlib import Path

from PySide6.QtCore import QObject

from app.core.candidate_cache.store import CandidateStore
from app.core.errors import ExplainedError
from app.core.live.appearances import ClassRow, Survey, survey
from app.core.live.events import ModelReady
from app.core.palette import model_colours
from app.ui.services.background import Background
from app.ui.services.controller import LiveController
from app.ui.services.settings_model import SettingsModel
from app.ui.view.timeline import Timeline


class TimelineFeed(QObject):
    """Feeds one timeline.

    Args:
        timeline: Shows.
        controller: Says when results come from a store.
        settings: Threshold, classes, palette.
        background: Reads and reckons.
    """

    def __init__(
        self, timeline: Timeline, controller: LiveController, settings: SettingsModel, background: Background
    ) -> None:
        super().__init__()
        self._timeline, self._settings, self._background = timeline, settings, background
        self._stop = threading.Event()
        self._survey: Survey | None = None
        self._rows: tuple[ClassRow, ...] = ()
        self._busy = self._again = False
        controller.opening.connect(self._forget)
        controller.closed.connect(self._forget)
        controller.model_lost.connect(self._forget)
        controller.model_ready.connect(self._model_ready)
        settings.changed.connect(self._setting_changed)

    def stop(self) -> None:
        """The window closes: end what is being read."""
        self._stop.set()

    def _forget(self) -> None:
        self._stop.set()
        self._stop = threading.Event()
        self._survey, self._rows = None, ()
        self._timeline.clear()

    def _model_ready(self, model: ModelReady) -> None:
        self._forget()
        if model.kept is None:
            return
        path, stop = model.kept, self._stop

        def read() -> Survey | None:
            return _survey_of(path, stop)

        def done(found: Survey | None) -> None:
            if not stop.is_set():
                self._survey = found
                self._reckon()

        self._background.run("timeline", read, done)

    def _setting_changed(self, section: str, name: str) -> None:
        if (section, name) in (("detection", "threshold"), ("detection", "classes")):
            self._reckon()
        elif (section, name) == ("overlay", "palette"):
            self._show()

    def _reckon(self) -> None:
        made = self._survey
        if made is None:
            return
        if self._busy:
            self._again = True
            return
        self._busy, self._again = True, False
        detection, stop = self._settings.current.detection, self._stop

        def done(rows: tuple[ClassRow, ...]) -> None:
            self._busy = False
            if not stop.is_set():
                self._rows = rows
                self._show()
            if self._again or stop.is_set():
                self._reckon()

        self._background.run(
            "timeline-rows", lambda: made.rows(detection.threshold, detection.classes), done, self._failed
        )

    def _failed(self, _error: ExplainedError) -> None:
        self._busy = False

    def _show(self) -> None:
        made = self._survey
        if made is not None:
            colours = model_colours(made.labels, self._settings.current.overlay.palette)
            self._timeline.show_rows(self._rows, colours, made.end_s)


def _survey_of(path: Path, stop: threading.Event) -> Survey | None:
    with CandidateStore.open(path) as store:
        return survey(store, stop)
