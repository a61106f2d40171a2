"""At the start: exports that were cut short or still waited are offered again, to go on with or to give up. GUI thread.

The files that tell of them are looked at, and removed, on a worker. What is neither gone on with nor given up is
offered again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from PySide6.QtCore import QObject

from app.core.export_queue.interrupted import InterruptedExport, discard, interrupted_exports, resume_request
from app.core.export_queue.saved_queue import AbandonedQueue, abandoned_queue, forget_lists
from app.ui.services.background import Background
from app.ui.services.queue_runner import QueueRunner
from app.ui.widgets.banner import Banner

TOPIC = "unfinished"


@dataclass(frozen=True, slots=True)
class Rest:
    """What earlier windows did not do.

    Attributes:
        interrupted: Exports that were interrupted.
        abandoned: Exports that were still waiting.
    """

    interrupted: tuple[InterruptedExport, ...] = ()
    abandoned: AbandonedQueue = field(default_factory=AbandonedQueue)


def look_for_rest() -> Rest:
    """For a worker."""
    interrupted = interrupted_exports()
    return Rest(interrupted, abandoned_queue([one.request for one in interrupted]))


class Unfinished(QObject):
    """Offers what was not done.

    Args:
        banner: Where.
        background: For what looks at the disk.
        queue: Goes on with it.
        show_queue: Brings the queue's dialog to the front.
        parent: Qt's.
    """

    def __init__(
        self,
        banner: Banner,
        background: Background,
        queue: QueueRunner,
        show_queue: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._banner, self._background, self._queue, self._show_queue = banner, background, queue, show_queue
        self._rest = Rest()

    def look(self) -> None:
        """Look for exports that were not done; the banner tells of them, if there are any."""
        self._background.run("unfinished", look_for_rest, self._offer)

    def _offer(self, rest: Rest) -> None:
        self._rest = rest
        count = len(rest.interrupted) + len(rest.abandoned.requests)
        if not count:
            if rest.abandoned.damaged:
                self._banner.tell("warning", _DAMAGED, "Add those videos again.", topic=TOPIC)
            return
        hint = "What was found until then is kept. " if rest.interrupted else ""
        hint += f"Resuming uses the settings {'it' if count == 1 else 'they'} began with."
        self._banner.tell(
            "warning",
            words(rest),
            f"{hint} {_DAMAGED}" if rest.abandoned.damaged else hint,
            topic=TOPIC,
            action=("Resume", self._go_on),
            other=("Discard", self._discard),
        )

    def _go_on(self) -> None:
        rest, self._rest = self._rest, Rest()
        # Their marks and lists go when the queue has written down that they are its own now.
        self._queue.add_again(
            [*(interrupted.again for interrupted in rest.interrupted), *rest.abandoned.requests],
            then=partial(_taken_over, rest),
        )
        self._show_queue()

    def _discard(self) -> None:
        rest, self._rest = self._rest, Rest()

        def work() -> None:
            for interrupted in rest.interrupted:
                discard(interrupted)
            forget_lists(rest.abandoned.files)

        self._background.run("unfinished-discard", work, _nothing)


_DAMAGED = "A list of exports that waited is damaged and was left out."


def _taken_over(rest: Rest) -> None:
    for interrupted in rest.interrupted:
        resume_request(interrupted)
    forget_lists(rest.abandoned.files)


def words(rest: Rest) -> str:
    """What was not done, in one line."""
    interrupted, waiting = rest.interrupted, rest.abandoned.requests
    if not interrupted:
        first = waiting[0].source.name
        if len(waiting) == 1:
            return f"The export of {first} was still waiting."
        return f"{len(waiting)} exports were still waiting, of {first} and others."
    first = interrupted[0].request.source.name
    more = f"; {len(waiting)} more {'was' if len(waiting) == 1 else 'were'} waiting" if waiting else ""
    if len(interrupted) > 1:
        return f"{len(interrupted)} exports were interrupted, of {first} and others{more}."
    at = "" if interrupted[0].part_done is None else f" at {int(interrupted[0].part_done * 100)} %"
    return f"The export of {first} was interrupted{at}{more}."


def _nothing(_: object) -> None:
    """Nobody waits for it."""
