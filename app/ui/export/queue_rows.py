"""Draws a row of the queue: name and state, a bar, and a line of details. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.core.export_queue.state import QueueItem
from app.ui.export.queue_model import ITEM
from app.ui.export.queue_text import detail_text, notes_of, state_text
from app.ui.widgets.theme import Theme

_PAD = 12.0
_GAP = 4.0
_BAR = 6.0


class QueueRows(QStyledItemDelegate):
    """Paints one item; nothing is a widget, so thousands of rows cost nothing."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        line = option.fontMetrics.height()
        return QSize(200, round(2 * line + _BAR + 2 * _GAP + 2 * _PAD))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        item = index.data(ITEM)
        if not isinstance(item, QueueItem):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._ground(painter, option)
        area = QRectF(option.rect).adjusted(_PAD + 4, _PAD, -_PAD - 4, -_PAD)
        line = float(option.fontMetrics.height())
        self._head(painter, option.font, QRectF(area.x(), area.y(), area.width(), line), item)
        self._bar(painter, QRectF(area.x(), area.y() + line + _GAP, area.width(), _BAR), item)
        below = QRectF(area.x(), area.y() + line + 2 * _GAP + _BAR, area.width(), line)
        colours = self._theme.colours
        noted = colours.warning if notes_of(item) else colours.muted
        painter.setPen(QColor(colours.danger if item.state == "failed" else noted))
        # Notes and failures begin with what matters; the middle of a folder's name does not.
        cut = Qt.TextElideMode.ElideRight if notes_of(item) or item.message else Qt.TextElideMode.ElideMiddle
        self._text(painter, below, detail_text(item), Qt.AlignmentFlag.AlignLeft, cut)
        painter.restore()

    def _ground(self, painter: QPainter, option: QStyleOptionViewItem) -> None:
        colours = self._theme.colours
        card = QRectF(option.rect).adjusted(2.5, 2.5, -2.5, -2.5)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        focused = selected and bool(option.state & QStyle.StateFlag.State_Active)
        painter.setPen(QPen(QColor(colours.accent if focused else colours.border), 1.0))
        painter.setBrush(QColor(colours.raised if selected or hovered else colours.surface))
        painter.drawRoundedRect(card, 8, 8)

    def _head(self, painter: QPainter, font: QFont, rect: QRectF, item: QueueItem) -> None:
        colours = self._theme.colours
        state = state_text(item)
        if item.begun and item.part_done > 0:
            state = f"{state}  {round(item.part_done * 100)} %"
        colour = {"done": colours.success, "failed": colours.danger, "running": colours.link}
        known = colours.warning if notes_of(item) else colour.get(item.state, colours.muted)
        painter.setPen(QColor(known))
        painter.setFont(font)
        room = painter.fontMetrics().horizontalAdvance(state) + 2
        painter.drawText(rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, state)
        bold = QFont(font)
        bold.setWeight(QFont.Weight.DemiBold)
        painter.setFont(bold)
        painter.setPen(QColor(colours.text))
        self._text(painter, rect.adjusted(0, 0, -room - 16, 0), item.request.source.name, Qt.AlignmentFlag.AlignLeft)
        painter.setFont(font)

    def _bar(self, painter: QPainter, rect: QRectF, item: QueueItem) -> None:
        colours = self._theme.colours
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.border))
        painter.drawRoundedRect(rect, _BAR / 2, _BAR / 2)
        part = item.part_done
        if part <= 0:
            return
        colour = {"done": colours.success, "running": colours.accent}.get(item.state, colours.muted)
        painter.setBrush(QColor(colour))
        width = max(_BAR, rect.width() * part)
        painter.drawRoundedRect(QRectF(rect.x(), rect.y(), width, rect.height()), _BAR / 2, _BAR / 2)

    @staticmethod
    def _text(
        painter: QPainter,
        rect: QRectF,
        words: str,
        side: Qt.AlignmentFlag,
        cut: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle,
    ) -> None:
        shown = painter.fontMetrics().elidedText(words, cut, int(rect.width()))
        painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter, shown)
