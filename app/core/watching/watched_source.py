"""One source that is watched: ``ssdv-watch`` takes what the live session finds, and sees to everything that follows."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app.core.alarms.message import AlarmMessage
from app.core.channels import LatestSlot
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
from app.core.settings import OverlaySettings
from app.core.sources.base import SourceOptions
from app.core.sources.uri import kind_by_name, shown_name
from app.core.watching.keeping import RESULTS_KEPT, SourceKeeping
from app.core.watching.request import WatchRequest
from app.core.workers import Worker

log = logging.getLogger(__name__)

TRY_AGAIN_S = (2.0, 5.0, 10.0, 30.0, 60.0)
_STOP_S = 5.0
_FINISH_S = 30.0


class WatchedSource:
    """A source from start to end.

    It is looked for again, for as long as it takes, unless it is a file, or a screen that never was there.

    Args:
        uri: The source.
        request: What to do with it.
        tell: Takes a line of JSON, on any thread; returns at once.
        alarm: Takes what is to be told, on any thread; returns at once.
        options: How the source is opened.
        on_done: Called when there is nothing more to watch, on the watching thread.

    Attributes:
        name: For people, without secrets.
        session: The live session.
        reconnects: How often it was found again.
        done: Set when it has ended.
        failed: Whether it ended because it cannot be watched, or not recorded to the end because of a fault.
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
        self._tell = tell
        self._on_done = on_done
        self._keeping = SourceKeeping(self.name, request, tell, alarm, OverlaySettings())
        self._keeper = self._keeping.events
        self._said: deque[LiveEvent] = deque()
        self._from_index: int | None = 0
        self._lost = False
        self._told: set[str] = set()
        self._failures = 0
        self._was_open = False
        self._retry_s: float | None = None
        self._results: LatestSlot[FrameResult] | None = None
        self._over = False
        self.reconnects = 0
        self.done = threading.Event()
        self.failed = False
        self._options = replace(options, tap=self._keeping.clean)
        self.session = LiveSession(lambda: None, self._hear, results_kept=RESULTS_KEPT)
        self.session.set_smoothing("off")
        self.worker = Worker("watch", self._run, self._broken)

    @property
    def dropped(self) -> int:
        """Frames that are missing in recordings."""
        return self._keeping.dropped

    @property
    def events(self) -> int:
        """How many have begun."""
        return self._keeper.count

    @property
    def is_well(self) -> bool:
        """Returns whether frames come at this moment, and all that was asked for is made of them."""
        return self.session.state is LiveState.RUNNING and not self._keeping.failed

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
        try:
            while not stop.is_set() and not self._over:
                self._step()
        finally:
            self._end()

    def _step(self) -> None:
        """Waits for a frame, or something else to do, and sees to it."""
        assert self._results is not None
        result = self._results.take(self._patience_s())
        while self._said:
            self._handle(self._said.popleft())
        if result is not None and self._from_index is not None and result.frame.index >= self._from_index:
            self._keeping.look(result)
            self.session.mark_painted(result)
        now_s = time.monotonic()
        self._keeper.passed(now_s)
        if self._retry_s is not None and now_s >= self._retry_s:
            self._retry_s = None
            self._open()

    def _patience_s(self) -> float | None:
        """How long a frame may be waited for."""
        moments = [moment for moment in (self._keeper.next_s, self._retry_s) if moment is not None]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _open(self) -> None:
        self.session.start(self._uri, self._options, self._request.model, self._request.detection)

    def _handle(self, event: LiveEvent) -> None:
        if isinstance(event, SourceTrouble):
            if event.message not in self._told:  # one line, not one for each try
                self._told.add(event.message)
                self._keeper.trouble(event.message, event.hint)
            self._from_index, self._lost = None, True  # what is still under way came before
            self._keeping.lost(time.monotonic())
            if not event.retrying:
                self._give_up_for_now()
        elif isinstance(event, SourceOpened):
            self._from_index = event.first_index
            self.reconnects += self._lost
            self._failures = 0
            self._was_open = True
            self._told.clear()
            self._tell({"type": "open", "source": self.name, "width": event.info.width, "height": event.info.height})
        elif isinstance(event, Ended):
            self._over = True
        elif isinstance(event, ModelFailed | DetectorTrouble):
            self._keeper.trouble(event.message, event.hint)
        elif isinstance(event, SourceNote):
            self._tell({"type": "note", "source": self.name, "message": event.message})

    def _give_up_for_now(self) -> None:
        kind = kind_by_name(self._uri)
        if kind not in LIVE_KINDS or (kind == "screen" and not self._was_open):
            self.failed = self._over = True
            return
        self._retry_s = time.monotonic() + TRY_AGAIN_S[min(self._failures, len(TRY_AGAIN_S) - 1)]
        self._failures += 1

    def _end(self) -> None:
        self.session.stop(_STOP_S)
        try:
            self._keeping.close(time.monotonic(), _FINISH_S)
        finally:
            self.failed = self.failed or self._keeping.failed
            self.done.set()
            self._on_done()

    # -- from other threads -----------------------------------------------------------------------------------------

    def _hear(self, event: LiveEvent) -> None:
        self._said.append(event)
        if self._results is not None:
            self._results.wake()

    def _broken(self, error: BaseException) -> None:
        log.error("watching failed", exc_info=error)
        self.failed = True
        self._keeper.trouble("Watching ended because of a fault in this program.", "")
