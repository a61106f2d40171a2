"""Optimising a model for this computer: started, watched and cancelled here, done on a worker. GUI thread.

The worker reports on its own thread; its newest report is kept and fetched here after one coalesced wake-up.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.core.errors import ExplainedError
from app.ui.services.bridge import Wake
from app.ui.services.library_client import LibraryClient

if TYPE_CHECKING:
    from detector.runtime.quantise import OptimisedModel


class OptimiseRunner(QObject):
    """Optimises one model at a time: it takes the whole processor."""

    changed = Signal()
    """One started, is further, or ended."""
    finished = Signal(str, object)
    """Name, and ``OptimisedModel``."""
    failed = Signal(str, object)
    """Name, ``ExplainedError``."""
    cancelled = Signal(str)
    """Name."""

    def __init__(self, library: LibraryClient) -> None:
        super().__init__()
        self._library = library
        self._stop = threading.Event()
        self._latest = ("", 0.0)
        self._wake = Wake(self.changed.emit)
        self.running = ""
        """Name of the model that is being optimised."""

    @property
    def progress(self) -> tuple[str, float]:
        """The present step in words, and the share of the whole that is done, 0..1."""
        return self._latest

    @property
    def is_stopping(self) -> bool:
        """Returns whether it was cancelled and has not ended yet."""
        return bool(self.running) and self._stop.is_set()

    def start(self, name: str) -> None:
        """Begin; ``finished``, ``failed`` or ``cancelled`` follows."""
        if self.running:
            return
        self.running, self._stop, self._latest = name, threading.Event(), ("", 0.0)

        def report(words: str, share: float) -> None:
            self._latest = (words, share)
            self._wake.post()

        self._library.optimise(name, report, self._stop, self._done, self._failed)
        self.changed.emit()

    def cancel(self) -> None:
        """Ask it to stop; it ends soon, and an earlier result stays."""
        self._stop.set()
        self.changed.emit()

    def close(self) -> None:
        """Cancel, and emit nothing more."""
        self._wake.close()
        self._stop.set()

    def _done(self, done: OptimisedModel) -> None:
        name, self.running = self.running, ""
        self.changed.emit()
        self.finished.emit(name, done)

    def _failed(self, error: ExplainedError) -> None:
        name, self.running = self.running, ""
        self.changed.emit()
        if self._stop.is_set():
            self.cancelled.emit(name)  # the user asked for it: no failure
        else:
            self.failed.emit(name, error)
