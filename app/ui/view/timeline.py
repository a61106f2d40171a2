"""Timeline of an analysed video: a row for each class, with its appearances; a click goes there. GUI thread.

In: rows from ``timeline_feed``, the position on screen. Out: ``seek``. The rows beyond the first few are reached by
scrolling; with the keyboard, up and down choose a row, left and right go from one appearance to the next.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QToolTip, QWidget

from app.core.live.appearances import ClassRow
from app.core.palette import RGB
from app.ui.view.playback_bar import clock
from app.ui.widgets.theme import Theme

MAX_ROWS = 6
_MARGIN, _GAP = 12, 8
_MAX_NAME = 150
_FALLBACK: RGB = (128, 128, 128)
_INTO_S = 0.0005  # past the start of a frame, so that rounding never leads to the one before
_KEYS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End)


class TimelineRows(QWidget):
    """All rows, at their full height; see ``Timeline``."""

    seek = Signal(float)
    chosen = Signal(QRect)
    """The rectangle of the row that the keyboard moved to."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.rows: tuple[ClassRow, ...] = ()
        self.current = 0
        """Row that the keyboard moves in."""
        self._colours: dict[str, RGB] = {}
        self._duration = 0.0
        self._position = 0.0
        self._axis: tuple[float, float, float] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Where each class appears")
        theme.changed.connect(self.update)

    # What to show

    def show_rows(self, rows: Sequence[ClassRow], colours: dict[str, RGB], duration: float) -> None:
        """Replace everything; ``duration`` in seconds."""
        name = self.rows[self.current].name if self.rows else ""
        self.rows, self._colours, self._duration = tuple(rows), colours, duration
        self.current = next((number for number, row in enumerate(rows) if row.name == name), 0)
        self.setFixedHeight(self.row_height * len(rows))
        self._describe()
        self.update()

    def set_axis(self, left: float, length: float, duration: float) -> None:
        """Draw ``duration`` seconds from ``left`` on, over ``length`` pixels, as the slider does; 0 s: as is fit."""
        axis = (left, length, duration) if duration > 0 else None
        if axis != self._axis:
            self._axis = axis
            self.update()

    def set_position(self, seconds: float) -> None:
        """Show the time of the frame on screen."""
        before, self._position = self.x_of(self._position), seconds
        after = self.x_of(seconds)
        if round(before) != round(after):
            for x in (before, after):
                self.update(round(x) - 2, 0, 5, self.height())

    @property
    def row_height(self) -> int:
        """Height of one row, logical pixels."""
        return self.fontMetrics().height() + 4

    @property
    def duration(self) -> float:
        """Seconds over the whole width of ``track``."""
        return self._axis[2] if self._axis is not None else self._duration

    @property
    def track(self) -> QRect:
        """The rectangle in which time is drawn: x and width hold for every row."""
        if self._axis is not None:
            return QRect(round(self._axis[0]), 0, max(1, round(self._axis[1])), self.height())
        names = (self.fontMetrics().horizontalAdvance(row.name) for row in self.rows)
        name = min(max(names, default=0), _MAX_NAME, self.width() // 3)
        left = _MARGIN + name + _GAP
        return QRect(left, 0, max(1, self.width() - left - _MARGIN), self.height())

    def x_of(self, seconds: float) -> float:
        """Returns where a time is drawn, pixels from the left."""
        track = self.track
        return track.x() + (seconds / self.duration if self.duration > 0 else 0.0) * track.width()

    # Mouse

    def seconds_at(self, x: float) -> float:
        """Returns the time that ``x`` stands for."""
        track = self.track
        return min(max((x - track.x()) / track.width(), 0.0), 1.0) * self.duration

    def place(self, at: QPoint) -> tuple[ClassRow, int | None] | None:
        """Returns the row at a point, and the appearance there, give or take two pixels; None beside all rows."""
        number = at.y() // self.row_height
        if not 0 <= number < len(self.rows) or self.duration <= 0:
            return None
        row, seconds = self.rows[number], self.seconds_at(at.x())
        slack = 2 / self.track.width() * self.duration
        distance = np.maximum(np.maximum(row.starts_s - seconds, seconds - row.ends_s), 0)
        nearest = int(distance.argmin())
        inside = at.x() >= self.track.x() and distance[nearest] <= slack
        return row, nearest if inside else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self.place(event.position().toPoint())
        if event.button() != Qt.MouseButton.LeftButton or place is None:
            super().mousePressEvent(event)
            return
        row, which = place
        self._choose(self.rows.index(row))
        if event.position().x() < self.track.x():
            return  # on its name
        seconds = self.seconds_at(event.position().x())
        if which is not None:  # so that a click on a bar never shows a frame beside it
            start = float(row.starts_s[which]) + _INTO_S
            seconds = max(seconds, start) if seconds < row.ends_s[which] else start
        self.seek.emit(seconds)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.tip_at(event.pos()), self)
            return True
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _plain(event):
            event.accept()  # the window's own shortcuts step by frames
            return True
        return super().event(event)

    def tip_at(self, at: QPoint) -> str:
        """Returns the tooltip at a point."""
        place = self.place(at)
        if place is None:
            return ""
        row, which = place
        if which is not None:
            return f"{row.name}  ·  {clock(float(row.starts_s[which]))} to {clock(float(row.ends_s[which]))}"
        words = f"{row.name}  ·  {_times(row)}, {clock(row.seconds)} in all"
        return f"{words}  ·  {clock(self.seconds_at(at.x()))} here" if at.x() >= self.track.x() else words

    # Keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.rows or not _plain(event):
            super().keyPressEvent(event)
            return
        key, last = event.key(), len(self.rows) - 1
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._choose(min(max(self.current + (1 if key == Qt.Key.Key_Down else -1), 0), last))
            return
        starts = self.rows[self.current].starts_s
        which = {
            Qt.Key.Key_Right: int(np.searchsorted(starts, self._position + 1e-4, "right")),
            Qt.Key.Key_Left: int(np.searchsorted(starts, self._position - 1e-4, "left")) - 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: len(starts) - 1,
        }[Qt.Key(key)]
        if 0 <= which < len(starts):
            self.seek.emit(float(starts[which]) + _INTO_S)

    def _choose(self, number: int) -> None:
        self.current = number
        self._describe()
        self.chosen.emit(QRect(0, number * self.row_height, 1, self.row_height))
        self.update()

    def _describe(self) -> None:
        row = self.rows[self.current] if self.rows else None
        self.setAccessibleDescription("" if row is None else f"{row.name}: {len(row.starts_s)} appearances")

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colours, track, height = self._theme.colours, self.track, self.row_height
        names = QRect(_MARGIN, 0, track.x() - _MARGIN - _GAP, height)
        for number, row in enumerate(self.rows):
            top = number * height
            if not event.rect().intersects(QRect(0, top, self.width(), height)):
                continue
            if number == self.current and self.hasFocus():
                painter.fillRect(0, top, self.width(), height, QColor(colours.raised))
            painter.setPen(QColor(colours.text if number == self.current and self.hasFocus() else colours.muted))
            words = self.fontMetrics().elidedText(row.name, Qt.TextElideMode.ElideRight, names.width())
            painter.drawText(
                names.translated(0, top), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words
            )
            bar = QRect(track.x(), top + 4, track.width(), height - 8)
            painter.fillRect(bar, QColor(colours.hover))
            self._paint_row(painter, row, bar)
            self._paint_times(
                painter, row, QRect(bar.right() + _GAP, top, self.width() - bar.right() - 2 * _GAP, height)
            )
        painter.fillRect(QRectF(self.x_of(self._position) - 0.75, 0, 1.5, self.height()), QColor(colours.text))
        painter.end()

    def _paint_times(self, painter: QPainter, row: ClassRow, room: QRect) -> None:
        """Says how often it appears, where the axis leaves room beside it."""
        words = _times(row)
        if self.fontMetrics().horizontalAdvance(words) <= room.width():
            painter.setPen(QColor(self._theme.colours.muted))
            painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)

    def _paint_row(self, painter: QPainter, row: ClassRow, bar: QRect) -> None:
        """Paints the appearances of a row; those that fall on the same pixels are one rectangle."""
        if self.duration <= 0:
            return
        scale = bar.width() / self.duration
        lefts = np.clip(np.floor(row.starts_s * scale), 0, bar.width() - 2).astype(int)
        rights = np.clip(np.ceil(row.ends_s * scale), lefts + 2, bar.width()).astype(int)
        apart = lefts[1:] > rights[:-1]
        colour = QColor(*self._colours.get(row.name, _FALLBACK))
        for left, right in zip(lefts[np.append(True, apart)], rights[np.append(apart, True)], strict=True):
            painter.fillRect(bar.x() + int(left), bar.y(), int(right - left), bar.height(), colour)


class Timeline(QScrollArea):
    """The rows of an analysed video, the first few in view; hidden where there are none."""

    seek = Signal(float)
    """Seconds from the start."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._allowed = True
        self.body = TimelineRows(theme)
        self.setObjectName("timeline")
        self.setWidget(self.body)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.body.seek.connect(self.seek)
        self.body.chosen.connect(self._bring_into_view)
        self.hide()

    def show_rows(self, rows: Sequence[ClassRow], colours: dict[str, RGB], duration: float) -> None:
        """Show these; none hides the timeline."""
        self.body.show_rows(rows, colours, duration)
        self.updateGeometry()
        self._show_or_hide()

    def clear(self) -> None:
        """Forget the rows: nothing is known of the source."""
        self.show_rows((), {}, 0.0)

    def set_axis(self, left: float, length: float, duration: float) -> None:
        """Take over the slider's axis; see ``TimelineRows.set_axis``."""
        self.body.set_axis(left, length, duration)

    def set_position(self, seconds: float) -> None:
        """Show the time of the frame on screen."""
        self.body.set_position(seconds)

    def allow(self, allowed: bool) -> None:
        """Sets whether it may be shown: not on a full screen."""
        self._allowed = allowed
        self._show_or_hide()

    def sizeHint(self) -> QSize:
        return QSize(320, self.body.row_height * min(MAX_ROWS, len(self.body.rows)))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.body.row_height)

    def _show_or_hide(self) -> None:
        self.setVisible(self._allowed and bool(self.body.rows))

    def _bring_into_view(self, where: QRect) -> None:
        self.ensureVisible(0, where.center().y(), 0, where.height() // 2 + 1)


def _times(row: ClassRow) -> str:
    return "once" if len(row.starts_s) == 1 else f"{len(row.starts_s)} times"


def _plain(event: QKeyEvent) -> bool:
    return event.key() in _KEYS and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
