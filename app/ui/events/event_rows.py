"""Paints a row of the list of events, and words it. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.core.events.judgements import Verdict
from app.core.events.listing import ListedEvent
from app.ui.widgets.colours import Colours
from app.ui.widgets.icons import draw_icon
from app.ui.widgets.quantity_text import clock
from app.ui.widgets.theme import Theme

EVENT = Qt.ItemDataRole.UserRole
"""``ListedEvent`` of a row."""
COLOUR = Qt.ItemDataRole.UserRole + 1
"""RGB of the row's class."""
PICTURE = (96, 64)
"""(width, height) of the picture, logical pixels."""
_PADDING = 4
_MARK = 14
_TO = "\u2013"  # from one time to the other
_Index = QModelIndex | QPersistentModelIndex
_HOUR_S = 3600.0
_STILL_S = 1.0  # less is not worth a word


def title_text(row: ListedEvent) -> str:
    """Returns text such as "person #3", "Anna · person #3"."""
    what = f"{row.label} #{row.number}"
    return f"{row.verdict.name}  ·  {what}" if row.verdict.name else what


def time_text(row: ListedEvent) -> str:
    """Returns text such as "1:02.3 - 1:15.0  ·  12.7 s"."""
    return f"{clock(row.start_s)} {_TO} {clock(row.end_s)}  ·  {row.duration_s:.1f} s"


def brief_time_text(row: ListedEvent) -> str:
    """Returns the same, short enough for a row after an hour and for times of day: "13:02:03 - 13:02:15 · 12 s"."""
    if row.end_s < _HOUR_S:
        return time_text(row)
    length = f"{row.duration_s:.1f}" if row.duration_s < 10 else f"{row.duration_s:.0f}"
    return f"{clock(row.start_s, tenths=False)} {_TO} {clock(row.end_s, tenths=False)} · {length} s"


def where_text(row: ListedEvent) -> str:
    """Returns zones, lines and standstill in a line, e.g. "door · gate in · still 12 s"; "" for none of these."""
    parts = list(dict.fromkeys(visit.zone for visit in row.zones))
    parts += [f"{crossing.line} {crossing.direction}" for crossing in row.crossings]
    if row.still_s >= _STILL_S:
        parts.append(f"still {row.still_s:.0f} s")
    return " · ".join(parts)


def last_text(row: ListedEvent) -> str:
    """Returns the last line of a row: the video where there are several, where the object was, or its score."""
    where = where_text(row) or f"score {row.max_score:.2f}"
    return where if row.video is None else f"{row.video.name}  ·  {where}"


def facts_text(row: ListedEvent, day_s: float | None) -> str:
    """Returns all that is known of an event, a line each.

    Args:
        row: The event.
        day_s: Time of day at which its video begins, seconds; None where that is not known.
    """
    lines = [] if row.video is None else [str(row.video)]
    lines += [time_text(row), f"Best score {row.max_score:.2f}, at {clock(row.best_s)}"]
    if day_s is not None:
        begin, end = (clock((day_s + time) % 86_400, tenths=False) for time in (row.start_s, row.end_s))
        lines.append(f"By the file's clock {begin}{_TO}{end}")
    if row.still_s:
        lines.append(f"Stood still for {row.still_s:.1f} s")
    lines += [f"{visit.zone}: {clock(visit.enter_s)} {_TO} {clock(visit.leave_s)}" for visit in row.zones]
    lines += [f"{crossing.line}: {crossing.direction} at {clock(crossing.time_s)}" for crossing in row.crossings]
    return "\n".join(lines)


def spoken_text(row: ListedEvent) -> str:
    """Returns a row for a screen reader."""
    said = [word for word, is_so in (("marked", row.verdict.marked), ("rejected", row.verdict.rejected)) if is_so]
    return ", ".join(filter(None, (title_text(row), *said, time_text(row), where_text(row))))


class EventRows(QStyledItemDelegate):
    """Paints rows."""

    def __init__(self, theme: Theme, owner: QListView) -> None:
        super().__init__(owner)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(200, PICTURE[1] + 2 * _PADDING)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        colours = self._theme.colours
        cell: QRect = option.rect
        state: QStyle.StateFlag = option.state
        row: ListedEvent = index.data(EVENT)
        colour = QColor(*index.data(COLOUR))
        picture = index.data(Qt.ItemDataRole.DecorationRole)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_back(painter, cell, state, colours)
        place = QRect(cell.x() + _PADDING, cell.y() + _PADDING, *PICTURE)
        self._paint_picture(painter, place, picture, colour, row.verdict, colours)
        left = place.right() + 11
        self._paint_words(painter, QRect(left, place.y(), cell.right() - left - 8, place.height()), row, option)
        painter.restore()

    def _paint_back(self, painter: QPainter, cell: QRect, state: QStyle.StateFlag, colours: Colours) -> None:
        room = QRectF(cell).adjusted(2, 1, -2, -1)
        painter.setPen(Qt.PenStyle.NoPen)
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(QColor(colours.raised))
            painter.setPen(QPen(QColor(colours.accent), 1.5))
            painter.drawRoundedRect(room, 6, 6)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(QColor(colours.hover))
            painter.drawRoundedRect(room, 6, 6)

    def _paint_picture(
        self, painter: QPainter, place: QRect, picture: object, colour: QColor, verdict: Verdict, colours: Colours
    ) -> None:
        painter.fillRect(place, QColor(colours.canvas))
        if verdict.rejected:
            painter.setOpacity(0.35)
        if isinstance(picture, QImage):
            size = picture.size().scaled(place.size(), Qt.AspectRatioMode.KeepAspectRatio)
            shown = QRect(0, 0, size.width(), size.height())
            shown.moveCenter(place.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(shown, picture)
        painter.setOpacity(1.0)
        painter.fillRect(QRect(place.x(), place.y(), 4, place.height()), colour)

    def _paint_words(self, painter: QPainter, room: QRect, row: ListedEvent, option: QStyleOptionViewItem) -> None:
        colours, verdict = self._theme.colours, row.verdict
        height = room.height() // 3
        font: QFont = QFont(option.font)
        font.setBold(True)
        font.setStrikeOut(verdict.rejected)
        width = room.width()
        if verdict.marked:
            width -= _MARK + 4
            draw_icon(painter, "star", colours.warning, QRectF(room.right() - _MARK, room.y() + 3, _MARK, _MARK))
        lines = (
            (title_text(row), font, colours.muted if verdict.rejected else colours.text, width),
            (brief_time_text(row), option.font, colours.text, room.width()),
            (last_text(row), option.font, colours.muted, room.width()),
        )
        for number, (words, used, colour, limit) in enumerate(lines):
            painter.setFont(used)
            painter.setPen(QColor(colour))
            shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, limit)
            metrics = painter.fontMetrics()
            baseline = room.y() + number * height + (height + metrics.ascent() - metrics.descent()) / 2
            painter.drawText(QPointF(room.x(), baseline), shown)
