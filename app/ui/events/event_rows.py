"""Paints a row of the list of events, and words it. GUI thread."""

from __future__ import annotations

import math
from datetime import date, timedelta

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.core.events.judgements import Verdict
from app.core.events.listing import ListedEvent, LiveFacts
from app.ui.widgets.colours import Colours
from app.ui.widgets.icons import draw_icon
from app.ui.widgets.quantity_text import clock
from app.ui.widgets.theme import Theme

EVENT = Qt.ItemDataRole.UserRole
"""``ListedEvent`` of a row."""
COLOUR = Qt.ItemDataRole.UserRole + 1
"""RGB of the row's class."""
CLIP = Qt.ItemDataRole.UserRole + 2
"""Whether there is a clip of a row's event."""
PICTURE = (96, 64)
"""(width, height) of the picture, logical pixels."""
_PADDING = 4
_MARK = 14
_TO = "\u2013"  # from one time to the other
_Index = QModelIndex | QPersistentModelIndex
_HOUR_S = 3600.0
_STILL_S = 1.0  # less is not worth a word
_DAY_S = 86_400.0
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def title_text(row: ListedEvent) -> str:
    """Returns text such as "person #3", "Anna · person #3"; of several numbers on the picture, the last one."""
    what = " ".join((row.label, *(f"#{number}" for number in row.shown_as[-1:])))
    return f"{row.verdict.name}  ·  {what}" if row.verdict.name else what


def time_text(row: ListedEvent) -> str:
    """Returns text such as "1:02.3 - 1:15.0  ·  12.7 s", "yesterday 14:02:03 - 14:02:15  ·  12.0 s"."""
    if row.live is not None:
        return f"{day_time_text(row.live, row.start_s)} {_TO} {day_clock(row.end_s)}  ·  {row.duration_s:.1f} s"
    return f"{clock(row.start_s)} {_TO} {clock(row.end_s)}  ·  {row.duration_s:.1f} s"


def brief_time_text(row: ListedEvent) -> str:
    """Returns the same, short enough for a row after an hour and for times of day: "13:02:03 - 13:02:15 · 12 s"."""
    length = f"{row.duration_s:.1f}" if row.duration_s < 10 else f"{row.duration_s:.0f}"
    if row.live is not None:
        return f"{day_time_text(row.live, row.start_s)} · {length} s"
    if row.end_s < _HOUR_S:
        return time_text(row)
    return f"{clock(row.start_s, tenths=False)} {_TO} {clock(row.end_s, tenths=False)} · {length} s"


def day_clock(seconds: float) -> str:
    """Returns a time of the day, such as "0:07:12", seconds after any midnight."""
    minutes, second = divmod(int(seconds % _DAY_S), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"


def day_time_text(live: LiveFacts, seconds: float) -> str:
    """Returns when something was, such as "14:02:03", "yesterday 14:02:03", "28 Nov 14:02:03"."""
    day, today = live.day + timedelta(days=math.floor(seconds / _DAY_S)), date.today()
    words = {today: "", today - timedelta(days=1): "yesterday "}.get(day)
    if words is None:
        words = f"{day.day} {_MONTHS[day.month - 1]} " + (f"{day.year} " if day.year != today.year else "")
    return f"{words}{day_clock(seconds)}"


def where_text(row: ListedEvent) -> str:
    """Returns zones, lines and standstill in a line, e.g. "door · gate in · still 12 s"; "" for none of these."""
    parts = list(dict.fromkeys(visit.zone for visit in row.zones))
    parts += [f"{crossing.line} {crossing.direction}" for crossing in row.crossings]
    if row.still_s >= _STILL_S:
        parts.append(f"still {row.still_s:.0f} s")
    return " · ".join(parts)


def last_text(row: ListedEvent, clip: bool = False) -> str:
    """Returns the last line of a row: the video where there are several, where the object was, or its score.

    Args:
        row: The event.
        clip: Whether there is a clip of it.
    """
    where = where_text(row) or f"score {row.max_score:.2f}"
    where = f"clip  ·  {where}" if clip else where
    source = row.video.name if row.video is not None else row.live.source if row.live is not None else ""
    return f"{source}  ·  {where}" if source else where


def facts_text(row: ListedEvent, day_s: float | None) -> str:
    """Returns all that is known of an event, a line each.

    Args:
        row: The event.
        day_s: Time of day at which its video begins, seconds; None where that is not known.
    """
    live = row.live
    source = str(row.video) if row.video is not None else live.source if live is not None else ""
    lines = [source] if source else []
    best = clock(row.best_s) if live is None else day_time_text(live, row.best_s)
    lines += [time_text(row), f"Best score {row.max_score:.2f}, at {best}"]
    if day_s is not None:
        begin, end = (clock((day_s + time) % 86_400, tenths=False) for time in (row.start_s, row.end_s))
        lines.append(f"By the file's clock {begin}{_TO}{end}")
    if len(row.shown_as) > 1:
        lines.append(f"Numbers on the picture: {', '.join(f'#{number}' for number in row.shown_as)}")
    if row.still_s:
        lines.append(f"Stood still for {row.still_s:.1f} s")
    shown = clock if live is None else day_clock
    lines += [f"{visit.zone}: {shown(visit.enter_s)} {_TO} {shown(visit.leave_s)}" for visit in row.zones]
    lines += [f"{crossing.line}: {crossing.direction} at {shown(crossing.time_s)}" for crossing in row.crossings]
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
        room = QRect(left, place.y(), cell.right() - left - 8, place.height())
        self._paint_words(painter, room, row, option, bool(index.data(CLIP)))
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

    def _paint_words(
        self, painter: QPainter, room: QRect, row: ListedEvent, option: QStyleOptionViewItem, clip: bool
    ) -> None:
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
            (last_text(row, clip), option.font, colours.muted, room.width()),
        )
        for number, (words, used, colour, limit) in enumerate(lines):
            painter.setFont(used)
            painter.setPen(QColor(colour))
            shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, limit)
            metrics = painter.fontMetrics()
            baseline = room.y() + number * height + (height + metrics.ascent() - metrics.descent()) / 2
            painter.drawText(QPointF(room.x(), baseline), shown)
