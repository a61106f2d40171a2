"""Tells on the desktop that long work has ended, when nobody is looking at the window. GUI thread; never blocks.

Tried in turn: a balloon from an icon in the tray, the desktop's own notifications (Linux, asked over D-Bus without
waiting for the answer), and the window's entry in the task bar, which is marked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from app.ui.widgets.icons import app_icon

if TYPE_CHECKING:
    from PySide6.QtDBus import QDBusMessage, QDBusPendingCallWatcher

_SHOWN_MS = 10_000
_PORTAL = "org.freedesktop.portal"

Failed = Callable[[], None]
Way = Callable[[str, str, Failed], bool]
"""(title, words, called later if it came to nothing) -> False where it cannot work at all."""


class Notifier(QObject):
    """Tells the user that work has ended.

    Args:
        window: Marked in the task bar where nothing else works.
        wanted: Returns whether the user wants to be told.
        ways: The ways to tell, best first.
    """

    def __init__(self, window: QWidget, wanted: Callable[[], bool], ways: Sequence[Way] | None = None) -> None:
        super().__init__(window)
        self._window = window
        self._wanted = wanted
        self.ways: tuple[Way, ...] = (Tray(self).tell, Portal(self).tell) if ways is None else tuple(ways)
        """Tried in this order."""

    def tell(self, title: str, words: str) -> None:
        """Say it, unless the user sees it anyway, or wants to hear nothing."""
        if self._wanted() and QApplication.activeWindow() is None:
            self._try(0, title, words)

    def _try(self, first: int, title: str, words: str) -> None:
        for index in range(first, len(self.ways)):
            if self.ways[index](title, words, partial(self._try, index + 1, title, words)):
                return
        QApplication.alert(self._window)


class Tray(QObject):
    """Shows a balloon from an icon in the tray, which is there only as long as its balloon."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._icon: QSystemTrayIcon | None = None
        self._end = QTimer(self)
        self._end.setSingleShot(True)
        self._end.setInterval(_SHOWN_MS + 2000)
        self._end.timeout.connect(self._hide)

    def tell(self, title: str, words: str, _failed: Failed, picture: QIcon | None = None) -> bool:
        """Show it, with a picture of its own or the program's, where there is a tray that shows messages."""
        if not QSystemTrayIcon.isSystemTrayAvailable() or not QSystemTrayIcon.supportsMessages():
            return False
        if self._icon is None:
            self._icon = QSystemTrayIcon(app_icon(), self)
            self._icon.setToolTip("ssd-viewer")
        self._icon.show()
        self._icon.showMessage(title, words, picture or app_icon(), _SHOWN_MS)
        self._end.start()
        return True

    def _hide(self) -> None:
        if self._icon is not None:
            self._icon.hide()


class Portal(QObject):
    """Uses the notifications of a Linux desktop by its portal, which also serves programs in a sandbox."""

    def tell(self, title: str, words: str, failed: Failed) -> bool:
        """Ask for it, where there is a session bus; ``failed`` is called if nobody there shows it."""
        if not sys.platform.startswith("linux"):
            return False
        from PySide6.QtDBus import QDBusConnection, QDBusPendingCallWatcher

        bus = QDBusConnection.sessionBus()
        if not bus.isConnected():
            return False
        watcher = QDBusPendingCallWatcher(bus.asyncCall(portal_call(title, words)), self)

        def answered(call: QDBusPendingCallWatcher) -> None:
            refused = call.isError()
            call.deleteLater()
            if refused:
                failed()

        watcher.finished.connect(answered)
        return True


def portal_call(title: str, words: str) -> QDBusMessage:
    """The message that asks a desktop to show a notification; a newer one replaces it."""
    from PySide6.QtDBus import QDBusMessage

    path = "/org/freedesktop/portal/desktop"
    call = QDBusMessage.createMethodCall(f"{_PORTAL}.Desktop", path, f"{_PORTAL}.Notification", "AddNotification")
    call.setArguments(["work-ended", {"title": title, "body": words}])
    return call
