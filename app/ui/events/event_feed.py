"""Keeps the list of events up to date with video, model, threshold, zones and filters. GUI thread.

All is made on a worker. Of requests that change faster than lists are made, the last one counts. Following the objects
of a long video takes a while, is told as progress, and ends at once when another video is wanted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import QObject, Signal

from app.core.errors import ExplainedError
from app.core.events.event import Event
from app.core.events.judgements import JudgementStore, Verdict
from app.core.events.listing import ListQuery
from app.core.events.scene import Scene
from app.ui.events.event_work import EventList, EventWork, StoppedError, Wanted
from app.ui.services.background import Background
from app.ui.services.bridge import Wake
from app.ui.services.controller import LiveController
from app.ui.services.settings_model import SettingsModel

_TELL_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class FeedState:
    """The state of the list.

    Attributes:
        kind: "none" (no video is open), "offer" (it was not analysed), "loading", "ready", "failed".
        part: 0 to 1, while it loads; None while that cannot be told.
        error: Why it failed.
    """

    kind: Literal["none", "offer", "loading", "ready", "failed"]
    part: float | None = None
    error: ExplainedError | None = None


class EventFeed(QObject):
    """Makes the list of the video that is looked at.

    Args:
        controller: Says which video and model.
        settings: Threshold and overlap limit.
        background: Runs the worker.
        scene: Returns the zones, lines and masks that are drawn on the source.
        judgements: What was said of events.
    """

    state_changed = Signal(object)
    """``FeedState``."""
    made = Signal(object)
    """``EventList``."""
    not_kept = Signal(object)
    """``ExplainedError``: what was said of an event cannot be remembered."""

    def __init__(
        self,
        controller: LiveController,
        settings: SettingsModel,
        background: Background,
        scene: Callable[[], Scene],
        judgements: JudgementStore,
    ) -> None:
        super().__init__()
        self._controller, self._settings, self._background = controller, settings, background
        self._scene = scene
        self._judgements = judgements
        self._work = EventWork(self._judgements)
        self._query = ListQuery()
        self._look = self._said = 0
        self._wanted: Wanted | None = None
        self._running: Wanted | None = None
        self._stop = threading.Event()
        self._part: float | None = None
        self._wake = Wake(self._tell_part)
        self.state = FeedState("none")
        self.current: EventList | None = None
        """The list that was made last; None while there is none."""
        for changes in (controller.opening, controller.closed):
            changes.connect(self._forget)
        for changes in (controller.opened, controller.model_ready):
            changes.connect(self.look_again)
        settings.changed.connect(self._setting_changed)

    def close(self) -> None:
        """The window closes: end what is being made."""
        self._stop.set()
        self._wake.close()

    # What is wanted

    def look_again(self, *_about: object) -> None:
        """Look for kept detections: there may be others by now."""
        self._look += 1
        self._want()

    def scene_changed(self, *_about: object) -> None:
        """Other zones, lines or masks are drawn."""
        self._want()

    def ask(self, query: ListQuery) -> None:
        """List what ``query`` asks for."""
        if query != self._query:
            self._query = query
            self._want()

    def say(self, verdicts: Sequence[tuple[Event, Verdict]]) -> None:
        """Remember what a person said of events of the present list."""
        made = self.current
        if made is None or not verdicts:
            return
        chosen, size, video = tuple(verdicts), made.followed.seen.size, made.fingerprint

        def work() -> None:
            self._judgements.keep_all(video, chosen, size)

        self._background.run("judgements", work, self.read_again, self.not_kept.emit)

    def read_again(self, _nothing: None = None) -> None:
        """Something else was said of events by now."""
        self._said += 1
        self._want()

    def _setting_changed(self, section: str, name: str) -> None:
        if section == "model":
            self.look_again()
        elif (section, name) in (("detection", "threshold"), ("detection", "iou")):
            self._want()

    def _forget(self, *_about: object) -> None:
        self._wanted, self.current = None, None
        self._stop.set()
        self._tell(FeedState("none"))

    def _want(self) -> None:
        video = self._controller.video_file
        if video is None:
            return
        settings = self._settings.current
        # Which classes are shown plays no part: were it in, a change of it would find all events anew.
        detection = replace(settings.detection, classes=())
        self._wanted = Wanted(video, settings.model, detection, self._scene(), self._query, self._look, self._said)
        self._next()

    # Making it

    def _next(self) -> None:
        wanted, running = self._wanted, self._running
        if wanted is None:
            return
        if running is not None:
            if running.following != wanted.following:
                self._stop.set()
            return
        if self.current is None:
            self._tell(FeedState("loading"))
        self._running, self._stop = wanted, threading.Event()
        stop = self._stop

        def check() -> None:
            if stop.is_set():
                raise StoppedError

        def work() -> EventList | StoppedError | None:
            try:
                return self._work.make(wanted, check, self._progressed())
            except StoppedError as stopped:
                return stopped

        def done(result: EventList | StoppedError | None) -> None:
            self._done(wanted, result)

        def failed(error: ExplainedError) -> None:
            if self._wanted == wanted:
                self.current = None
                self._tell(FeedState("failed", error=error))
            self._end(wanted)

        self._background.run("events", work, done, failed)

    def _progressed(self) -> Callable[[int, int | None], None]:
        next_s = 0.0

        def progress(done: int, total: int | None) -> None:
            nonlocal next_s
            now = time.monotonic()
            if now >= next_s:
                next_s = now + _TELL_EVERY_S
                self._part = done / total if total else None
                self._wake.post()

        return progress

    def _tell_part(self) -> None:
        if self._running is not None and self.current is None and self.state.kind == "loading":
            self._tell(FeedState("loading", part=self._part))

    def _done(self, wanted: Wanted, result: EventList | StoppedError | None) -> None:
        is_present = self._wanted is not None and self._wanted.following == wanted.following
        if is_present and not isinstance(result, StoppedError):
            self.current = result
            self._tell(FeedState("offer" if result is None else "ready"))
            if result is not None:
                self.made.emit(result)
        self._end(wanted)

    def _end(self, wanted: Wanted) -> None:
        self._running = None
        if self._wanted != wanted:
            self._next()

    def _tell(self, state: FeedState) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)
