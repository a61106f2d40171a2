"""Downloads of models: started, watched and cancelled here, done on workers. GUI thread.

A download reports on its own thread; its newest report is kept and fetched here after one coalesced wake-up. What a
cancelled download has fetched stays on disk, so that the next one goes on from there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from app.core.errors import ExplainedError
from app.ui.services.background import Background
from app.ui.services.bridge import Wake


class FetchProgress(Protocol):
    """The part of ``detector.download.DownloadProgress`` that is shown."""

    @property
    def done_bytes(self) -> int: ...
    @property
    def total_bytes(self) -> int | None: ...
    @property
    def bytes_per_s(self) -> float: ...


Fetch = Callable[[str, Callable[[FetchProgress], None], threading.Event], str]
"""Fetches a model by name into the library, returns what its file was compared with; called on a worker, ends soon
after the event is set."""


def fetch_model(name: str, on_progress: Callable[[FetchProgress], None], stop: threading.Event) -> str:
    """Fetches a model into the library (a worker); returns what its file was compared with."""
    from app.core import downloads

    return downloads.fetch_model(name, on_progress=on_progress, stop=stop).verified


@dataclass
class _Download:
    stop: threading.Event = field(default_factory=threading.Event)
    latest: FetchProgress | None = None


class DownloadRunner(QObject):
    """Runs any number of downloads, one of each model."""

    changed = Signal(str)
    """A download of that model started, is further, or ended."""
    finished = Signal(str, str)
    """Name, and what its file was compared with."""
    failed = Signal(str, object)
    """Name, ``ExplainedError``."""
    cancelled = Signal(str, str)
    """Name, and what is kept of it; may be empty."""

    def __init__(self, background: Background, fetch: Fetch = fetch_model) -> None:
        super().__init__()
        self._background = background
        self._fetch = fetch
        self._running: dict[str, _Download] = {}
        self._wake = Wake(self._tell)

    def start(self, name: str) -> None:
        """Begin; ``finished``, ``failed`` or ``cancelled`` follows."""
        if name in self._running:
            return
        download = self._running[name] = _Download()

        def report(progress: FetchProgress) -> None:
            download.latest = progress
            self._wake.post()

        def work() -> tuple[bool, str]:
            try:
                return True, self._fetch(name, report, download.stop)
            except ExplainedError as error:
                if download.stop.is_set():
                    return False, error.hint  # the user asked for it: no failure
                raise

        self._background.run(
            f"download-{name}",
            work,
            lambda ended: self._ended(name, *ended),
            lambda error: self._failed(name, error),
        )
        self.changed.emit(name)

    def cancel(self, name: str) -> None:
        """Ask it to stop; it ends soon, and can be resumed."""
        if name in self._running:
            self._running[name].stop.set()
            self.changed.emit(name)

    def cancel_all(self) -> None:
        """Cancel every download."""
        for name in tuple(self._running):
            self.cancel(name)

    def close(self) -> None:
        """Cancel everything, and emit nothing more."""
        self._wake.close()
        for download in self._running.values():
            download.stop.set()

    def is_running(self, name: str) -> bool:
        """Returns whether it is being fetched, or about to stop."""
        return name in self._running

    def is_stopping(self, name: str) -> bool:
        """Returns whether it was cancelled and has not ended yet."""
        return name in self._running and self._running[name].stop.is_set()

    def progress(self, name: str) -> FetchProgress | None:
        """Returns the newest report; None before the first."""
        return self._running[name].latest if name in self._running else None

    @property
    def running(self) -> bool:
        """Returns whether anything is being fetched."""
        return bool(self._running)

    def _tell(self) -> None:
        for name in tuple(self._running):
            self.changed.emit(name)

    def _ended(self, name: str, whole: bool, words: str) -> None:
        self._forget(name)
        if whole:
            self.finished.emit(name, words)
        else:
            self.cancelled.emit(name, words)

    def _failed(self, name: str, error: ExplainedError) -> None:
        self._forget(name)
        self.failed.emit(name, error)

    def _forget(self, name: str) -> None:
        del self._running[name]
        self.changed.emit(name)
