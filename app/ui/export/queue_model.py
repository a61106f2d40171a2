"""The queue as a list for Qt's views: rows are pulled from snapshots, moves are asked of the queue. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QPersistentModelIndex, Qt, Signal

from app.core.export_queue.state import QueueItem, QueueSnapshot
from app.ui.export.queue_text import detail_text, spoken

Index = QModelIndex | QPersistentModelIndex

ITEM = int(Qt.ItemDataRole.UserRole)
_MIME = "application/x-ssd-viewer-queue-item"


class QueueModel(QAbstractListModel):
    """One row for each item."""

    dragged = Signal(int, int)
    """(number of the item, its place among the others)."""

    def __init__(self) -> None:
        super().__init__()
        self.items: tuple[QueueItem, ...] = ()

    def show(self, snapshot: QueueSnapshot) -> None:
        """Show a snapshot; only rows that changed are painted again."""
        before, self_items = self.items, snapshot.items
        old, new = [i.number for i in before], [i.number for i in self_items]
        if new[: len(old)] == old:
            if len(new) > len(old):
                self.beginInsertRows(QModelIndex(), len(old), len(new) - 1)
                self.items = self_items
                self.endInsertRows()
            self.items = self_items
            for row, (was, item) in enumerate(zip(before, self_items, strict=False)):
                if was is not item:
                    self.dataChanged.emit(self.index(row), self.index(row))
            return
        self.layoutAboutToBeChanged.emit()
        rows = {number: row for row, number in enumerate(new)}
        kept = self.persistentIndexList()
        self.items = self_items
        moved = [self.index(rows[old[i.row()]]) if old[i.row()] in rows else QModelIndex() for i in kept]
        self.changePersistentIndexList(kept, moved)
        self.layoutChanged.emit()

    def row_of(self, number: int) -> int:
        """Returns the row of an item; -1 where there is none."""
        return next((row for row, item in enumerate(self.items) if item.number == number), -1)

    # Qt's questions

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.items)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        if not index.isValid() or index.row() >= len(self.items):
            return None
        item = self.items[index.row()]
        if role == ITEM:
            return item
        if role == Qt.ItemDataRole.DisplayRole:
            return item.request.source.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return spoken(item)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{item.request.source}\n{detail_text(item)}"
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled
        if index.isValid():
            return flags | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled
        return flags | Qt.ItemFlag.ItemIsDropEnabled  # between rows, never onto one

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [_MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        carried = QMimeData()
        if indexes:
            carried.setData(_MIME, str(self.items[indexes[0].row()].number).encode())
        return carried

    def dropMimeData(self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index) -> bool:
        if not data.hasFormat(_MIME):
            return False
        number = int(bytes(data.data(_MIME).data()))
        was = self.row_of(number)
        if was < 0:
            return False
        to = row if row >= 0 else len(self.items)
        self.dragged.emit(number, to - 1 if to > was else to)
        return False  # the queue moves it, and tells; Qt must not take the old row away
