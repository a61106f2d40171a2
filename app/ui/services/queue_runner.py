"""The window's queue of exports: carries its changes to the GUI thread, and what looks at the disk away from it.

The queue changes on its own threads; any number of changes is one coalesced wake-up, after which a snapshot is pulled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.errors import ExplainedError
from app.core.export.job_protocol import MakeJob
from app.core.export.request import ExportRequest
from app.core.export_queue.batch import BatchOptions, batch_requests
from app.core.export_queue.queue import ExportQueue
from app.core.export_queue.saved_queue import SavedQueue
from app.core.export_queue.state import QueueItem, QueueSnapshot
from app.core.export_queue.video_search import FoundVideo, SearchResult, find_videos
from app.core.jobs import ENDED
from app.ui.services.background import Background
from app.ui.services.bridge import Wake
from app.ui.services.export_runner import make_job


class VideoSearch(QObject):
    """Searches for videos, one search at a time; a new one, or ``stop``, ends the one before."""

    counted = Signal(int)
    """Videos found so far."""
    found = Signal(object)
    """``SearchResult``."""

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._wake = Wake(self._tell_count)
        self._number = 0  # of the search that counts
        self._count = 0

    def start(self, paths: Iterable[Path]) -> None:
        """Look for videos; ``found`` follows."""
        self._number += 1
        number, chosen = self._number, tuple(paths)
        self._count = 0

        def count(so_far: int) -> None:
            if number == self._number:
                self._count = so_far
                self._wake.post()

        def work() -> SearchResult:
            return find_videos(chosen, count, lambda: number != self._number)

        def done(found: SearchResult) -> None:
            if number == self._number:
                self.found.emit(found)

        self._background.run("find-videos", work, done)

    def stop(self) -> None:
        """End the search; nothing more is emitted."""
        self._number += 1

    def _tell_count(self) -> None:
        if self._count:
            self.counted.emit(self._count)


class QueueRunner(QObject):
    """Owns the queue, and keeps a list of it on the disk until it ends."""

    changed = Signal(object)
    """``QueueSnapshot``."""
    ended = Signal(object)
    """``QueueSnapshot``, once all items have ended."""
    refused = Signal(object)
    """``ExplainedError``: the videos could not even be added."""

    def __init__(self, background: Background, make: MakeJob = make_job) -> None:
        super().__init__()
        self._background = background
        self._wake = Wake(self._pull)
        self._adding = 0
        self._untold = False  # something began, and its end was not told yet
        self._list = SavedQueue()
        self._listed: tuple[ExportRequest, ...] = ()
        self._listing = False
        self.queue = ExportQueue(make=make, on_change=self._note)
        """To pause, move, cancel and retry; to add, ask the runner."""

    @property
    def running(self) -> bool:
        """Returns whether anything is being exported, waits or is paused."""
        return self._adding > 0 or self.queue.busy

    def add(self, videos: Iterable[FoundVideo], options: BatchOptions) -> None:
        """Append the videos; work begins at once."""
        chosen = tuple(videos)
        self._append(lambda: batch_requests(chosen, options))

    def add_again(self, requests: Iterable[ExportRequest], then: Callable[[], None] = lambda: None) -> None:
        """Append exports that were asked for before, as they were; ``then``, on a worker: they are remembered here."""
        chosen = tuple(requests)
        self._append(lambda: chosen, then)

    def _append(self, requests: Callable[[], Iterable[ExportRequest]], then: Callable[[], None] = lambda: None) -> None:
        self._adding += 1

        def work() -> None:
            self.queue.add(requests())
            if self._list.keep(_open_in(self.queue.snapshot())):
                then()

        def added(_: None) -> None:
            self._adding -= 1
            self._pull()

        def failed(error: ExplainedError) -> None:
            self._adding -= 1
            self.refused.emit(error)

        self._background.run("queue-add", work, added, failed)

    def refresh(self) -> None:
        """Emit the queue as it is, after a change that it does not report itself."""
        self._wake.post()

    def close(self, deadline_s: float) -> bool:
        """Cancel all and tell nobody any more; what ran can be taken up again. False: a thread was left behind."""
        self._wake.close()
        self._adding = 0  # nobody will be told of what is being added
        self._list.keep(_open_in(self.queue.snapshot()))
        self._list.close()
        return self.queue.close(deadline_s)

    def _note(self, item: QueueItem) -> None:
        if item.state not in ENDED:
            self._untold = True
        self._wake.post()

    def _pull(self) -> None:
        snapshot: QueueSnapshot = self.queue.snapshot()
        self.changed.emit(snapshot)
        self._remember(_open_in(snapshot))
        if self._untold and not self.running:
            self._untold = False
            self.ended.emit(self.queue.snapshot())

    def _remember(self, requests: tuple[ExportRequest, ...]) -> None:
        """Have what is not done written down, one list after the other; of several meanwhile the last counts."""
        if self._listing or requests == self._listed:
            return
        self._listing, self._listed = True, requests

        def kept(_: bool) -> None:
            self._listing = False
            self._remember(_open_in(self.queue.snapshot()))

        self._background.run("queue-list", lambda: self._list.keep(requests), kept)


def _open_in(snapshot: QueueSnapshot) -> tuple[ExportRequest, ...]:
    """Returns the exports that have not ended, whether they have begun or not."""
    return tuple(item.request for item in snapshot.items if item.state not in ENDED)
