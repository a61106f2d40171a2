"""Rules over a source that is looked at anyway, as long as it is armed: ``ssdv-watch`` takes what is found in it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from app.core.alarms.message import AlarmMessage
from app.core.channels import LatestSlot
from app.core.events.scene import Scene
from app.core.frames import FrameResult
from app.core.recording.source_recording import SourceRecording
from app.core.settings import DetectionSettings, OverlaySettings
from app.core.watching.keeping import RESULTS_KEPT, SourceKeeping
from app.core.watching.request import WatchRequest
from app.core.workers import Worker

log = logging.getLogger(__name__)


class ArmedSource:
    """Rules over the frames of somebody else's live view. Called from any thread; everything returns at once.

    Args:
        name: Of the source, without secrets.
        request: What is an event, and what to keep.
        tell: Takes a line of JSON, on any thread; returns at once.
        alarm: Takes what is to be told, on any thread; returns at once.
        look: How boxes look.
        fps: Frames a second that are expected; None for unknown.
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
        self._keeping = SourceKeeping(name, request, tell, alarm, look, fps)
        self._results: LatestSlot[FrameResult] = LatestSlot(RESULTS_KEPT)
        self._orders: deque[Callable[[], None]] = deque()
        self._seen: FrameResult | None = None
        self._unseen_ns = 0
        self._finish_s = 0.0
        self._worker = Worker("watch", self._run, self._broken)
        self._worker.start()

    @property
    def tap(self) -> SourceRecording | None:
        """To be made a tap of the source while it is armed; None where no clip of what it gives is kept."""
        return self._keeping.clean

    @property
    def keeps_clips(self) -> bool:
        """Whether the last seconds are kept in memory, so that a clip can begin before its event."""
        return self._keeping.events.clips is not None

    @property
    def dropped(self) -> int:
        """Frames that are missing in clips, because encoder or disk were too slow for them."""
        return self._keeping.dropped

    def take(self, result: FrameResult) -> None:
        """Looks at a frame, or where motion brought the boxes at the earlier one that the detector has looked at."""
        seen = result.seen if result.followed else result
        if seen is not None and seen is not self._seen:
            self._seen = seen
            self._results.put(seen)

    def lost(self) -> None:
        """The source is lost."""
        self._no_frame_since(self._keeping.lost)

    def unseen(self) -> None:
        """Nobody looks for now, though the source is there."""
        self._no_frame_since(self._keeping.events.unseen)

    def adjust(self, detection: DetectionSettings, scene: Scene) -> None:
        """Goes by another threshold, other zones and masks from now on."""
        self._order(lambda: self._keeping.events.adjust(detection, scene))

    def close(self, deadline_s: float) -> bool:
        """Ends what goes on, and finishes all files; True when that was done within ``deadline_s``. Waits for it."""
        self._finish_s = deadline_s
        self._worker.stop()
        self._results.wake()
        return self._worker.join(deadline_s)

    def _no_frame_since(self, tell: Callable[[float], None]) -> None:
        now_ns = time.monotonic_ns()

        def order() -> None:
            self._unseen_ns = now_ns
            tell(now_ns / 1e9)

        self._order(order)

    def _order(self, order: Callable[[], None]) -> None:
        self._orders.append(order)
        self._results.wake()

    # -- on the watching thread -------------------------------------------------------------------------------------

    def _run(self, stop: threading.Event) -> None:
        events = self._keeping.events
        try:
            while not stop.is_set():
                until_s = events.next_s
                result = self._results.take(None if until_s is None else max(0.0, until_s - time.monotonic()))
                while self._orders:
                    self._orders.popleft()()
                if result is not None and result.frame.captured_ns > self._unseen_ns:
                    self._keeping.look(result)
                events.passed(time.monotonic())
        finally:
            self._keeping.close(time.monotonic(), self._finish_s)

    def _broken(self, error: BaseException) -> None:
        log.error("watching failed", exc_info=error)
        self._keeping.events.trouble("The alarms ended because of a fault in this program.", "Arm them again.")
