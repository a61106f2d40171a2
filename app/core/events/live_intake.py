"""Takes the frames of a live source into its log on a thread of its own, ``ssdv-live-log``: who gives never waits."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass

from app.core.events.live_log import LiveLog, LiveSightings
from app.core.events.masks import Masks
from app.core.frames import FrameResult
from app.core.workers import Worker

_log = logging.getLogger(__name__)
_MAX_WAITING = 8  # frames, with their pixels: of a computer that cannot keep up the oldest is left out


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """An answer of the detector, and by which settings it is taken: see ``LiveLog.take``."""

    seen: FrameResult
    threshold: float
    iou_threshold: float
    masks: Masks


class LiveIntake:
    """Owns a log.

    Args:
        log: Nobody else takes frames into it.
    """

    def __init__(self, log: LiveLog) -> None:
        self._live_log = log
        self._lock = threading.Lock()  # of the log
        self._given = threading.Condition()
        self._waiting: deque[_Given] = deque(maxlen=_MAX_WAITING)
        self._newest: FrameResult | None = None
        self.worker = Worker("live-log", self._run, self._broken)
        self.worker.start()

    def put(self, result: FrameResult, threshold: float, iou_threshold: float, masks: Masks = ()) -> None:
        """Takes a frame, see ``LiveLog.take``; from one thread only, returns at once."""
        seen = result.seen if result.followed else result
        if seen is None or seen.candidates is None or seen is self._newest:
            return
        self._newest = seen
        with self._given:
            self._waiting.append(_Given(seen, threshold, iou_threshold, masks))
            self._given.notify()

    def sightings(self) -> LiveSightings:
        """Returns all that is remembered of what was put so far; on a worker, for it may take a while."""
        with self._lock:
            self._take_all()
            return self._live_log.sightings()

    def close(self) -> None:
        """Ends the thread; returns at once. What was put is still in the ``sightings``."""
        self.worker.stop()
        with self._given:
            self._given.notify()

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            with self._given:
                self._given.wait_for(lambda: self._waiting or stopping.is_set())
            if not stopping.is_set():
                with self._lock:
                    self._take_all()

    def _take_all(self) -> None:
        while True:
            with self._given:
                if not self._waiting:
                    return
                given = self._waiting.popleft()
            self._live_log.take(given.seen, given.threshold, given.iou_threshold, given.masks)

    def _broken(self, error: BaseException) -> None:
        _log.error("the events of the live view end here", exc_info=error)
