"""Many exports, one after the other or a few at once; one that fails never stops the rest. No Qt; any thread may call.

Each place of the queue is a thread ``ssdv-export-place-N`` that takes the first waiting item, runs its job and takes
the next; it ends when nothing waits, so an idle queue owns no thread. ``on_change`` tells of each item's changes on
whatever thread they happen, one at a time and in order; who shows many items pulls ``snapshot``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from app.core.errors import AppError
from app.core.export.job_protocol import ExportWork, MakeJob, make_job
from app.core.export.request import ExportCancelledError, ExportProgress, ExportReport, ExportRequest
from app.core.export_queue.collisions import avoid_collisions, existing_targets, location_of, target_locations
from app.core.export_queue.entry import QueueEntry, used_locations
from app.core.export_queue.state import QueueItem, QueueSnapshot, time_left
from app.core.jobs import Job
from app.core.workers import Worker, join_all

log = logging.getLogger(__name__)

_SLICE_S = 0.5
_END_S = 5.0


class ExportQueue:
    """The items, their order and their states.

    Args:
        jobs: How many run at once.
        make: Makes a job, on the thread that will run it.
        on_change: Called with an item after each change, under the queue's lock: it must return soon.
    """

    def __init__(
        self, jobs: int = 1, make: MakeJob = make_job, on_change: Callable[[QueueItem], None] | None = None
    ) -> None:
        self._jobs = jobs
        self._make = make
        self._on_change = on_change
        # Reentrant: a signal handler may cancel while this very thread holds it.
        self._changed = threading.Condition(threading.RLock())
        self._adding = threading.Lock()  # names are chosen for one caller of ``add`` at a time
        self._entries: list[QueueEntry] = []
        self._number = 0
        self._places: dict[int, Worker] = {}  # those that work, or look for work
        self._left: list[Worker] = []  # those that found none, and end by themselves
        self._closed = False

    # What to do

    def add(self, requests: Iterable[ExportRequest]) -> tuple[int, ...]:
        """Append; work on them begins at once. Looks at the disk: not for the GUI thread.

        Files to write get a number where their names are another item's, or an item's source: no two exports share a
        file. A source that another item is about to write fails, and can be tried again later.

        Returns:
            The numbers of the new items.
        """
        asked = list(requests)
        with self._adding:
            added = self._append_all(asked)
        self._fill()
        return added

    def _append_all(self, asked: Sequence[ExportRequest]) -> tuple[int, ...]:
        with self._changed:
            entries = list(self._entries)
        waited_for = {place for entry in entries for place in entry.targets if not entry.has_ended}
        sources = [location_of(request.source) for request in asked]
        taken = {*used_locations(entries), *sources}
        added = []
        for request, source in zip(asked, sources, strict=True):
            # That it would write over its own source is for the job to say.
            request = avoid_collisions(request, taken - {source})
            targets = target_locations(request)
            taken |= targets
            added.append(self._append(request, source, targets, refused=source in waited_for))
        return tuple(added)

    def _append(self, request: ExportRequest, source: str, targets: frozenset[str], refused: bool) -> int:
        try:
            size = request.source.stat().st_size
        except OSError:  # the job will say what is wrong with it
            size = 0
        replaces = existing_targets(request)
        with self._changed:
            self._number += 1
            job: Job[ExportProgress, ExportReport] = Job(
                f"the export of {request.source}",
                lambda on_progress: self._make_apart(entry, on_progress),
                ExportCancelledError,
                lambda: self._tell(entry),
                self._changed,
            )
            entry = QueueEntry(self._number, request, size, source, targets, replaces, job)
            self._entries.append(entry)
            if refused:
                message = f"{request.source.name} is about to be written by this queue."
                job.fail(AppError(message, "Try it again then."))
            else:
                self._tell(entry)
            return entry.number

    def set_jobs(self, jobs: int) -> None:
        """Sets how many run at once from now on; those that run are left alone."""
        with self._changed:
            self._jobs = jobs
        self._fill()

    def move(self, number: int, to: int) -> None:
        """Put an item at the place ``to`` of the list, counted without itself; what waits is taken from the front."""
        with self._changed:
            for entry in self._some(number):
                self._entries.remove(entry)
                self._entries.insert(max(0, to), entry)
                self._tell(entry)

    def pause(self, number: int | None = None) -> None:
        """Hold one item, or all: what runs stands still where it is and keeps its place, what waits is not begun."""
        with self._changed:
            for entry in self._some(number):
                entry.job.pause()

    def resume(self, number: int | None = None) -> None:
        """Go on with one item, or all."""
        with self._changed:
            for entry in self._some(number):
                entry.job.resume()
        self._fill()

    def cancel(self, number: int | None = None) -> None:
        """Give up one item, or all that have not ended. One that runs ends soon, and can be taken up again."""
        with self._changed:
            entries = self._some(number)
            for entry in entries:
                if not entry.job.begun:  # before those that run: none is to be begun in the place of one that ends
                    entry.job.cancel()
        for entry in entries:
            entry.job.cancel()

    def retry(self, number: int) -> None:
        """Let an item that failed or was cancelled wait for its turn again."""
        with self._changed:
            for entry in self._some(number):
                entry.job.retry()
        self._fill()

    def forget_ended(self) -> None:
        """Take off the list what has ended."""
        with self._changed:
            self._entries = [entry for entry in self._entries if not entry.has_ended]

    def close(self, deadline_s: float) -> bool:
        """Cancel all, begin nothing more, tell nobody any more; wait for what runs, at most ``deadline_s``.

        Returns:
            False when a thread was left behind.
        """
        with self._changed:
            self._closed = True
            self._on_change = None
        self.cancel()
        return not join_all((*self._left, *self._places.values()), deadline_s)

    # How it is

    def snapshot(self) -> QueueSnapshot:
        """All items in order, and how long the rest takes."""
        with self._changed:
            items, jobs = tuple(entry.item() for entry in self._entries), self._jobs
        return QueueSnapshot(items, time_left(items, jobs))

    @property
    def busy(self) -> bool:
        """Returns whether any item has not ended."""
        with self._changed:
            return not all(entry.has_ended for entry in self._entries)

    def wait(self) -> QueueSnapshot:
        """Return when all items have ended, and with them the threads."""
        with self._changed:
            # In slices: on Windows a wait without end cannot be interrupted by Ctrl-C.
            while not self._changed.wait_for(lambda: not self.busy and not self._places, _SLICE_S):
                pass
            ending = tuple(self._left)
        join_all(ending, _END_S)
        return self.snapshot()

    # The places

    def _fill(self) -> None:
        """Starts a thread for each free place, as long as there is something to begin."""
        with self._changed:
            ready = 0 if self._closed else sum(entry.is_ready for entry in self._entries)
            self._left = [worker for worker in self._left if worker.alive]
            for place in range(1, self._jobs + 1):
                if ready > 0 and place not in self._places and len(self._places) < self._jobs:
                    ready -= 1
                    self._places[place] = Worker(f"export-place-{place}", partial(self._work, place), _broke)
                    self._places[place].start()

    def _work(self, place: int, _stopping: threading.Event) -> None:
        while (entry := self._begin(place)) is not None:
            entry.job.run()

    def _begin(self, place: int) -> QueueEntry | None:
        """Takes the next item, or gives the place up; under the lock, so that no item is overlooked meanwhile."""
        with self._changed:
            entry = next((entry for entry in self._entries if entry.is_ready), None)
            if entry is None or self._closed or len(self._places) > self._jobs:
                self._left.append(self._places.pop(place))
                self._changed.notify_all()
                return None
            entry.job.begin()
            return entry

    def _make_apart(self, entry: QueueEntry, on_progress: Callable[[ExportProgress], None]) -> ExportWork:
        """Makes the work, under other names where files came under its own while it waited."""
        newcomers = existing_targets(entry.request) - entry.replaces
        if newcomers:
            with self._adding:
                with self._changed:
                    others = used_locations(other for other in self._entries if other is not entry)
                request = avoid_collisions(entry.request, newcomers | others)
                targets = target_locations(request)
                with self._changed:
                    entry.request, entry.targets = request, targets
                    self._tell(entry)
        return self._make(entry.request, on_progress)

    # Inside; the caller holds the lock

    def _some(self, number: int | None) -> list[QueueEntry]:
        return [entry for entry in self._entries if number is None or entry.number == number]

    def _tell(self, entry: QueueEntry) -> None:
        if self._on_change is not None:
            self._on_change(entry.item())
        self._changed.notify_all()


def _broke(error: BaseException) -> None:
    log.error("a place of the queue broke down", exc_info=error)
