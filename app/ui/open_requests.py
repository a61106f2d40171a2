"""What is to be opened: named at the start, handed over by a later one, or by the system. GUI thread.

A later start speaks to the listening thread of ``app.core.instance``; that wakes the GUI thread and tells the later
start only when it has taken the message, so that a window that is stuck is not mistaken for one that shows the file.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

from app.core.instance import HandOver, Place
from app.core.sources.base import CAMERA
from app.ui.services.bridge import Wake
from app.ui.widgets.drops import classify

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

_PATIENCE_S = 3.0


def open_all(window: MainWindow, sources: Sequence[str]) -> None:
    """Show the first; of several videos, offer to export all."""
    if not sources:
        return
    first = sources[0]
    if "://" not in first and classify([Path(first)]).kind == "weights":
        window.import_model(Path(first))
    else:
        window.open_source(first)
    files = [Path(source) for source in sources if "://" not in source and not source.startswith(CAMERA)]
    videos = classify(files).to_export if len(files) > 1 else ()
    if len(videos) > 1:
        window.stage.banner.tell(
            "info",
            f"{Path(first).name} is shown, the first of {len(sources)}.",
            "They can all be exported, one after the other.",
            action=("Export all…", lambda: window.show_queue(videos)),
        )


def bring_to_front(window: MainWindow, activation: str = "") -> None:
    """As far as the desktop allows; else it marks the window as asking for attention."""
    if activation:
        os.environ["XDG_ACTIVATION_TOKEN"] = activation  # Qt takes it from here, and out of it, under Wayland
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    window.activateWindow()


class Application(QApplication):
    """macOS opens files with a program that runs already by an event, not by starting it again."""

    file_opened = Signal(str)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QFileOpenEvent) and event.file():
            self.file_opened.emit(event.file())
            return True
        return super().event(event)


@dataclass(frozen=True, slots=True)
class _Visit:
    message: HandOver
    taken: threading.Event = field(default_factory=threading.Event)


class Arrivals(QObject):
    """Receives files as long as the window is open.

    Args:
        window: Shows them.
        place: Through which later starts hand over; None without.
    """

    def __init__(self, window: MainWindow, place: Place | None) -> None:
        super().__init__(window)
        self._window, self._place = window, place
        self._visits: deque[_Visit] = deque()
        self._wake = Wake(self._take)

    def begin(self) -> None:
        """From now on."""
        application = QApplication.instance()
        if isinstance(application, Application):
            application.file_opened.connect(self._opened_by_system)
        if self._place is not None:
            self._place.listen(self._arrived)

    def close(self) -> None:
        """No more; a later start has to open a window of its own."""
        self._wake.close()
        if self._place is not None:
            self._place.close()

    def _arrived(self, message: HandOver) -> bool:
        """On the listening thread: whether the window took it."""
        visit = _Visit(message)
        self._visits.append(visit)
        self._wake.post()
        if visit.taken.wait(_PATIENCE_S):
            return True
        try:
            self._visits.remove(visit)
        except ValueError:  # it was taken this very moment
            return True
        return False

    def _opened_by_system(self, path: str) -> None:
        open_all(self._window, [path])

    def _take(self) -> None:
        # One that came while the window closes would show it again and be lost with it: it waits for a free place.
        while self._visits and not self._window.closed:
            visit = self._visits.popleft()
            visit.taken.set()
            bring_to_front(self._window, visit.message.activation)
            open_all(self._window, visit.message.sources)
