"""From what is found in one source to its events: told, kept as clips and pictures. Owned by ``ssdv-watch``.

Only ``report`` is called from elsewhere, by the recorders.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.core.alarms.message import AlarmMessage
from app.core.alarms.objects import Look, ObjectWatch
from app.core.alarms.rule_book import RuleBook
from app.core.alarms.rules import Began, Signal
from app.core.errors import AppError
from app.core.events.scene import Scene
from app.core.frames import FrameResult
from app.core.recording.drawn import DrawnFrames
from app.core.recording.recorder import Recorder
from app.core.recording.reports import ClipFailed, FileFinished, RecorderReport, RecordingPaused, RecordingResumed
from app.core.settings import DetectionSettings
from app.core.watching.event_data import clip_data, event_data, message_of, ready_message
from app.core.watching.request import WatchRequest
from app.core.watching.snapshots import save_event_snapshot
from detector.detections import Detections

_EVENTS_KEPT = 1000


class EventKeeper:
    """The events of one source.

    Args:
        name: Of the source, without secrets.
        request: What is an event, and what to keep of it.
        tell: Takes a line of JSON, on any thread; returns at once.
        alarm: Takes what is to be told, on any thread; returns at once.
        frames: Draws the boxes of pictures.

    Attributes:
        count: How many events have begun.
        clips: Makes the clips; None for nobody.
    """

    def __init__(
        self,
        name: str,
        request: WatchRequest,
        tell: Callable[[dict[str, Any]], None],
        alarm: Callable[[AlarmMessage], None],
        frames: DrawnFrames,
    ) -> None:
        self._name = name
        self._request = request
        self._tell, self._alarm = tell, alarm
        self._frames = frames
        self._objects = ObjectWatch(request.detection, request.scene)
        self._book = RuleBook(request.rules)
        self._told: dict[int, AlarmMessage] = {}
        self._with_clip: deque[int] = deque(maxlen=_EVENTS_KEPT)
        self._lock = threading.Lock()
        self.clips: Recorder | None = None
        self.count = 0
        for rule in request.rules:
            alarm(ready_message(name, rule))

    @property
    def next_s(self) -> float | None:
        """When ``passed`` has something to do if no frame comes."""
        return self._book.next_s()

    def look(self, result: FrameResult) -> Look:
        """Takes a frame; returns what it shows."""
        look = self._objects.look(result)
        if result.candidates is not None:  # nothing is absent only because no model is there yet
            signals = self._book.cut() if look.cut else []
            signals += self._book.seen(result.frame.captured_ns / 1e9, look.sightings)
            self._follow_up(signals, result, look.shown)
        return look

    def adjust(self, detection: DetectionSettings, scene: Scene) -> None:
        """Goes by another threshold, other zones and masks from now on."""
        self._objects.adjust(detection, scene)

    def lost(self, now_s: float) -> None:
        """The source is lost."""
        self._objects.restart()
        self._follow_up(self._book.lost(now_s))

    def unseen(self, now_s: float) -> None:
        """Nobody looks for now, though the source is there."""
        self._objects.restart()
        self._follow_up(self._book.unseen(now_s))

    def passed(self, now_s: float) -> None:
        """Time has passed, with or without frames."""
        self._follow_up(self._book.passed(now_s))

    def close(self, now_s: float) -> None:
        """Nothing more comes."""
        self._follow_up(self._book.close(now_s))

    def trouble(self, message: str, hint: str) -> None:
        """Tells what failed; any thread."""
        self._tell({"type": "trouble", "source": self._name, "message": message, "hint": hint})

    def note(self, message: str) -> None:
        """Tells something to know; any thread."""
        self._tell({"type": "note", "source": self._name, "message": message})

    def report(self, report: RecorderReport) -> None:
        """Takes what a recorder tells, on its thread."""
        if isinstance(report, FileFinished):
            self._tell(clip_data(self._name, report))
            self._with_clip.extend(report.events)
            for message in self._known(report.events):
                self._alarm(message.with_clip(str(report.path)))
        elif isinstance(report, ClipFailed):
            for message in self._known(report.events):
                self._tell_no_clip(message.data["id"])
                if message.data["id"] not in self._with_clip:  # not even a part of it
                    self._alarm(message.without_clip())
        elif isinstance(report, RecordingPaused):
            self.trouble(report.message, report.hint)
        elif isinstance(report, RecordingResumed):
            self.note("Recording goes on.")

    def _tell_no_clip(self, event: int) -> None:
        said = {"message": f"There is no whole clip of event {event}.", "hint": "", "event": event}
        self._tell({"type": "trouble", "source": self._name, **said})

    def _known(self, events: tuple[int, ...]) -> list[AlarmMessage]:
        with self._lock:
            return [self._told[event] for event in events if event in self._told]

    def _follow_up(
        self, signals: list[Signal], result: FrameResult | None = None, shown: Detections | None = None
    ) -> None:
        for signal in signals:
            event, began = signal.event, isinstance(signal, Began)
            self.count += began
            clips = self.clips if event.rule.keeps_clips else None
            snapshot = None
            if began and event.rule.snapshot and result is not None and shown is not None:
                snapshot = self._snapshot(event.label or event.rule.name, result, shown)
            data = event_data("began" if began else "ended", self._name, event)
            with self._lock:
                known = self._told.get(event.id)
                data["snapshot"] = str(snapshot) if snapshot else known.data["snapshot"] if known else None
                self._told[event.id] = message = message_of(data, event.rule, clips is not None)
                for old in list(self._told)[:-_EVENTS_KEPT]:
                    del self._told[old]
            self._tell(data)
            self._alarm(message)
            if clips is not None:
                self._clip(clips, signal)

    def _clip(self, clips: Recorder, signal: Signal) -> None:
        event = signal.event
        if isinstance(signal, Began):
            clips.begin_clip(event.id, event.label, int((event.start_s - self._request.before_s) * 1e9))
        else:
            clips.end_clip(event.id, int((event.end_s + self._request.after_s) * 1e9))

    def _snapshot(self, label: str, result: FrameResult, shown: Detections) -> Path | None:
        if self._request.clips is None:
            return None
        try:
            return save_event_snapshot(self._request.clips, self._name, label, result, shown, self._frames)
        except AppError as error:
            self.trouble(error.message, error.hint)
            return None
