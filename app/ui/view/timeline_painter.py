"""Paints the rows of a timeline: the name of a class, bars where it appears, how often. GUI thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from app.core.live.appearances import ClassRow
from app.core.palette import RGB
from app.ui.view.time_window import TimeWindow
from app.ui.view.timeline_bars import bars_of
from app.ui.widgets.colours import Colours

MARGIN, GAP = 12, 8
_FALLBACK: RGB = (128, 128, 128)
_FAINT = 0.25


def times_text(row: ClassRow) -> str:
    """Says how often a class appears."""
    return "once" if len(row.starts_s) == 1 else f"{len(row.starts_s)} times"


@dataclass(frozen=True, slots=True)
class RowLooks:
    """The look of rows at one moment.

    Attributes:
        colours: Of the window.
        class_colours: By name of the class.
        listed: Appearances that are drawn strongly, by class, over all others, which are faint; None for no difference.
        window_s: The part of the time that is shown.
        track: Where time is drawn: x and width hold for every row.
        row_height: Logical pixels.
    """

    colours: Colours
    class_colours: Mapping[str, RGB]
    listed: Mapping[str, ClassRow] | None
    window_s: TimeWindow
    track: QRect
    row_height: int

    def paint_row(self, painter: QPainter, row: ClassRow, place: QRect, focused: bool) -> None:
        """Paint one row into ``place``; ``focused``: the keyboard moves in it."""
        track = self.track
        if focused:
            painter.fillRect(place, QColor(self.colours.raised))
        names = QRect(MARGIN, place.top(), track.x() - MARGIN - GAP, self.row_height)
        painter.setPen(QColor(self.colours.text if focused else self.colours.muted))
        words = painter.fontMetrics().elidedText(row.name, Qt.TextElideMode.ElideRight, names.width())
        painter.drawText(names, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
        bar = QRect(track.x(), place.top() + 4, track.width(), self.row_height - 8)
        painter.fillRect(bar, QColor(self.colours.hover))
        self._paint_bars(painter, row, bar, 1.0 if self.listed is None else _FAINT)
        if self.listed is not None and row.name in self.listed:
            self._paint_bars(painter, self.listed[row.name], bar, 1.0)
        left = bar.right() + GAP
        self._paint_times(painter, row, QRect(left, place.top(), place.width() - left - GAP, self.row_height))

    def paint_position(self, painter: QPainter, seconds: float, height: int) -> None:
        """Paint a line through all rows where the frame on screen lies, if that is in sight."""
        share = self.window_s.share_of(seconds)
        if 0 <= share <= 1:
            x = self.track.x() + share * self.track.width()
            painter.fillRect(QRectF(x - 0.75, 0, 1.5, height), QColor(self.colours.text))

    def paint_part(self, painter: QPainter) -> None:
        """Show in a hairline at the top which part of the time is shown."""
        window, track = self.window_s, self.track
        if window.is_whole:
            return
        left = track.x() + window.start_s / window.duration_s * track.width()
        length = max(8.0, window.span_s / window.duration_s * track.width())
        painter.fillRect(QRectF(track.x(), 0, track.width(), 2), QColor(self.colours.border))
        painter.fillRect(QRectF(left, 0, length, 2), QColor(self.colours.accent))

    def _paint_bars(self, painter: QPainter, row: ClassRow, bar: QRect, strength: float) -> None:
        colour = QColor(*self.class_colours.get(row.name, _FALLBACK))
        colour.setAlphaF(strength)
        for left, right in bars_of(row, self.window_s, bar.width()):
            painter.fillRect(bar.x() + left, bar.y(), right - left, bar.height(), colour)

    def _paint_times(self, painter: QPainter, row: ClassRow, room: QRect) -> None:
        """Paints how often it appears, where the axis leaves room beside it."""
        words = times_text(row)
        if painter.fontMetrics().horizontalAdvance(words) <= room.width():
            painter.setPen(QColor(self.colours.muted))
            painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
