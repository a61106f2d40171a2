"""The rules of the present live source, and the ways to tell; their only writer. GUI thread; files on a worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.core.alarms.alarm_store import AlarmRule, AlarmStore
from app.core.alarms.ways import AlarmWays
from app.core.errors import ExplainedError
from app.core.frames import LIVE_KINDS, SourceInfo
from app.ui.services.background import Background
from app.ui.services.controller import LiveController


class RuleModel(QObject):
    """Holds what is kept; no rules while no live source is open.

    Args:
        store: Where it is kept.
        controller: Says which source is the present one.
        background: Reads and writes.
    """

    changed = Signal()
    """Other rules or ways are in force, or another source is there."""
    not_saved = Signal(object)
    """``ExplainedError``: what was changed holds until the window is closed."""

    def __init__(self, store: AlarmStore, controller: LiveController, background: Background) -> None:
        super().__init__()
        self._store, self._controller, self._background = store, controller, background
        self._waiting: deque[Callable[[], None]] = deque()
        self._saving = False
        self.source: SourceInfo | None = None
        """The live source whose rules these are; None while there is none, or they are not read yet."""
        self.uri = ""
        self.rules: tuple[AlarmRule, ...] = ()
        self.ways = AlarmWays()
        controller.opening.connect(self._leave)
        controller.closed.connect(self._leave)
        controller.opened.connect(self._opened)

    def replace(self, rules: tuple[AlarmRule, ...]) -> None:
        """Has these rules from now on, and keeps them."""
        uri = self.uri
        if self.source is not None and rules != self.rules:
            self.rules = rules
            self._save(lambda: self._store.save_rules(uri, rules))
            self.changed.emit()

    def replace_ways(self, ways: AlarmWays) -> None:
        """Has these ways from now on, and keeps them."""
        if ways != self.ways:
            self.ways = ways
            self._save(lambda: self._store.save_ways(ways))
            self.changed.emit()

    def flush(self) -> None:
        """Writes at once what is not written yet.

        Raises:
            AppError: It cannot be written.
        """
        while self._waiting:
            self._waiting.popleft()()

    def _leave(self, uri: str = "") -> None:
        if uri != self.uri:
            self.uri, self.source, self.rules = uri, None, ()
            self.changed.emit()

    def _opened(self, info: SourceInfo) -> None:
        uri = self.uri
        if info.kind not in LIVE_KINDS or self.source is not None:
            return

        def arrived(kept: tuple[tuple[AlarmRule, ...], AlarmWays]) -> None:
            if uri == self.uri and self.source is None:
                self.source, (self.rules, self.ways) = info, kept
                self.changed.emit()

        self._background.run("alarms", lambda: (self._store.rules_of(uri), self._store.ways()), arrived)

    def _save(self, write: Callable[[], None]) -> None:
        self._waiting.append(write)
        if not self._saving:
            self._save_next()

    def _save_next(self) -> None:
        self._saving = bool(self._waiting)
        if self._waiting:
            self._background.run("save-alarms", self._waiting[0], self._saved, self._failed)

    def _saved(self, _nothing: None = None) -> None:
        if self._waiting:
            self._waiting.popleft()
        self._save_next()

    def _failed(self, error: ExplainedError) -> None:
        self.not_saved.emit(error)
        self._saved()
