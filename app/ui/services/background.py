"""Slow calls away from the GUI thread: listing cameras and models, writing settings, probing files.

Each call gets a daemon thread of its own named ``ssdv-ui-*``, so one that hangs in a driver delays no other and never
keeps the process alive. The answer comes back through one ``Wake``; ``done`` and ``failed`` run in the GUI thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from app.core.errors import ExplainedError
from app.ui.services.bridge import Wake

_log = logging.getLogger(__name__)
T = TypeVar("T")
Failed = Callable[[ExplainedError], None]


class Background:
    """Runs slow calls; create it in the GUI thread."""

    def __init__(self) -> None:
        self._answers: deque[Callable[[], None]] = deque()
        self._wake = Wake(self._deliver)
        self._threads: list[threading.Thread] = []
        self._count = 0

    def run(self, name: str, work: Callable[[], T], done: Callable[[T], None], failed: Failed | None = None) -> None:
        """Call ``work`` on a thread, then ``done(result)`` or ``failed(error)`` here.

        Args:
            name: Part of the thread's name.
            work: The slow call; touches no widget.
            done: Receives the result.
            failed: Receives what went wrong; without it failures are only logged.
        """

        def body() -> None:
            try:
                result = work()
            except ExplainedError as error:
                self._fail(failed, name, error)
            except Exception as error:
                _log.exception("%s failed", name)
                self._fail(failed, name, ExplainedError(f"{name}: {error}"))
            else:
                self._answers.append(lambda: done(result))
            self._wake.post()

        self._count += 1
        thread = threading.Thread(target=body, name=f"ssdv-ui-{name}-{self._count}", daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()]
        self._threads.append(thread)
        thread.start()

    @property
    def busy(self) -> bool:
        """Returns whether any call is still running."""
        return any(thread.is_alive() for thread in self._threads) or bool(self._answers)

    def close(self, deadline_s: float = 1.0) -> bool:
        """Deliver nothing more; wait for what is still running, at most ``deadline_s`` in all.

        Returns:
            False when something was left running (a daemon thread, named in the log).
        """
        self._wake.close()
        end = time.monotonic() + deadline_s
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        left = [thread.name for thread in self._threads if thread.is_alive()]
        if left:
            _log.info("left running at close: %s", ", ".join(left))
        return not left

    def _fail(self, failed: Failed | None, name: str, error: ExplainedError) -> None:
        if failed is None:
            _log.info("%s: %s", name, error)
        else:
            self._answers.append(lambda: failed(error))

    def _deliver(self) -> None:
        while self._answers:
            self._answers.popleft()()
