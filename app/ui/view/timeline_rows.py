"""The rows of a timeline: a class each, with its appearances; a click goes there, the wheel zooms. GUI thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QToolTip, QWidget

from app.core.live.appearances import ClassRow
from app.core.palette import RGB
from app.ui.view.time_window import TimeWindow
from app.ui.view.timeline_painter import GAP, MARGIN, RowLooks, times_text
from app.ui.widgets.quantity_text import clock
from app.ui.widgets.theme import Theme

_MAX_NAME = 150
_INTO_S = 0.0005  # past the start of a frame, so that rounding never leads to the one before
_ZOOM, _NOTCH, _MOVE = 1.25, 120, 0.1  # of a notch of the wheel: how far it zooms or moves
_KEYS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End)


class TimelineRows(QWidget):
    """All rows, at their full height; see ``Timeline``."""

    seek = Signal(float)
    hovered = Signal(object, QPoint)
    """The time under the pointer, seconds, and the place; None for none."""
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
        self._listed: Mapping[str, ClassRow] | None = None
        self.window_s = TimeWindow()
        """The part of the time that is shown."""
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
        self._renew_window()
        self.setFixedHeight(self.row_height * len(rows))
        self._describe()
        self.update()

    def set_axis(self, left: float, length: float, duration: float) -> None:
        """Draw ``duration`` seconds from ``left`` on, over ``length`` pixels, as the slider does; 0 s: as is fit."""
        axis = (left, length, duration) if duration > 0 else None
        if axis != self._axis:
            self._axis = axis
            self._renew_window()
            self.update()

    def show_listed(self, listed: Mapping[str, ClassRow] | None) -> None:
        """Draw these appearances strongly, by class, and all others faintly; None for no difference."""
        self._listed = listed
        self.update()

    def zoom(self, factor: float, share: float = 0.5) -> None:
        """Show a part ``factor`` times as short; what lies at ``share`` of the width stays there."""
        self._show_window(self.window_s.zoomed(factor, share))

    def _renew_window(self) -> None:
        if self.window_s.duration_s != self.duration:
            self.window_s = TimeWindow.whole(self.duration)

    def _show_window(self, window: TimeWindow) -> None:
        if window != self.window_s:
            self.window_s = window
            self._describe()
            self.update()

    def set_position(self, seconds: float) -> None:
        """Show the time of the frame on screen."""
        self._show_window(self.window_s.following(self._position, seconds))
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
        left = MARGIN + name + GAP
        return QRect(left, 0, max(1, self.width() - left - MARGIN), self.height())

    def x_of(self, seconds: float) -> float:
        """Returns where a time is drawn, pixels from the left."""
        track = self.track
        return track.x() + self.window_s.share_of(seconds) * track.width()

    # Mouse

    def seconds_at(self, x: float) -> float:
        """Returns the time that ``x`` stands for."""
        return self.window_s.at(self._share_at(x))

    def _share_at(self, x: float) -> float:
        track = self.track
        return (x - track.x()) / track.width()

    def place(self, at: QPoint) -> tuple[ClassRow, int | None] | None:
        """Returns the row at a point, and the appearance there, give or take two pixels; None beside all rows."""
        number = at.y() // self.row_height
        if not 0 <= number < len(self.rows) or self.duration <= 0:
            return None
        row, seconds = self.rows[number], self.seconds_at(at.x())
        slack = 2 / self.track.width() * self.window_s.span_s
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

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._show_window(TimeWindow.whole(self.duration))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        on_time = self.duration > 0 and self.track.contains(at)
        self.hovered.emit(self.seconds_at(at.x()) if on_time else None, at)
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit(None, QPoint())
        super().leaveEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        across, along = event.angleDelta().x(), event.angleDelta().y()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and not across:
            across, along = along, 0
        if self.duration <= 0 or event.position().x() < self.track.x():
            super().wheelEvent(event)  # over the names it scrolls
            return
        if across:
            self._show_window(self.window_s.moved(-across / _NOTCH * _MOVE))
        elif along:
            self.zoom(_ZOOM ** (along / _NOTCH), min(max(self._share_at(event.position().x()), 0.0), 1.0))
        event.accept()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            on_time = self.track.contains(event.pos())  # there the preview has the words
            QToolTip.showText(event.globalPos(), "" if on_time else self.tip_at(event.pos()), self)
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
        words = f"{row.name}  ·  {times_text(row)}, {clock(row.seconds)} in all"
        return f"{words}  ·  {clock(self.seconds_at(at.x()))} here" if at.x() >= self.track.x() else words

    # Keyboard and painting

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.rows or not _plain(event):
            super().keyPressEvent(event)
            return
        key, last = event.key(), len(self.rows) - 1
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom({Qt.Key.Key_Up: _ZOOM, Qt.Key.Key_Down: 1 / _ZOOM}.get(Qt.Key(key), 1.0))
            return
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
        words = "" if row is None else f"{row.name}: {len(row.starts_s)} appearances"
        if words and not self.window_s.is_whole:
            words += f", from {clock(self.window_s.start_s)} to {clock(self.window_s.end_s)}"
        self.setAccessibleDescription(words)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        looks = RowLooks(self._theme.colours, self._colours, self._listed, self.window_s, self.track, self.row_height)
        focused = self.current if self.hasFocus() else None
        for number, row in enumerate(self.rows):
            place = QRect(0, number * self.row_height, self.width(), self.row_height)
            if event.rect().intersects(place):
                looks.paint_row(painter, row, place, number == focused)
        looks.paint_position(painter, self._position, self.height())
        looks.paint_part(painter)
        painter.end()


def _plain(event: QKeyEvent) -> bool:
    ctrl = Qt.KeyboardModifier.ControlModifier
    others = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    return event.key() in _KEYS and (not others or (others == ctrl and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down)))
