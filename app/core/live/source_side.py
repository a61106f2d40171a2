"""The sources' side of a live session: the present one, one that is being opened in its place, and those that end.

Owned by ``LiveSession``, which calls it under its lock.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.core.live.attempt import SourceFactory
from app.core.live.capture import CaptureStage
from app.core.live.source_listener import SessionSide, SourceListener
from app.core.live.transport import Transport
from app.core.settings import DetectionSettings, ModelSettings
from app.core.sources.base import SourceOptions
from app.core.workers import Worker


@dataclass(frozen=True, slots=True, eq=False)
class WantedSource:
    """A source that was asked for, and what to detect in it."""

    uri: str
    model: ModelSettings
    detection: DetectionSettings
    capture: CaptureStage
    listener: SourceListener


class SourceSide:
    """Keeps the sources apart.

    Args:
        session: Told what happens to a source.
        factory: Opens a source, on the capture thread.
    """

    def __init__(self, session: SessionSide, factory: SourceFactory) -> None:
        self._session, self._factory = session, factory
        self._present: CaptureStage | None = None
        self._next: WantedSource | None = None  # takes the place of the present one once it is open
        self._retired: list[Worker] = []  # threads of sources that were replaced, as long as they run

    @property
    def transport(self) -> Transport | None:
        """The control that pauses and moves the present source; None without one."""
        return self._present.transport if self._present is not None else None

    def make(
        self, uri: str, options: SourceOptions, model: ModelSettings, detection: DetectionSettings
    ) -> WantedSource:
        """Makes a source, which is not started yet."""
        listener = SourceListener(self._session)
        return WantedSource(uri, model, detection, CaptureStage(uri, options, listener, self._factory), listener)

    def wait_for(self, wanted: WantedSource) -> None:
        """Have the present source go on until ``wanted`` is open."""
        self._next = wanted

    def take_next(self, listener: SourceListener) -> WantedSource | None:
        """Returns the source that is waited for, if it is the one of ``listener``; it is not waited for any more."""
        wanted = self._next
        if wanted is None or wanted.listener is not listener:
            return None
        self._next = None
        return wanted

    def drop_next(self) -> None:
        """End what is being opened in place of the present source."""
        wanted, self._next = self._next, None
        if wanted is not None:
            self.retire(wanted.capture)

    def replace(self, capture: CaptureStage) -> None:
        """Make this the present source; the one before ends."""
        if self._present is not None:
            self.retire(self._present)
        self._present = capture

    def retire(self, capture: CaptureStage) -> None:
        """End a source; nobody waits for it before ``stop``."""
        capture.stop()
        self._retired = [worker for worker in (*self._retired, *capture.workers) if worker.alive]

    def stop(self) -> tuple[Worker, ...]:
        """Tell all to end; returns their threads, for joining."""
        self.drop_next()
        present, self._present = self._present, None
        own: tuple[Worker, ...] = ()
        if present is not None:
            present.stop()
            own = present.workers
        retired, self._retired = self._retired, []
        return (*retired, *own)
