"""The events of one source with all that is kept of it: recordings, clips, pictures. Owned by ``ssdv-watch``."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from app.core.alarms.message import AlarmMessage
from app.core.errors import AppError
from app.core.frames import FrameResult, ImageBGR
from app.core.recording.drawn import DrawnFrames
from app.core.recording.recorder import Recorder
from app.core.recording.source_recording import SourceRecording
from app.core.records.frame_record import FrameRecord
from app.core.settings import OverlaySettings
from app.core.watching.event_keeper import EventKeeper
from app.core.watching.request import WatchRequest
from app.core.watching.virtual_camera import VirtualCamera

RESULTS_KEPT = 8
"""Frames that wait while a picture is written: none that the detector has looked at is passed over for that."""


class SourceKeeping:
    """What is made of a source that somebody looks at.

    Args:
        name: Of the source, without secrets.
        request: What is an event, and what to keep.
        tell: Takes a line of JSON, on any thread; returns at once.
        alarm: Takes what is to be told, on any thread; returns at once.
        look: How boxes look.
        fps: Frames a second that are expected; None for unknown.

    Attributes:
        events: What is an event.
        clean: To be made a tap of the source; None where nothing of it is kept.
    """

    def __init__(
        self,
        name: str,
        request: WatchRequest,
        tell: Callable[[dict[str, Any]], None],
        alarm: Callable[[AlarmMessage], None],
        look: OverlaySettings,
        fps: Fraction | None = None,
    ) -> None:
        self._frames = DrawnFrames(look)
        self.events = EventKeeper(name, request, tell, alarm, self._frames)
        self.clean = self._recording(name, request, fps, drawn=False)
        self._drawn = self._recording(name, request, fps, drawn=True)
        clips = self._drawn if request.mode == "drawn" else self.clean
        if request.clips is not None and clips is not None:
            self.events.clips = clips.recorder
        self._camera = VirtualCamera(self._camera_opened, self._failed) if request.virtual_camera else None

    def _recording(self, name: str, request: WatchRequest, fps: Fraction | None, drawn: bool) -> SourceRecording | None:
        plan = request.plan(name, drawn)
        if plan is None:
            return None
        recorder = Recorder(plan, self.events.report)
        return SourceRecording(recorder, self._failed, fps)

    def _failed(self, error: AppError) -> None:
        self.events.trouble(error.message, error.hint)

    def _camera_opened(self, device: str) -> None:
        self.events.note(f"Other programs see this source as the camera {device}.")

    @property
    def dropped(self) -> int:
        """Frames that are missing in recordings."""
        return sum(each.dropped for each in (self.clean, self._drawn) if each is not None)

    @property
    def failed(self) -> bool:
        """Returns whether a fault in this program has ended a recording, or the clips."""
        return any(each.recorder.failed for each in (self.clean, self._drawn) if each is not None)

    def look(self, result: FrameResult) -> None:
        """Takes a frame that the detector has looked at."""
        look = self.events.look(result)
        frame, frames = result.frame, self._frames

        def draw() -> ImageBGR:
            return frames.draw(result, look.shown, look.numbers)

        if self._drawn is not None:
            self._drawn.image(frame.captured_ns, draw)
        if self._camera is not None:
            self._camera.show(draw)
        if result.candidates is not None:
            record = FrameRecord(frame.index, Fraction(0), look.shown, result.labels, look.numbers)
            for recording in (self.clean, self._drawn):
                if recording is not None:
                    recording.recorder.data(frame.captured_ns, record)

    def lost(self, now_s: float) -> None:
        """The source is lost."""
        self.events.lost(now_s)
        if self._drawn is not None:
            self._drawn.ended()

    def close(self, now_s: float, deadline_s: float) -> None:
        """Nothing more comes: ends what goes on, and finishes all files within ``deadline_s`` each."""
        try:
            self.events.close(now_s)
        finally:
            if self._camera is not None:
                self._camera.close(deadline_s)
            for recording in (self.clean, self._drawn):
                if recording is not None and not recording.close(deadline_s):
                    self.events.trouble("A recording could not be finished in time.", "The next start finishes it.")
