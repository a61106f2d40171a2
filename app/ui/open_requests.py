"""Requests to open something while the window is there, from a later start or from the system. GUI thread.

A later start speaks to the listening thread of ``app.core.instance``; that wakes the GUI thread and tells the later
start only when it has taken the request, so that a window that is stuck is not mistaken for one that shows the file.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from dataclasses import dataclass, field

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.core.instance import InstanceLock, OpenRequest
from app.ui.services.bridge import Wake

ANSWER_S = 3.0
"""Seconds that a later start waits for the GUI thread to take its request."""


def bring_to_front(window: QWidget, activation: str = "") -> None:
    """Raises ``window`` as far as the desktop allows; else marks it as asking for attention."""
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
class _Pending:
    request: OpenRequest
    taken: threading.Event = field(default_factory=threading.Event)


class OpenRequests(QObject):
    """Receives requests until it is closed.

    Args:
        instance: Through which later starts send them; None without.
        answer_s: Seconds to wait for the GUI thread before a request is refused.
    """

    received = Signal(object)
    """``OpenRequest``; show the window, and in it what is asked for."""

    def __init__(self, instance: InstanceLock | None, answer_s: float = ANSWER_S) -> None:
        super().__init__()
        self._instance, self._answer_s = instance, answer_s
        self._pending: deque[_Pending] = deque()
        self._wake = Wake(self._take)

    def begin(self) -> None:
        """Receive from now on."""
        application = QApplication.instance()
        if isinstance(application, Application):
            application.file_opened.connect(self._opened_by_system)
        if self._instance is not None:
            self._instance.listen(self.offer)

    def refuse(self) -> None:
        """Take no more: the window closes, and a file shown in it would be lost with it."""
        self._wake.close()

    def close(self) -> None:
        """End; a later start has to open a window of its own."""
        self.refuse()
        if self._instance is not None:
            self._instance.close()

    def offer(self, request: OpenRequest) -> bool:
        """Hands a request to the GUI thread, from any other; returns whether it was taken."""
        pending = _Pending(request)
        self._pending.append(pending)
        self._wake.post()
        if pending.taken.wait(self._answer_s):
            return True
        try:
            self._pending.remove(pending)
        except ValueError:  # it was taken this very moment
            return True
        return False

    def _opened_by_system(self, path: str) -> None:
        self.received.emit(OpenRequest((path,)))

    def _take(self) -> None:
        while self._pending:
            pending = self._pending.popleft()
            pending.taken.set()
            self.received.emit(pending.request)
