"""Keeps the list of events of a live source up to date as it runs. GUI thread; events are found on a worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from fractions import Fraction

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from app.core.errors import ExplainedError
from app.core.events.find import find_events
from app.core.events.listing import ListedEvent, ListQuery, listed, listed_event
from app.core.events.live_log import LiveLog
from app.core.events.scene import Scene
from app.core.frames import LIVE_KINDS, FrameResult, SourceInfo
from app.ui.events.event_rows import PICTURE
from app.ui.events.event_work import ShownList
from app.ui.services.background import Background
from app.ui.services.controller import LiveController
from app.ui.services.settings_model import SettingsModel

_EVERY_MS = 1500
_SHARP = 2  # device pixels of a picture for each logical one


class LiveFeed(QObject):
    """Makes the list of the live source that is looked at.

    Args:
        controller: Gives the frames.
        settings: Threshold and overlap limit.
        background: Runs the worker.
        scene: Returns the zones, lines and masks that are drawn on the source.
    """

    began = Signal()
    """A live source is open."""
    made = Signal(object)
    """``ShownList``."""

    def __init__(
        self,
        controller: LiveController,
        settings: SettingsModel,
        background: Background,
        scene: Callable[[], Scene],
    ) -> None:
        super().__init__()
        self._settings, self._background, self._scene = settings, background, scene
        self._log: LiveLog | None = None
        self._query = ListQuery()
        self._busy = self._again = False
        self._numbers: dict[ListedEvent, int] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._make)
        controller.opened.connect(self._opened)
        controller.frame.connect(self._take)
        for ends in (controller.opening, controller.closed):
            ends.connect(self._end)
        settings.changed.connect(self._setting_changed)

    def close(self) -> None:
        """The window closes."""
        self._end()

    @property
    def is_live(self) -> bool:
        """Returns whether a live source is open."""
        return self._log is not None

    def ask(self, query: ListQuery) -> None:
        """List what ``query`` asks for."""
        self._query = query
        self._make()

    def picture(self, row: ListedEvent) -> QImage | None:
        """Returns the best picture of an event."""
        number = self._numbers.get(row)
        bgra = None if self._log is None or number is None else self._log.picture(number)
        if bgra is None:
            return None
        rows, columns = bgra.shape[:2]
        return QImage(bgra.data, columns, rows, bgra.strides[0], QImage.Format.Format_RGB32).copy()

    def _opened(self, info: SourceInfo) -> None:
        if info.kind not in LIVE_KINDS or self._log is not None:  # a source that came back goes on
            return
        now = datetime.now()
        seconds = Fraction(now.hour * 3600 + now.minute * 60 + now.second) + Fraction(now.microsecond, 1_000_000)
        self._log = LiveLog(seconds, (PICTURE[0] * _SHARP, PICTURE[1] * _SHARP))
        self._timer.start()
        self.began.emit()
        self._make()

    def _end(self, *_about: object) -> None:
        self._log = None
        self._timer.stop()

    def _take(self, result: FrameResult) -> None:
        if self._log is not None:
            detection = self._settings.current.detection
            masks = [mask.polygon for mask in self._scene().masks]
            self._log.take(result, detection.threshold, detection.iou, masks)

    def _setting_changed(self, section: str, name: str) -> None:
        if (section, name) == ("detection", "threshold"):
            self._make()

    def _make(self) -> None:
        log = self._log
        if log is None:
            return
        if self._busy:
            self._again = True
            return
        self._busy, self._again = True, False
        seen, scene, query = log.sightings(), self._scene(), self._query
        threshold = self._settings.current.detection.threshold

        def work() -> ShownList:
            followed = seen.trajectories()
            events = find_events(followed, max(threshold, followed.floor), scene)
            rows = tuple(listed_event(event, followed.pts_s) for event in events)
            return ShownList(rows, listed(rows, seen.labels, query), seen.labels, scene, events, query)

        def done(made: ShownList) -> None:
            self._busy = False
            if self._log is log:
                self._numbers = {row: event.tracker_id for row, event in zip(made.rows, made.events, strict=True)}
                self.made.emit(made)
            if self._again:
                self._make()

        self._background.run("live-events", work, done, self._failed)

    def _failed(self, _error: ExplainedError) -> None:
        self._busy = False
