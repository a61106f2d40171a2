"""Keeps the timeline up to date: the store of an analysed video is read once, the rows are made for each threshold.

GUI thread; both are done on workers. Of thresholds that change faster than rows are made, the last one counts. While
the video is being analysed, its store is read on from time to time.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from PySide6.QtCore import QObject

from app.core.candidate_cache.lookup import unfinished_store
from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_facts import StoreError
from app.core.errors import ExplainedError
from app.core.events.masks import Masks
from app.core.events.scene import Scene
from app.core.export.request import ExportProgress, ExportRequest
from app.core.live.appearances import ClassRow, GrowingSurvey, Survey, survey
from app.core.live.events import ModelReady
from app.core.palette import model_colours
from app.ui.services.background import Background
from app.ui.services.controller import LiveController
from app.ui.services.settings_model import SettingsModel
from app.ui.view.timeline import Timeline

_READ_EVERY_S = 2.0


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
        self._controller = controller
        self._stop = threading.Event()
        self._survey: Survey | None = None
        self._rows: tuple[ClassRow, ...] = ()
        self._busy = self._again = False
        self._growth: _Growth | None = None
        self._kept: Path | None = None
        self._masks: Masks = ()
        controller.opening.connect(self._forget)
        controller.closed.connect(self._forget)
        controller.model_lost.connect(self._forget)
        controller.model_ready.connect(self._model_ready)
        settings.changed.connect(self._setting_changed)

    def set_scene(self, scene: Scene) -> None:
        """Count nothing in the masks of the source."""
        if scene.ignored != self._masks:
            self._masks = scene.ignored
            if self._kept is not None:
                self._read(self._kept)

    def stop(self) -> None:
        """The window closes: end what is being read."""
        self._stop.set()

    def grow(self, request: ExportRequest) -> None:
        """An analysis begins: of the video that is looked at, show what it has found, from time to time."""
        self._growth = _Growth(request)

    def grown(self, progress: ExportProgress) -> None:
        """It came on."""
        growth, now = self._growth, time.monotonic()
        if growth is None or progress.stage != "running" or growth.reading or now < growth.next_s:
            return
        if self._controller.video_file != growth.request.source:
            return
        growth.reading, stop, masks = True, self._stop, self._masks

        def read() -> Survey | None:
            return growth.read(stop, masks)

        def done(found: Survey | None) -> None:
            growth.reading, growth.next_s = False, time.monotonic() + _READ_EVERY_S
            if found is not None and self._growth is growth and not stop.is_set():
                self._survey = found
                self._reckon()

        self._background.run("timeline-growth", read, done, self._growth_failed)

    def stop_growing(self) -> None:
        """The analysis is over."""
        self._growth = None

    def _growth_failed(self, _error: ExplainedError) -> None:
        self._growth = None  # the timeline comes in the end

    def _renew(self) -> None:
        self._stop.set()
        self._stop = threading.Event()

    def _forget(self) -> None:
        self._renew()
        self._survey, self._rows, self._kept = None, (), None
        self._timeline.clear()

    def _model_ready(self, model: ModelReady) -> None:
        if model.kept is None:
            self._forget()
        else:
            self._read(model.kept)

    def _read(self, path: Path) -> None:
        """Read a complete store; the rows of before stay until the new ones are there."""
        self._renew()
        self._kept, stop, masks = path, self._stop, self._masks

        def read() -> Survey | None:
            return _survey_of(path, stop, masks)

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


class _Growth:
    """The store that an analysis fills; ``read`` is called on one worker at a time."""

    def __init__(self, request: ExportRequest) -> None:
        self.request = request
        self.reading = False
        self.next_s = 0.0
        self._path: Path | None = None
        self._made: GrowingSurvey | None = None
        self._room = 0  # frames for which it is cut into pieces
        self._masks: Masks = ()

    def read(self, stop: threading.Event, masks: Masks) -> Survey | None:
        """Returns what was found so far; None where that cannot be told."""
        if self._path is None:
            found = unfinished_store(self.request.store_folder, self.request.source)
            if found is None:
                return None
            self._path = found[0]
        try:
            with CandidateStore.open(self._path) as store:
                if self._made is None or store.frames > self._room or masks != self._masks:
                    self._room, self._masks = max(store.facts.expected_frames or 0, 2 * store.frames), masks
                    self._made = GrowingSurvey(store.facts.labels, self._room, masks=masks)
                return self._made.survey() if self._made.extend(store, stop) else None
        except StoreError:  # it has its final name by now
            return None


def _survey_of(path: Path, stop: threading.Event, masks: Masks) -> Survey | None:
    with CandidateStore.open(path) as store:
        return survey(store, stop, masks=masks)
