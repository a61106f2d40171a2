"""What the alarms found since the window was opened: a picture, when, what, and its clip. GUI thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QKeyEvent, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

from app.ui.alarms.notice import picture_of
from app.ui.alarms.rule_text import event_text
from app.ui.services.background import Background

_PICTURE = QSize(72, 48)
_SHARP = 2  # device pixels of a picture for each logical one
_MAX_ITEMS = 500
_EVENT, _CLIP, _TORN = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1, Qt.ItemDataRole.UserRole + 2

_Key = tuple[int, int]


class EventLog(QListWidget):
    """The newest on top; Enter or a double click plays the clip, or shows the picture where there is none.

    Args:
        background: Reads the pictures.
    """

    asked = Signal(object)
    """Path of a clip or picture to be shown."""

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._items: dict[_Key, QListWidgetItem] = {}
        self.setAccessibleName("What happened")
        self.setIconSize(_PICTURE)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.itemDoubleClicked.connect(self.show_item)

    def take(self, times: int, line: dict[str, Any]) -> None:
        """Takes a line as of ``watch``.

        Args:
            times: Which time the source was armed; numbers of events begin anew each time.
            line: It.
        """
        if line["type"] in ("began", "ended"):
            item = self._items.get((times, line["id"]))
            if item is None:
                item = self._add((times, line["id"]), line["snapshot"])
            item.setData(_EVENT, line)
            self._word(item)
        elif line["type"] == "clip":
            for number in line["events"]:
                item = self._items.get((times, number))
                if item is not None:
                    item.setData(_CLIP, line["path"])
                    self._word(item)
        elif line["type"] == "trouble":
            item = self._items.get((times, line["event"]))
            if item is not None:
                item.setData(_TORN, True)
                self._word(item)

    def clip_of(self, item: QListWidgetItem) -> str:
        """Returns where the clip of an event is; "" while there is none."""
        return item.data(_CLIP) or ""

    def show_item(self, item: QListWidgetItem) -> None:
        """Play the clip of an event, or show its picture."""
        path = self.clip_of(item) or item.data(_EVENT)["snapshot"]
        if path:
            self.asked.emit(Path(path))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self.currentItem()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and item is not None:
            self.show_item(item)
        else:
            super().keyPressEvent(event)

    def _add(self, key: _Key, snapshot: str | None) -> QListWidgetItem:
        item = QListWidgetItem()
        item.setSizeHint(QSize(0, _PICTURE.height() + 8))
        self.insertItem(0, item)
        self._items[key] = item
        while self.count() > _MAX_ITEMS:
            self.takeItem(self.count() - 1)
            del self._items[next(iter(self._items))]
        if snapshot:
            self._background.run(
                "alarm-picture", lambda: picture_of(snapshot, _PICTURE * _SHARP), lambda image: self._show(key, image)
            )
        return item

    def _show(self, key: _Key, image: QImage) -> None:
        item = self._items.get(key)
        if item is not None and not image.isNull():
            image.setDevicePixelRatio(_SHARP)
            item.setIcon(QIcon(QPixmap.fromImage(image)))

    def _word(self, item: QListWidgetItem) -> None:
        item.setText(event_text(item.data(_EVENT), bool(self.clip_of(item)), whole=not item.data(_TORN)))
        item.setToolTip(self.clip_of(item) or item.data(_EVENT)["snapshot"] or "")
