"""Everything that is watched, from start to end. Owned by one thread, which waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.core.alarms.delivery import Delivery
from app.core.errors import AppError
from app.core.files.json_store import JsonStore
from app.core.sources.base import SourceOptions
from app.core.watching.health import health
from app.core.watching.request import WatchRequest
from app.core.watching.watched_source import WatchedSource
from app.core.workers import Deadline, join_all

HEALTH_EVERY_S = 60.0
_STOP_S = 60.0
_SEND_S = 20.0


class Watch:
    """Several sources, all started and stopped together.

    Args:
        requests: The sources, and what to do with each.
        delivery: Who tells of events.
        tell: Takes a line of JSON, on any thread; returns at once.
        options: How sources are opened.
        health_file: Where figures are kept for other programs; None for nowhere.
    """

    def __init__(
        self,
        requests: Mapping[str, WatchRequest],
        delivery: Delivery,
        tell: Callable[[dict[str, Any]], None],
        options: SourceOptions,
        health_file: Path | None = None,
    ) -> None:
        self._delivery = delivery
        self._tell = tell
        self._health_file = JsonStore(health_file) if health_file is not None else None
        folders = (folder for request in requests.values() for folder in (request.record, request.clips))
        self._folders = [folder for folder in dict.fromkeys(folders) if folder is not None]
        self._begun_s = time.monotonic()
        self._changed = threading.Condition()
        self._stopping = False
        self.sources = [
            WatchedSource(uri, request, tell, delivery.send, options, self._look) for uri, request in requests.items()
        ]

    def stop(self) -> None:
        """Asks everything to end; returns at once. Any thread."""
        self._stopping = True
        self._look()

    def run(self, for_s: float | None = None) -> bool:
        """Watches until told to stop, until ``for_s`` seconds have passed, or until all sources have ended.

        Returns:
            Whether no source failed for good.
        """
        until = None if for_s is None else Deadline(for_s)
        self._report()  # the first line, whatever the sources have to say
        for source in self.sources:
            source.start()
        try:
            while not self._is_over(until):
                left_s = HEALTH_EVERY_S if until is None else min(HEALTH_EVERY_S, until.left_s)
                with self._changed:
                    over = self._changed.wait_for(lambda: self._is_over(until), left_s)
                if not over:
                    self._report()
        finally:
            self._end()
        return not any(source.failed for source in self.sources)

    def _is_over(self, until: Deadline | None) -> bool:
        ended = self._stopping or (until is not None and until.left_s == 0)
        return ended or all(source.done.is_set() for source in self.sources)

    def _look(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _end(self) -> None:
        for source in self.sources:
            source.stop()
        join_all([source.worker for source in self.sources], _STOP_S)
        self._delivery.close(_SEND_S)
        self._report()

    def _report(self) -> None:
        figures = health(self.sources, self._folders, self._begun_s)
        self._tell(figures)
        if self._health_file is not None:
            try:
                self._health_file.update(lambda _: figures)
            except AppError as error:
                self._tell({"type": "trouble", "source": None, "message": error.message, "hint": error.hint})
