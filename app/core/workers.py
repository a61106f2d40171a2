"""Named daemon threads with a stop event, an error callback and a join that gives up after a deadline.

A worker is started and stopped by its session; its target runs on the new thread and owns whatever it opens there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

log = logging.getLogger(__name__)

PREFIX = "ssdv-"


class Deadline:
    """A moment on the monotonic clock that several waits share."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds until then, never negative."""
        return max(0.0, self._at - time.monotonic())


class Worker:
    """One thread.

    Args:
        name: Shown in logs and debuggers; "ssdv-" is put in front.
        target: Runs on the thread; returns soon after ``stop`` is set.
        on_error: Called on the thread with whatever escapes from ``target``.
    """

    def __init__(
        self, name: str, target: Callable[[threading.Event], None], on_error: Callable[[BaseException], None]
    ) -> None:
        self.name = name if name.startswith(PREFIX) else PREFIX + name
        self._target = target
        self._on_error = on_error
        self.stopping = threading.Event()
        # Daemon: a thread stuck in a camera driver must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        """Begin; once only."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; returns at once."""
        self.stopping.set()

    def join(self, deadline_s: float) -> bool:
        """Wait up to ``deadline_s`` seconds; True when the thread has ended (or never began)."""
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(deadline_s)
        return not self.alive

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._target(self.stopping)
        except BaseException as error:
            self._on_error(error)


def join_all(workers: Iterable[Worker], deadline_s: float) -> list[str]:
    """Join in the given order, all within one deadline; the names of those still running are logged and returned."""
    deadline = Deadline(deadline_s)
    late = [worker.name for worker in workers if not worker.join(deadline.left_s)]
    if late:
        log.warning("left behind after %.1f s: %s", deadline_s, ", ".join(late))
    return late
