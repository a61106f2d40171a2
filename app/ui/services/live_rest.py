"""Lets the live detector rest while an export works: two networks at once would both crawl. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.core.export_queue.state import QueueSnapshot
from app.ui.services.services import Services


class LiveRest(QObject):
    """Tells the controller whenever an export begins or ends to work; a queue that is paused does not."""

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._exports, self._controller = services.exports, services.controller
        self._queue_works = False
        exports = self._exports
        for begins_or_ends in (exports.began, exports.finished, exports.failed, exports.cancelled):
            begins_or_ends.connect(self._update)
        services.queue.changed.connect(self._queue_changed)

    def _queue_changed(self, snapshot: QueueSnapshot) -> None:
        self._queue_works = "running" in snapshot.counts
        self._update()

    def _update(self) -> None:
        self._controller.rest(self._exports.running or self._queue_works)
