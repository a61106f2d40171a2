"""Lets the live detector rest while an export or analysis works: two networks at once would both crawl. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.core.export_queue.state import QueueSnapshot
from app.ui.services.services import Services


class LiveRest(QObject):
    """Tells live sessions whenever an export or analysis begins or ends to work; a queue that is paused does not."""

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._runners, self._controller = (services.exports, services.analyses), services.controller
        self._several = services.several
        self._queue_works = False
        for runner in self._runners:
            for begins_or_ends in (runner.began, runner.finished, runner.failed, runner.cancelled):
                begins_or_ends.connect(self._update)
        services.queue.changed.connect(self._queue_changed)

    def _queue_changed(self, snapshot: QueueSnapshot) -> None:
        self._queue_works = "running" in snapshot.counts
        self._update()

    def _update(self) -> None:
        works = self._queue_works or any(runner.running for runner in self._runners)
        self._controller.rest(works)
        self._several.rest(works)
