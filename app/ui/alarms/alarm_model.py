"""Rules and clips of the present live source, and ways to tell; their only writer. GUI thread; files on a worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.core.alarms.alarm_store import AlarmRule, AlarmStore
from app.core.alarms.ways import AlarmWays
from app.core.errors import ExplainedError
from app.core.frames import LIVE_KINDS, SourceInfo
from app.core.recording.clip_index import ClipIndex, KeptClip
from app.ui.services.background import Background
from app.ui.services.controller import LiveController

_Kept = tuple[tuple[AlarmRule, ...], AlarmWays, tuple[KeptClip, ...]]


class AlarmModel(QObject):
    """Holds what is kept; no rules while no live source is open.

    Args:
        store: Where rules and ways are kept.
        index: Where clips are remembered.
        controller: Says which source is the present one.
        background: Reads and writes.
    """

    changed = Signal()
    """Other rules or ways are in force, or another source is there."""
    not_saved = Signal(object)
    """``ExplainedError``: what was changed holds until the window is closed."""

    def __init__(self, store: AlarmStore, index: ClipIndex, controller: LiveController, background: Background) -> None:
        super().__init__()
        self._store, self._index, self._controller, self._background = store, index, controller, background
        self._waiting: deque[Callable[[], None]] = deque()
        self._saving = False
        self.source: SourceInfo | None = None
        """The live source whose rules these are; None while there is none, or they are not read yet."""
        self.uri = ""
        self.rules: tuple[AlarmRule, ...] = ()
        self.clips: tuple[KeptClip, ...] = ()
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

    def add_clip(self, uri: str, clip: KeptClip) -> None:
        """Remembers a clip of any source."""
        if uri == self.uri:
            self.clips = (*self.clips, clip)
        self._save(lambda: self._index.add(uri, clip))

    def flush(self) -> None:
        """Writes at once what is not written yet.

        Raises:
            AppError: It cannot be written.
        """
        while self._waiting:
            self._waiting.popleft()()

    def _leave(self, uri: str = "") -> None:
        if uri != self.uri:
            self.uri, self.source, self.rules, self.clips = uri, None, (), ()
            self.changed.emit()

    def _opened(self, info: SourceInfo) -> None:
        uri = self.uri
        if info.kind not in LIVE_KINDS or self.source is not None:
            return

        def read() -> _Kept:
            return self._store.rules_of(uri), self._store.ways(), self._index.of(uri)

        def arrived(kept: _Kept) -> None:
            if uri == self.uri and self.source is None:
                self.source, (self.rules, self.ways, self.clips) = info, kept
                self.changed.emit()

        self._background.run("alarms", read, arrived)

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
