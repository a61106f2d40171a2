"""Offers, at the start, to resume or discard the exports that an earlier run did not finish. GUI thread.

Their files are read and removed on a worker. What is neither resumed nor discarded is offered again at the next start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from PySide6.QtCore import QObject, Signal

from app.core.export_queue.interrupted import InterruptedExport, discard, interrupted_exports, resume_request
from app.core.export_queue.saved_queue import AbandonedQueue, abandoned_queue, forget_lists
from app.ui.services.background import Background
from app.ui.services.queue_runner import QueueRunner
from app.ui.widgets.banner import Banner

TOPIC = "unfinished"
_DAMAGED = "A list of exports that waited is damaged and was left out."


@dataclass(frozen=True, slots=True)
class UnfinishedWork:
    """The exports that earlier runs did not finish.

    Attributes:
        interrupted: Exports that were interrupted.
        abandoned: Exports that were still waiting.
    """

    interrupted: tuple[InterruptedExport, ...] = ()
    abandoned: AbandonedQueue = field(default_factory=AbandonedQueue)


def find_unfinished() -> UnfinishedWork:
    """Looks for them on the disk; for a worker."""
    interrupted = interrupted_exports()
    return UnfinishedWork(interrupted, abandoned_queue([one.request for one in interrupted]))


class UnfinishedExports(QObject):
    """Looks for unfinished exports and offers them.

    Args:
        banner: Where they are offered.
        background: Reads the disk.
        queue: Resumes them.
        parent: Owns this object.
    """

    resumed = Signal()
    """They are in the queue now."""

    def __init__(self, banner: Banner, background: Background, queue: QueueRunner, parent: QObject) -> None:
        super().__init__(parent)
        self._banner, self._background, self._queue = banner, background, queue
        self._found = UnfinishedWork()

    def look(self) -> None:
        """Look for them; the banner offers any that there are."""
        self._background.run("unfinished", find_unfinished, self._offer)

    def _offer(self, unfinished: UnfinishedWork) -> None:
        self._found = unfinished
        count = len(unfinished.interrupted) + len(unfinished.abandoned.requests)
        if not count:
            if unfinished.abandoned.damaged:
                self._banner.tell("warning", _DAMAGED, "Add those videos again.", topic=TOPIC)
            return
        hint = "What was found until then is kept. " if unfinished.interrupted else ""
        hint += f"Resuming uses the settings {'it' if count == 1 else 'they'} began with."
        self._banner.tell(
            "warning",
            summary(unfinished),
            f"{hint} {_DAMAGED}" if unfinished.abandoned.damaged else hint,
            topic=TOPIC,
            action=("Resume", self._resume),
            other=("Discard", self._discard),
        )

    def _resume(self) -> None:
        unfinished, self._found = self._found, UnfinishedWork()
        # Their marks and lists go when the queue has written down that they are its own now.
        self._queue.add_again(
            [*(interrupted.again for interrupted in unfinished.interrupted), *unfinished.abandoned.requests],
            then=partial(_taken_over, unfinished),
        )
        self.resumed.emit()

    def _discard(self) -> None:
        unfinished, self._found = self._found, UnfinishedWork()

        def work() -> None:
            for interrupted in unfinished.interrupted:
                discard(interrupted)
            forget_lists(unfinished.abandoned.files)

        self._background.run("unfinished-discard", work, _nothing)


def _taken_over(unfinished: UnfinishedWork) -> None:
    for interrupted in unfinished.interrupted:
        resume_request(interrupted)
    forget_lists(unfinished.abandoned.files)


def summary(unfinished: UnfinishedWork) -> str:
    """Says in one line what was not finished."""
    interrupted, waiting = unfinished.interrupted, unfinished.abandoned.requests
    if not interrupted:
        first = waiting[0].source.name
        if len(waiting) == 1:
            return f"The export of {first} was still waiting."
        return f"{len(waiting)} exports were still waiting, of {first} and others."
    request = interrupted[0].request
    first, what = request.source.name, "export" if request.analysis is None else "analysis"
    more = f"; {len(waiting)} more {'was' if len(waiting) == 1 else 'were'} waiting" if waiting else ""
    if len(interrupted) > 1:
        return f"{len(interrupted)} exports were interrupted, of {first} and others{more}."
    at = "" if interrupted[0].part_done is None else f" at {int(interrupted[0].part_done * 100)} %"
    return f"The {what} of {first} was interrupted{at}{more}."


def _nothing(_: object) -> None:
    """Ignores that it is done."""
