"""One source that is watched: ``ssdv-watch`` takes what the live session finds, and sees to everything that follows."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.core.alarms.message import AlarmMessage
from app.core.alarms.objects import ObjectWatch
from app.core.alarms.rules import Began, RuleBook, Signal
from app.core.channels import LatestSlot
from app.core.errors import AppError
from app.core.frames import LIVE_KINDS, FrameResult
from app.core.live import (
    DetectorTrouble,
    Ended,
    LiveEvent,
    LiveSession,
    LiveState,
    ModelFailed,
    SourceNote,
    SourceOpened,
    SourceTrouble,
)
from app.core.recording.recorder import Recorder
from app.core.recording.reports import ClipFailed, FileFinished, RecorderReport, RecordingPaused, RecordingResumed
from app.core.recording.source_recording import SourceRecording
from app.core.settings import OverlaySettings
from app.core.sources.base import SourceOptions
from app.core.sources.uri import kind_by_name, shown_name
from app.core.watching.drawn import DrawnFrames
from app.core.watching.event_data import clip_data, event_data, message_of
from app.core.watching.request import WatchRequest
from app.core.watching.snapshots import save_event_snapshot
from app.core.workers import Worker
from detector.detections import Detections

log = logging.getLogger(__name__)

TRY_AGAIN_S = (2.0, 5.0, 10.0, 30.0, 60.0)
_STOP_S = 5.0
_FINISH_S = 30.0
_EVENTS_KEPT = 1000


class WatchedSource:
    """A source from start to end. It is looked for again, for as long as it takes, unless it is a file.

    Args:
        uri: The source.
        request: What to do with it.
        tell: Takes a line of JSON, on any thread; returns at once.
        alarm: Takes what is to be told, on any thread; returns at once.
        options: How the source is opened.
        on_done: Called when there is nothing more to watch, on the watching thread.

    Attributes:
        name: For people, without secrets.
        reconnects: How often it was found again.
        events: How many have begun.
        done: Set when it has ended.
        failed: Whether it ended because it cannot be watched.
    """

    def __init__(
        self,
        uri: str,
        request: WatchRequest,
        tell: Callable[[dict[str, Any]], None],
        alarm: Callable[[AlarmMessage], None],
        options: SourceOptions,
        on_done: Callable[[], None],
    ) -> None:
        self.name = shown_name(uri)
        self._uri = uri
        self._request = request
        self._tell, self._alarm = tell, alarm
        self._is_live = kind_by_name(uri) in LIVE_KINDS
        self._objects = ObjectWatch(request.detection, request.scene)
        self._book = RuleBook(request.rules)
        self._drawn_frames = DrawnFrames(OverlaySettings())
        self._said: deque[LiveEvent] = deque()
        self._told: dict[int, dict[str, Any]] = {}
        self._told_lock = threading.Lock()
        self._lost_ns = 0
        self._failures = 0
        self._retry_s: float | None = None
        self._results: LatestSlot[FrameResult] | None = None
        self.reconnects = self.events = 0
        self.done = threading.Event()
        self._over = False
        self.failed = False
        self._clean = self._recording(drawn=False)
        self._drawn = self._recording(drawn=True)
        self._options = replace(options, tap=self._clean)
        self._on_done = on_done
        self.session = LiveSession(lambda: None, self._hear)
        self.session.set_smoothing("off")
        self.worker = Worker("watch", self._run, self._broken)

    def _recording(self, drawn: bool) -> SourceRecording | None:
        plan = self._request.plan(self.name, drawn)
        if plan is None:
            return None
        return SourceRecording(Recorder(plan, self._report), lambda error: self._trouble(error.message, error.hint))

    @property
    def dropped(self) -> int:
        """Frames that are missing in recordings."""
        return sum(each.dropped for each in (self._clean, self._drawn) if each is not None)

    def start(self) -> None:
        """Begins; returns at once."""
        self._open()
        self._results = self.session.results
        self.worker.start()

    def stop(self) -> None:
        """Asks everything to end; returns at once."""
        self.worker.stop()
        if self._results is not None:
            self._results.wake()

    # -- on the watching thread -------------------------------------------------------------------------------------

    def _run(self, stop: threading.Event) -> None:
        assert self._results is not None
        while not stop.is_set() and not self._over:
            result = self._results.take(self._patience_s())
            while self._said:
                self._handle(self._said.popleft())
            if result is not None and result.frame.captured_ns > self._lost_ns:
                self._look(result)
            now_s = time.monotonic()
            self._follow_up(self._book.passed(now_s), None)
            if self._retry_s is not None and now_s >= self._retry_s:
                self._retry_s = None
                self._open()
        self._end()

    def _patience_s(self) -> float | None:
        """How long a frame may be waited for."""
        moments = [moment for moment in (self._book.next_s(), self._retry_s) if moment is not None]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _open(self) -> None:
        self.session.start(self._uri, self._options, self._request.model, self._request.detection)

    def _look(self, result: FrameResult) -> None:
        sightings, shown = self._objects.look(result)
        if self._drawn is not None:
            self._drawn.image(result.frame.captured_ns, lambda: self._drawn_frames.draw(result, shown))
        if result.candidates is not None:  # nothing is absent only because no model is there yet
            signals = self._book.seen(result.frame.captured_ns / 1e9, sightings)
            self._follow_up(signals, (result, shown))
        self.session.mark_painted(result)

    def _follow_up(self, signals: list[Signal], seen: tuple[FrameResult, Detections] | None) -> None:
        for signal in signals:
            event = signal.event
            began = isinstance(signal, Began)
            snapshot = self._snapshot(event.label or event.rule.name, seen) if began else self._snapshot_of(event.id)
            data = event_data("began" if began else "ended", self.name, event, snapshot)
            self.events += began
            with self._told_lock:
                self._told[event.id] = data
                for old in list(self._told)[:-_EVENTS_KEPT]:
                    del self._told[old]
            self._tell(data)
            self._alarm(message_of(data))
            self._clip(signal)

    def _clip(self, signal: Signal) -> None:
        recording = self._drawn if self._request.mode == "drawn" else self._clean
        event = signal.event
        if recording is None or self._request.clips is None or event.rule.what != "seen":
            return
        if isinstance(signal, Began):
            recording.recorder.begin_clip(event.id, event.label, int((event.start_s - self._request.before_s) * 1e9))
        else:
            recording.recorder.end_clip(event.id, int((event.end_s + self._request.after_s) * 1e9))

    def _snapshot(self, label: str, seen: tuple[FrameResult, Detections] | None) -> Path | None:
        if self._request.clips is None or seen is None:
            return None
        try:
            return save_event_snapshot(self._request.clips, self.name, label, *seen, self._drawn_frames)
        except AppError as error:
            self._trouble(error.message, error.hint)
            return None

    def _snapshot_of(self, event: int) -> Path | None:
        told = self._told.get(event)
        return Path(told["snapshot"]) if told is not None and told["snapshot"] else None

    def _handle(self, event: LiveEvent) -> None:
        if isinstance(event, SourceTrouble):
            self._trouble(event.message, event.hint)
            self._lost_ns = time.monotonic_ns()
            self._objects.restart()
            self._follow_up(self._book.lost(self._lost_ns / 1e9), None)
            if self._drawn is not None:
                self._drawn.ended()
            if not event.retrying:
                self._give_up_for_now()
        elif isinstance(event, SourceOpened):
            self.reconnects += bool(self._lost_ns)
            self._failures = 0
            self._tell({"type": "open", "source": self.name, "width": event.info.width, "height": event.info.height})
        elif isinstance(event, Ended):
            self._over = True
        elif isinstance(event, ModelFailed | DetectorTrouble):
            self._trouble(event.message, event.hint)
        elif isinstance(event, SourceNote):
            self._tell({"type": "note", "source": self.name, "message": event.message})

    def _give_up_for_now(self) -> None:
        if not self._is_live:
            self.failed = self._over = True
            return
        self._retry_s = time.monotonic() + TRY_AGAIN_S[min(self._failures, len(TRY_AGAIN_S) - 1)]
        self._failures += 1

    def _end(self) -> None:
        self.session.stop(_STOP_S)
        self._follow_up(self._book.close(time.monotonic()), None)
        for recording in (self._clean, self._drawn):
            if recording is not None and not recording.close(_FINISH_S):
                self._trouble("A recording could not be finished in time.", "The next start finishes it.")
        self.done.set()
        self._on_done()

    # -- from other threads -----------------------------------------------------------------------------------------

    def _hear(self, event: LiveEvent) -> None:
        self._said.append(event)
        if self._results is not None:
            self._results.wake()

    def _report(self, report: RecorderReport) -> None:
        if isinstance(report, FileFinished):
            self._tell(clip_data(self.name, report))
            with self._told_lock:
                shown = [self._told[event] for event in report.events if event in self._told]
            for data in shown:
                self._alarm(message_of(data, report.path))
        elif isinstance(report, ClipFailed):
            with self._told_lock:
                shown = [self._told[event] for event in report.events if event in self._told]
            for data in shown:
                self._trouble(f"There is no whole clip of event {data['id']}.", "")
        elif isinstance(report, RecordingPaused):
            self._trouble(report.message, report.hint)
        elif isinstance(report, RecordingResumed):
            self._tell({"type": "note", "source": self.name, "message": "Recording goes on."})

    def _trouble(self, message: str, hint: str) -> None:
        self._tell({"type": "trouble", "source": self.name, "message": message, "hint": hint})

    def _broken(self, error: BaseException) -> None:
        log.error("watching failed", exc_info=error)
        self.failed = True
        self._trouble("Watching ended because of a fault in this program.", "")
        self.done.set()
        self._on_done()

    @property
    def is_running(self) -> bool:
        """Whether frames come at this moment."""
        return self.session.state is LiveState.RUNNING
