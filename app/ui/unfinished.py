"""At the start: exports that were cut short are offered again, to go on with or to give up. GUI thread.

The marks are looked at, and removed, on a worker. What is neither gone on with nor given up is offered again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject

from app.core.export.begun import Begun, discard, interrupted, take
from app.ui.background import Background
from app.ui.banner import Banner
from app.ui.queue_runner import QueueRunner

TOPIC = "unfinished"


class Unfinished(QObject):
    """Offers what was interrupted.

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
        self._found: tuple[Begun, ...] = ()

    def look(self) -> None:
        """Look for interrupted exports; the banner tells of them, if there are any."""
        self._background.run("unfinished", interrupted, self._offer)

    def _offer(self, found: tuple[Begun, ...]) -> None:
        if not found:
            return
        self._found = found
        what = "it" if len(found) == 1 else "them"
        self._banner.tell(
            "warning",
            words(found),
            f"What was found until then is kept. Going on uses the settings {what} began with.",
            topic=TOPIC,
            action=("Go on", self._go_on),
            other=("Discard", self._discard),
        )

    def _go_on(self) -> None:
        self._queue.add_again([begun.request for begun in self._found])
        for begun in self._found:
            self._background.run("unfinished-take", partial(take, begun), _nothing)
        self._found = ()
        self._show_queue()

    def _discard(self) -> None:
        for begun in self._found:
            self._background.run("unfinished-discard", partial(discard, begun), _nothing)
        self._found = ()


def words(found: tuple[Begun, ...]) -> str:
    """What was interrupted, in one line."""
    first = found[0]
    if len(found) > 1:
        return f"{len(found)} exports were interrupted, of {first.request.source.name} and others."
    at = "" if first.part_done is None else f" at {int(first.part_done * 100)} %"
    return f"The export of {first.request.source.name} was interrupted{at}."


def _nothing(_: object) -> None:
    """Nobody waits for it."""
