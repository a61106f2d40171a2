"""How far a download is, told to whoever asked, on the thread that downloads."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_REPORT_EVERY_S = 0.1
_SPEED_OVER_S = 5.0


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """The progress of a download.

    Attributes:
        done_bytes: On this computer, those of earlier attempts included.
        total_bytes: Of the whole file; None where the server does not say.
        bytes_per_s: Over the last seconds; 0 at the start.
    """

    done_bytes: int
    total_bytes: int | None
    bytes_per_s: float


OnProgress = Callable[[DownloadProgress], None]


class Meter:
    """Tells of progress, not too often, with the speed of the last seconds."""

    def __init__(self, on_progress: OnProgress | None) -> None:
        self._on_progress = on_progress
        self._marks: deque[tuple[float, int]] = deque()

    def show(self, done: int, total: int | None, *, force: bool = False) -> None:
        """Take over the newest state."""
        now = time.monotonic()
        if self._marks and not force and now - self._marks[-1][0] < _REPORT_EVERY_S:
            return
        if self._marks and done < self._marks[-1][1]:
            self._marks.clear()  # started over
        self._marks.append((now, done))
        while len(self._marks) > 2 and now - self._marks[0][0] > _SPEED_OVER_S:
            self._marks.popleft()
        then, before = self._marks[0]
        speed = (done - before) / (now - then) if now > then else 0.0
        if self._on_progress is not None:
            self._on_progress(DownloadProgress(done, total, speed))
