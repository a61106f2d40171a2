"""Works off what ``annotate`` is asked for, one video after the other or several at once. Main thread.

The queue's threads put every change into a line; bars and words are drawn here, from its other end.
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from app.cli.annotate_text import ExportBar, between_bars, tell
from app.cli.console import Console
from app.cli.interrupt import cancel_on_interrupt
from app.cli.remedies import with_flags

if TYPE_CHECKING:
    from app.core.export.request import ExportRequest
    from app.core.export_queue.state import QueueItem

_SLICE_S = 0.5


def export_all(
    requests: Iterable[ExportRequest], jobs: int, console: Console, tells: bool = True
) -> tuple[QueueItem, ...]:
    """Do all of it; what fails is said, and the rest goes on.

    Args:
        requests: What to do.
        jobs: How many at a time.
        console: Where to say it.
        tells: Say also what was done.

    Returns:
        How each ended, in the order asked for.

    Raises:
        KeyboardInterrupt: Ctrl-C; what ran can be resumed.
    """
    from app.core.export_queue.queue import ExportQueue

    changes: queue.SimpleQueue[QueueItem] = queue.SimpleQueue()
    work = ExportQueue(jobs, on_change=changes.put)
    presses: list[int] = []

    def cancel() -> None:
        presses.append(1)
        work.cancel()

    # Not before they are all known: what ends early must not be taken for the end of all.
    with cancel_on_interrupt(cancel):
        open_numbers = set(work.add(requests))
        if presses:  # while they were added
            work.cancel()
        board = _Board(console, len(open_numbers) > 1, tells)
        while open_numbers:
            with contextlib.suppress(queue.Empty):  # in slices, as Ctrl-C cannot end a wait on Windows
                item = changes.get(timeout=_SLICE_S)
                board.show(item)
                if item.state in ("done", "failed", "cancelled"):
                    open_numbers.discard(item.number)
        items = work.wait().items
    if any(item.state == "cancelled" for item in items):
        console.note(_how_to_go_on([item.request for item in items]))
        raise KeyboardInterrupt
    return items


def _how_to_go_on(requests: Sequence[ExportRequest]) -> str:
    if any(request.cache == "drop" for request in requests):
        return "What was found is kept until then: with --resume the same command goes on from there."
    if any(request.analysis is not None for request in requests):
        return "What was found is kept: the same command goes on from there."
    return "What was found is kept: the same command goes on from there (with --resume past what is done)."


class _Board:
    """The bars of what runs, and a few lines for each video that ended."""

    def __init__(self, console: Console, several: bool, tells: bool) -> None:
        self._console = console
        self._tells = tells
        self._several = several
        self._bars: dict[int, tuple[int, ExportBar]] = {}
        """Line and bar by item."""
        self._said: dict[int, str] = {}
        """The last remark on each."""

    def show(self, item: QueueItem) -> None:
        """Take over a change."""
        if item.begun:
            self._bar(item)
            return
        _, bar = self._bars.pop(item.number, (0, None))
        if bar is not None:
            bar.close()
        with between_bars():
            self._tell_end(item)

    def _tell_end(self, item: QueueItem) -> None:
        if item.report is not None:
            tell(self._console, item.report, item.request.detection.threshold, self._tells)
        elif item.state == "failed":
            name = item.request.source.name
            named = not self._several or name in item.message
            text = f"{item.message} {with_flags(item.hint, item.remedies)}".strip()
            self._console.error(text if named else f"{name}: {text}")

    def _bar(self, item: QueueItem) -> None:
        if item.number not in self._bars:
            taken = {line for line, _ in self._bars.values()}
            line = next(line for line in range(len(taken) + 1) if line not in taken)
            self._bars[item.number] = line, ExportBar(item.request.source.name, self._console.shows_progress, line)
        if item.progress is None:
            return
        _, bar = self._bars[item.number]
        if item.progress.remark and item.progress.remark != self._said.get(item.number):
            self._said[item.number] = item.progress.remark
            with between_bars():
                self._console.note(f"{item.request.source.name}: {item.progress.remark}")
        bar.show(item.progress)
