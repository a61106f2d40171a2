"""A queue of exports at one moment, as immutable values that cross threads, and the time that is left."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.export.request import ExportProgress, ExportReport, ExportRequest
from app.core.jobs import ENDED, JobState
from detector.errors import Remedy


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One video of the queue.

    Attributes:
        number: Names the item as long as the queue lives.
        request: What is done; its files may have other names than asked for, see ``ExportQueue.add``.
        size_bytes: Size of the source; 0 when it cannot be told.
        state: Where it stands.
        begun: Whether a job works on it, be it paused or not.
        progress: The newest of its job.
        report: What it did, once it is done.
        message: Why it failed.
        hint: What to do about that.
        remedies: The options and commands that the hint speaks of.
    """

    number: int
    request: ExportRequest
    size_bytes: int = 0
    state: JobState = "waiting"
    begun: bool = False
    progress: ExportProgress | None = None
    report: ExportReport | None = None
    message: str = ""
    hint: str = ""
    remedies: tuple[Remedy, ...] = ()

    @property
    def part_done(self) -> float:
        """0 to 1; 0 while it is not known."""
        if self.state == "done":
            return 1.0
        if self.progress is None or not self.progress.frames_total:
            return 0.0
        return min(1.0, self.progress.frames_done / self.progress.frames_total)


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """The queue at one moment.

    Attributes:
        items: In the order in which they are taken.
        eta_s: Seconds until the last one ends, as far as can be told; None before the first frames.
    """

    items: tuple[QueueItem, ...]
    eta_s: float | None

    @property
    def counts(self) -> dict[JobState, int]:
        """Returns how many are in each state."""
        counts: Counter[JobState] = Counter(item.state for item in self.items)
        return dict(counts)

    @property
    def busy(self) -> bool:
        """Returns whether any has not ended."""
        return any(item.state not in ENDED for item in self.items)


def time_left(items: Sequence[QueueItem], jobs: int) -> float | None:
    """Seconds until all have ended; paused ones count as if they went on now.

    Files not begun are reckoned by their size, from how long a byte of the others took: their frames are not known
    before they are opened. Those that wait are given, in order, to the place that is free first.
    """
    if all(item.state in ENDED for item in items):
        return 0.0
    pace = _seconds_per_byte(items)
    places = []
    for item in items:
        if item.begun and item.state not in ENDED:
            left = item.progress.eta_s if item.progress is not None else None
            if left is None and pace is not None:
                left = pace * item.size_bytes
            if left is None:
                return None
            places.append(left)
    waiting = [item.size_bytes for item in items if not item.begun and item.state not in ENDED]
    if waiting and pace is None:
        return None
    places += [0.0] * (jobs - len(places))
    heapq.heapify(places)
    for size in waiting:
        heapq.heapreplace(places, places[0] + (pace or 0.0) * size)
    return max(places)


def _seconds_per_byte(items: Sequence[QueueItem]) -> float | None:
    """Returns how long a byte of source takes one job; None while nothing can be told."""
    seconds, size = 0.0, 0
    for item in items:
        if item.report is not None:
            seconds += item.report.seconds
            size += item.size_bytes
        elif item.progress is not None and item.progress.frames_total and item.progress.frames_per_s > 0:
            seconds += item.progress.frames_total / item.progress.frames_per_s
            size += item.size_bytes
    return seconds / size if size > 0 else None
