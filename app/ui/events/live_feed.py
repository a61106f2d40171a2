"""Keeps the list of events of a live source up to date as it runs. GUI thread; a worker finds and keeps them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from app.core.events.event import Event
from app.core.events.judgements import Verdict
from app.core.events.listing import ListedEvent, ListQuery
from app.core.events.live_intake import LiveIntake
from app.core.events.live_log import LiveLog
from app.core.events.saying import EventStores
from app.core.events.scene import Scene
from app.core.events.scene_store import live_source
from app.core.frames import LIVE_KINDS, FrameResult, SourceInfo
from app.ui.events.event_rows import PICTURE
from app.ui.events.kept_pictures import picture_from
from app.ui.events.live_work import LiveList, LiveWanted, LiveWork
from app.ui.services.background import Background
from app.ui.services.controller import LiveController
from app.ui.services.renewal import Renewal
from app.ui.services.settings_model import SettingsModel

_EVERY_MS = 1500
_LARGER = 4  # than in the list, so that a picture is worth keeping


class LiveFeed(QObject):
    """Makes the list of the live source that is looked at.

    Args:
        controller: Gives the frames.
        settings: Threshold, overlap limit, and for how long events are kept.
        background: Runs the worker.
        scene: Returns the zones, lines and masks that are drawn on the source.
        stores: Keep events and what was said of them.
    """

    began = Signal()
    """A live source is open."""
    made = Signal(object)
    """``ShownList``."""
    not_kept = Signal(object)
    """``ExplainedError``: what was said of an event cannot be remembered."""

    def __init__(
        self,
        controller: LiveController,
        settings: SettingsModel,
        background: Background,
        scene: Callable[[], Scene],
        stores: EventStores,
    ) -> None:
        super().__init__()
        self._controller, self._settings, self._background, self._scene = controller, settings, background, scene
        self._stores = stores
        self._intake: LiveIntake | None = None
        self._work: LiveWork | None = None
        self._made: LiveList | None = None
        self._asked: LiveWanted | None = None
        self._lock = threading.Lock()
        self._query = ListQuery()
        self._renewal = Renewal(background, "live-events", self._begin, self._done)
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.renew)
        controller.opened.connect(self._opened)
        controller.frame.connect(self._take)
        for ends in (controller.opening, controller.closed):
            ends.connect(self._end)
        settings.changed.connect(self._setting_changed)

    def close(self) -> None:
        """The window closes."""
        self._end()

    def ask(self, query: ListQuery) -> None:
        """List what ``query`` asks for."""
        self._query = query
        self.renew()

    def say(self, verdicts: Sequence[tuple[Event, Verdict]]) -> None:
        """Remember what a person said of events of the present list."""
        made, work = self._made, self._work
        if made is None or work is None:
            return
        items = {item.event: item for item in made.items}
        said = [(items[event], verdict) for event, verdict in verdicts if event in items]

        self._background.run("judgements", lambda: work.say(said), lambda _: self.renew(), self.not_kept.emit)

    def read_again(self) -> None:
        """Something was said of events elsewhere."""
        work = self._work
        if work is not None:
            self._background.run("judgements", work.read_again, lambda _: self.renew(), self.not_kept.emit)

    def picture(self, row: ListedEvent) -> QImage | None:
        """Returns the best picture of an event that is not kept."""
        return None if self._made is None else picture_from(self._made.picture(row))

    def _opened(self, info: SourceInfo) -> None:
        if info.kind not in LIVE_KINDS or self._intake is not None:  # a source that came back goes on
            return
        now = datetime.now()
        seconds = Fraction(now.hour * 3600 + now.minute * 60 + now.second) + Fraction(now.microsecond, 1_000_000)
        self._intake = LiveIntake(LiveLog(seconds, (PICTURE[0] * _LARGER, PICTURE[1] * _LARGER)))
        source = live_source(self._controller.uri)
        self._work = LiveWork(source, info.name, now.date(), self._stores, self._lock)
        self._timer.start()
        self.began.emit()
        self.renew()

    def _end(self, *_about: object) -> None:
        intake, work, wanted = self._intake, self._work, self._asked  # by now, another source may have other zones
        self._intake = self._work = self._made = self._asked = None
        self._timer.stop()
        if intake is None:
            return
        intake.close()
        if work is not None and wanted is not None:
            last = replace(wanted, is_last=True)
            self._background.run("live-events", lambda: work.make(intake.sightings(), last), lambda _made: None)

    def _take(self, result: FrameResult) -> None:
        if self._intake is not None:
            detection = self._settings.current.detection
            masks = [mask.polygon for mask in self._scene().masks]
            self._intake.put(result, detection.threshold, detection.iou, masks)

    def _setting_changed(self, section: str, name: str) -> None:
        if (section, name) in (("detection", "threshold"), ("recording", "event_days")):
            self.renew()

    def _wanted(self) -> LiveWanted:
        settings = self._settings.current
        days, today = settings.recording.event_days, datetime.now().date()
        return LiveWanted(settings.detection.threshold, self._scene(), self._query, days, today)

    def renew(self) -> None:
        """Make the list anew."""
        self._renewal.ask()

    def _begin(self) -> Callable[[], tuple[LiveIntake, LiveList]] | None:
        intake, work = self._intake, self._work
        if intake is None or work is None:
            return None
        self._asked = wanted = self._wanted()
        return lambda: (intake, work.make(intake.sightings(), wanted))

    def _done(self, made: tuple[LiveIntake, LiveList], _again: bool) -> None:
        intake, content = made
        if self._intake is intake:
            self._made = content
            self.made.emit(content.shown)
