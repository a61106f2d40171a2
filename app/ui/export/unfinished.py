"""At the start: exports that were cut short or still waited are offered again, to go on with or to give up. GUI thread.

The files that tell of them are looked at, and removed, on a worker. What is neither gone on with nor given up is
offered again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from PySide6.QtCore import QObject

from app.core.export_queue.interrupted import Begun, discard, interrupted, take
from app.core.export_queue.saved_queue import Left, forget, left_waiting
from app.ui.export.queue_runner import QueueRunner
from app.ui.widgets.background import Background
from app.ui.widgets.banner import Banner

TOPIC = "unfinished"


@dataclass(frozen=True, slots=True)
class Rest:
    """What earlier windows did not do.

    Attributes:
        begun: Exports that were interrupted.
        left: Exports that were still waiting.
    """

    begun: tuple[Begun, ...] = ()
    left: Left = field(default_factory=Left)


def look_for_rest() -> Rest:
    """For a worker."""
    begun = interrupted()
    return Rest(begun, left_waiting([one.request for one in begun]))


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
        count = len(rest.begun) + len(rest.left.requests)
        if not count:
            if rest.left.damaged:
                self._banner.tell("warning", _DAMAGED, "Add those videos again.", topic=TOPIC)
            return
        hint = "What was found until then is kept. " if rest.begun else ""
        hint += f"Going on uses the settings {'it' if count == 1 else 'they'} began with."
        self._banner.tell(
            "warning",
            words(rest),
            f"{hint} {_DAMAGED}" if rest.left.damaged else hint,
            topic=TOPIC,
            action=("Go on", self._go_on),
            other=("Discard", self._discard),
        )

    def _go_on(self) -> None:
        rest, self._rest = self._rest, Rest()
        # Their marks and lists go when the queue has written down that they are its own now.
        self._queue.add_again(
            [*(begun.again for begun in rest.begun), *rest.left.requests], then=partial(_taken_over, rest)
        )
        self._show_queue()

    def _discard(self) -> None:
        rest, self._rest = self._rest, Rest()

        def work() -> None:
            for begun in rest.begun:
                discard(begun)
            forget(rest.left.files)

        self._background.run("unfinished-discard", work, _nothing)


_DAMAGED = "A list of exports that waited is damaged and was left out."


def _taken_over(rest: Rest) -> None:
    for begun in rest.begun:
        take(begun)
    forget(rest.left.files)


def words(rest: Rest) -> str:
    """What was not done, in one line."""
    begun, waiting = rest.begun, rest.left.requests
    if not begun:
        first = waiting[0].source.name
        if len(waiting) == 1:
            return f"The export of {first} was still waiting."
        return f"{len(waiting)} exports were still waiting, of {first} and others."
    first = begun[0].request.source.name
    more = f"; {len(waiting)} more {'was' if len(waiting) == 1 else 'were'} waiting" if waiting else ""
    if len(begun) > 1:
        return f"{len(begun)} exports were interrupted, of {first} and others{more}."
    at = "" if begun[0].part_done is None else f" at {int(begun[0].part_done * 100)} %"
    return f"The export of {first} was interrupted{at}{more}."


def _nothing(_: object) -> None:
    """Nobody waits for it."""
