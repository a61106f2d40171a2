"""The rows of the class filter: box, colour, name, and how many are in view. GUI thread."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QMouseEvent, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QListWidget, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.core.palette import RGB

LABEL = Qt.ItemDataRole.UserRole
"""Index of the row's class among the model's labels."""
COUNT = Qt.ItemDataRole.UserRole + 1
"""How many objects of the class are in view."""
_LEAD = 64  # pixels that box and dot take on the left
_MARGIN = 8
_Index = QModelIndex | QPersistentModelIndex


@lru_cache(maxsize=256)
def swatch(colour: RGB) -> QIcon:
    """Makes a dot in the colour of a class."""
    image = QPixmap(24, 24)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*colour))
    painter.drawEllipse(4, 4, 16, 16)
    painter.end()
    return QIcon(image)


class _Rows(QStyledItemDelegate):
    """Paints a row; under the mouse or the keyboard's focus its end is a link."""

    def __init__(self, owner: ClassList) -> None:
        super().__init__(owner)
        self._list = owner

    def initStyleOption(self, option: QStyleOptionViewItem, index: _Index) -> None:
        super().initStyleOption(option, index)
        room = option.rect.width() - _LEAD - self._list.link_width()
        option.text = option.fontMetrics.elidedText(option.text, Qt.TextElideMode.ElideRight, max(room, 24))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        super().paint(painter, option, index)
        reached = option.state & (QStyle.StateFlag.State_MouseOver | QStyle.StateFlag.State_HasFocus)
        count = index.data(COUNT)
        words = self._list.link_words(index.row()) if reached else str(count or "")
        if words:
            role = QPalette.ColorRole.Link if reached else QPalette.ColorRole.PlaceholderText
            painter.save()
            painter.setPen(option.palette.color(role))
            where = option.rect.adjusted(0, 0, -_MARGIN, 0)
            painter.drawText(where, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
            painter.restore()


class ClassList(QListWidget):
    """Rows with boxes; the link at the end of each shows its class alone."""

    only = Signal(int)
    """The user wants to see the class of this row alone, or all of them if it is alone already."""

    def __init__(self) -> None:
        super().__init__()
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setItemDelegate(_Rows(self))
        self._pressed_link = False

    def is_alone(self, row: int) -> bool:
        """Returns whether the class of ``row`` is the only one ticked."""
        ticked = [at for at in range(self.count()) if self.item(at).checkState() == Qt.CheckState.Checked]
        return ticked == [row]

    def link_words(self, row: int) -> str:
        """Returns what the link of ``row`` says."""
        return "All" if self.is_alone(row) else "Only this"

    def link_width(self) -> int:
        """Returns how much the link takes at the end of a row, pixels."""
        return self.fontMetrics().horizontalAdvance("Only this") + 2 * _MARGIN

    def link_rect(self, row: int) -> QRect:
        """Returns where the link of ``row`` lies in the viewport."""
        rect = self.visualItemRect(self.item(row))
        return rect.adjusted(max(0, rect.width() - self.link_width()), 0, 0, 0)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self.indexAt(event.position().toPoint()).row()
        self._pressed_link = row >= 0 and self.link_rect(row).contains(event.position().toPoint())
        if not self._pressed_link:
            super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        row = self.indexAt(event.position().toPoint()).row()
        if not self._pressed_link:
            super().mouseReleaseEvent(event)
        elif row >= 0 and self.link_rect(row).contains(event.position().toPoint()):
            self.only.emit(row)
        self._pressed_link = False

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)  # the second click of two is a click

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentRow() >= 0:
            self.only.emit(self.currentRow())
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self.viewport().update()
        return super().event(event)
