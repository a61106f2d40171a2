"""From worker threads to the GUI thread: "something is there, come and look", never the thing itself.

``Wake`` turns any number of calls on any threads into at most one queued signal; its slot is a bound method of a
QObject that lives in the GUI thread (a lambda would run on the worker). The GUI then pulls. So however fast a worker
is, the event queue holds one wake-up, and frames never pile up in it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal

from app.core.live.events import LiveEvent


class Wake(QObject):
    """A coalesced wake-up for the GUI thread. Create it there; call ``post`` anywhere."""

    _posted = Signal()

    def __init__(self, awake: Callable[[], None]) -> None:
        super().__init__()
        self._awake = awake
        self._lock = threading.Lock()
        self._pending = False
        self._closed = False
        self.posts = 0
        """Signals that really entered the event queue."""
        self._posted.connect(self._arrived, Qt.ConnectionType.QueuedConnection)

    def post(self) -> None:
        """Ask for one call of ``awake`` in the GUI thread; does nothing while one is already on its way."""
        with self._lock:
            if self._pending or self._closed:
                return
            self._pending = True
            self.posts += 1
            self._posted.emit()

    def close(self) -> None:
        """End the calls of ``awake``: none happens after this returns (GUI thread)."""
        with self._lock:
            self._closed = True

    def _arrived(self) -> None:
        with self._lock:
            self._pending = False
            if self._closed:
                return
        self._awake()


class Bridge:
    """Carries the two callbacks of a live session to the GUI thread.

    Args:
        on_results: Called in the GUI thread when the result slot has something new.
        on_event: Called in the GUI thread for each event, in order.
    """

    def __init__(self, on_results: Callable[[], None], on_event: Callable[[LiveEvent], None]) -> None:
        self._on_event = on_event
        self._events: deque[LiveEvent] = deque()
        self.results = Wake(on_results)
        self.events = Wake(self.drain)

    def results_ready(self) -> None:
        """Wakes the GUI thread for a result; for ``LiveSession(on_results_ready=...)``, any thread."""
        self.results.post()

    def event(self, event: LiveEvent) -> None:
        """Passes on an event; for ``LiveSession(on_event=...)``, any thread."""
        self._events.append(event)
        self.events.post()

    def close(self) -> None:
        """Deliver nothing more."""
        self.results.close()
        self.events.close()

    def drain(self) -> None:
        """Handle the events that have come so far (GUI thread)."""
        while self._events:
            self._on_event(self._events.popleft())
