"""One export of a queue: its request, its job, and the files that no other may use meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.core.export.request import ExportProgress, ExportReport, ExportRequest
from app.core.export_queue.state import QueueItem
from app.core.jobs import ENDED, Job


@dataclass(slots=True, eq=False)
class QueueEntry:
    """An item of the queue with its job; guarded by the queue's lock.

    Attributes:
        number: Names it as long as the queue lives.
        request: What is done.
        size_bytes: Size of the source; 0 when it cannot be told.
        source: The location of the source.
        targets: The locations of the files it writes.
        replaces: Those of them that were there when it was added.
        job: The work on it.
    """

    number: int
    request: ExportRequest
    size_bytes: int
    source: str
    targets: frozenset[str]
    replaces: frozenset[str]
    job: Job[ExportProgress, ExportReport]

    @property
    def is_ready(self) -> bool:
        """Returns whether it may be begun."""
        return self.job.state == "waiting"

    @property
    def has_ended(self) -> bool:
        """Returns whether nothing more happens to it by itself."""
        return self.job.state in ENDED

    def item(self) -> QueueItem:
        """Returns it as it is now, for others."""
        job = self.job
        return QueueItem(
            self.number,
            self.request,
            self.size_bytes,
            job.state,
            job.begun,
            job.progress,
            job.result,
            "" if job.error is None else job.error.message,
            "" if job.error is None else job.error.hint,
            () if job.error is None else job.error.remedies,
        )


def used_locations(entries: Iterable[QueueEntry]) -> frozenset[str]:
    """The sources and targets of all, ended ones too: any may be tried again."""
    return frozenset(place for entry in entries for place in (entry.source, *entry.targets))
