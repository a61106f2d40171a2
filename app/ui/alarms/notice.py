"""Notifications by the window itself, where the system has no program for them: from the tray, or by the portal."""

from __future__ import annotations

from collections import deque

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QImageReader, QPixmap

from app.core.alarms.message import AlarmMessage
from app.ui.services.bridge import Wake
from app.ui.widgets.notify import Portal, Tray

_PICTURE = QSize(256, 256)


class WindowNotice(QObject):
    """An ``Action`` that is carried out on the GUI thread, where it was made.

    Args:
        parent: Owns this object.
    """

    failed = Signal()
    """Nobody shows it."""

    key = "notify"
    name = "The notification"

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: deque[tuple[str, str, QImage]] = deque()
        self._wake = Wake(self._show)
        self.tray = Tray(self).tell
        """Asked first."""
        self.portal = Portal(self).tell
        """Asked where there is no tray."""

    def wants(self, message: AlarmMessage) -> bool:
        """See ``Action``."""
        return message.moment == "began"

    def send(self, message: AlarmMessage) -> None:
        """See ``Action``."""
        picture = picture_of(message.snapshot, _PICTURE)
        self._waiting.append((message.headline, message.where_and_when, picture))
        self._wake.post()

    def close(self) -> None:
        """Nothing is shown any more."""
        self._wake.close()

    def _show(self) -> None:
        while self._waiting:
            title, words, picture = self._waiting.popleft()
            icon = None if picture.isNull() else QIcon(QPixmap.fromImage(picture))
            shown = self.tray(title, words, self.failed.emit, icon)
            if not shown and not self.portal(title, words, self.failed.emit):
                self.failed.emit()


def picture_of(path: str, room: QSize) -> QImage:
    """Returns a picture small enough for ``room``; null where there is none. Any thread."""
    reader = QImageReader(path)
    size = reader.size()
    if size.isValid():
        reader.setScaledSize(size.scaled(room, Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()
