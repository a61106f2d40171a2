"""How far an export is: counted where frames are written, reported a few times a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from app.core.export.request import ExportProgress

_EVERY_S = 0.1


class ProgressMeter:
    """Counts frames and reports.

    Args:
        report: Called on the counting thread; None for nobody.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, report: Callable[[ExportProgress], None] | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._report = report
        self._clock = clock
        self._stage: Literal["opening", "running", "finishing"] = "opening"
        self._total: int | None = None
        self._first_s = 0.0
        self._reported_s = 0.0
        self.frames = 0

    def opening(self, total: int | None) -> None:
        """The file is known: ``total`` frames, or None."""
        self._total = total
        self._tell()

    def step(self) -> None:
        """One more frame is written."""
        now = self._clock()
        if self.frames == 0:
            self._first_s = now
            self._stage = "running"
        self.frames += 1
        if self.frames == 1 or now - self._reported_s >= _EVERY_S:
            self._tell()

    def finishing(self) -> None:
        """All frames are written; the files get their names."""
        self._stage = "finishing"
        self._tell()

    def _tell(self) -> None:
        self._reported_s = self._clock()
        if self._report is None:
            return
        spent = self._reported_s - self._first_s
        rate = (self.frames - 1) / spent if self.frames > 1 and spent > 0 else 0.0
        left = None
        if self._total is not None and rate > 0:
            left = max(0, self._total - self.frames) / rate
        self._report(ExportProgress(self._stage, self.frames, self._total, rate, left))
