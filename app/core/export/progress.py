"""How far an export is: counted where frames are written, reported a few times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from app.core.export.request import ExportProgress
from app.core.export.seen import SeenSoFar

_EVERY_S = 0.1


class ProgressMeter:
    """Counts frames and reports; any thread of the job may call it.

    Args:
        report: Called on the thread that has something new; None for nobody.
        clock: Seconds, monotonic.

    Attributes:
        frames: Written so far.
        known: How many an earlier run had done.
        look: Returns what was found so far; called by ``step`` when it is time to report, and by ``finishing``.
    """

    def __init__(
        self, report: Callable[[ExportProgress], None] | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._report = report
        self._clock = clock
        self._lock = threading.Lock()  # never held while reporting
        self._stage: Literal["opening", "running", "finishing"] = "opening"
        self._total: int | None = None
        self._first_s = 0.0
        self._counted = 0
        self._fresh = False
        self._reported_s = 0.0
        self._paused: str | None = None
        self._paused_s = 0.0
        self._remark = ""
        self._seen: SeenSoFar | None = None
        self.look: Callable[[], SeenSoFar] | None = None
        self.known = 0
        self.frames = 0

    def opening(self, total: int | None) -> None:
        """The file is known: ``total`` frames, or None."""
        self._total = total
        self._tell()

    def remark(self, text: str) -> None:
        """Something a person should know now; told with the progress from here on."""
        self._remark = text
        self._tell()

    def step(self, fresh: bool = True) -> None:
        """One more frame is written.

        Args:
            fresh: The network ran on it. Those it did not come at another pace: rate and time left begin anew where
                they end.
        """
        with self._lock:
            now = self._clock()
            if self.frames == 0 or fresh != self._fresh:
                self._first_s, self._counted, self._fresh = now, 0, fresh
                self._stage = "running"
            self.frames += 1
            self._counted += 1
            due = self.frames == 1 or now - self._reported_s >= _EVERY_S
        if due:
            self._see()
            self._tell()

    def finishing(self) -> None:
        """All frames are written; the files get their names."""
        self._stage = "finishing"
        self._see()
        self._tell()

    def pausing(self, why: str | None) -> None:
        """Report a pause because of ``why`` ("": the user's), or its end for None. That time does not count as work."""
        with self._lock:
            now = self._clock()
            if why is not None and self._paused is None:
                self._paused_s = now
            elif why is None and self._paused is not None:
                self._first_s += now - self._paused_s
            self._paused = why
        self._tell()

    def _see(self) -> None:
        if self.look is not None:
            self._seen = self.look()

    def _tell(self) -> None:
        with self._lock:
            self._reported_s = self._clock()
            progress = self._progress()
        if self._report is not None:
            self._report(progress)

    def _progress(self) -> ExportProgress:
        spent = self._reported_s - self._first_s
        rate = (self._counted - 1) / spent if self._counted > 1 and spent > 0 else 0.0
        left = None
        # How long the network takes is not known before it ran.
        if self._total is not None and rate > 0 and (self._fresh or self.known >= self._total):
            left = max(0, self._total - self.frames) / rate
        if self._paused is not None:
            why = self._paused or self._remark
            return ExportProgress("paused", self.frames, self._total, 0.0, None, why, self._seen)
        return ExportProgress(self._stage, self.frames, self._total, rate, left, self._remark, self._seen)
