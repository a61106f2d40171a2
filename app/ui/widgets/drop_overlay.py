"""Shows what letting go would do, over the whole window, while something is dragged across it. GUI thread.

A video has two meanings, so it has two halves to fall on: watch it live, or annotate and export it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.ui.widgets.drops import Drop
from app.ui.widgets.fonts import label_font
from app.ui.widgets.icons import draw_icon
from app.ui.widgets.theme import Theme


class DropPlace(NamedTuple):
    """A part of the window to let go over.

    Attributes:
        action: What that does: "open", "export", "queue" or "import".
        icon: Its name.
        title: What people read.
        explanation: A line below it.
    """

    action: str
    icon: str
    title: str
    explanation: str


_WATCH = DropPlace("open", "play", "Watch live", "plays at once, with boxes")
_QUEUE = DropPlace("queue", "layers", "Annotate and export all", "one after the other, into new videos and data files")
_EXPORT = DropPlace("export", "export", "Annotate and export", "a new video with boxes, and data files")


def places(drop: Drop) -> tuple[DropPlace, ...]:
    """Returns the places to let go, left to right."""
    count = len(drop.paths)
    if drop.kind == "video":
        return (_WATCH, _EXPORT) if count == 1 else (_QUEUE,)
    if drop.kind == "folder" and count > 1:
        return (_QUEUE,)
    if drop.kind == "folder":
        play = DropPlace("open", "folder", "Play this folder", "its images, one after the other")
        return play, DropPlace("queue", "layers", "Export its videos", "all that are in it, annotated, and data files")
    if drop.kind == "image":
        return (DropPlace("open", "image", "Look at this image", "and mark what is in it"),)
    if drop.kind == "weights":
        return (DropPlace("import", "model", "Add this model", "checked first, then added to the library"),)
    if drop.kind == "mixed":
        first = DropPlace("open", "film", "Open the first one", "the others are left alone")
        return (first, _QUEUE) if drop.to_export else (first,)
    return ()


class DropOverlay(QWidget):
    """Covers its parent; never takes the mouse."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._theme = theme
        self._places: Sequence[DropPlace] = ()
        self._active = -1
        self.hide()

    def begin(self, drop: Drop) -> None:
        """Show the places: something recognised entered the window."""
        self._places = places(drop)
        self._active = -1
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.raise_()
        self.setVisible(bool(self._places))

    def move_to(self, position: QPointF) -> None:
        """Highlight the place at the pointer, in the parent's coordinates."""
        active = self._index(position)
        if active != self._active:
            self._active = active
            self.update()

    def choice(self, position: QPointF) -> str:
        """Returns what letting go there does: "open", "export", "queue", "import" or ""."""
        index = self._index(position)
        return self._places[index].action if index >= 0 else ""

    def rects(self) -> list[QRectF]:
        """Returns where the places lie."""
        count = max(1, len(self._places))
        area = QRectF(self.rect()).adjusted(18, 18, -18, -18)
        if area.width() < area.height():
            side = (area.height() - 14 * (count - 1)) / count
            return [QRectF(area.x(), area.y() + i * (side + 14), area.width(), side) for i in range(len(self._places))]
        side = (area.width() - 14 * (count - 1)) / count
        return [QRectF(area.x() + i * (side + 14), area.y(), side, area.height()) for i in range(len(self._places))]

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = self._theme.colours
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = QColor(colours.window)
        veil.setAlpha(246)
        painter.fillRect(self.rect(), veil)
        for index, (place, rect) in enumerate(zip(self._places, self.rects(), strict=True)):
            active = index == self._active
            pen = QPen(QColor(colours.accent if active else colours.muted), 2.5)
            pen.setStyle(Qt.PenStyle.SolidLine if active else Qt.PenStyle.DashLine)
            painter.setPen(pen)
            inside = QColor(colours.accent)
            inside.setAlpha(46 if active else 0)
            painter.setBrush(inside)
            painter.drawRoundedRect(rect, 16, 16)
            self._paint_text(painter, place, rect)
        painter.end()

    def _index(self, position: QPointF) -> int:
        """The nearest place: letting go between two of them does what the nearer one says."""
        distances = [(rect.center() - position).manhattanLength() for rect in self.rects()]
        return distances.index(min(distances)) if distances else -1

    def _paint_text(self, painter: QPainter, place: DropPlace, rect: QRectF) -> None:
        colours = self._theme.colours
        middle = rect.center()
        draw_icon(painter, place.icon, colours.accent, QRectF(middle.x() - 22, middle.y() - 66, 44, 44))
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.setPen(QColor(colours.text))
        painter.setFont(label_font(20))
        painter.drawText(QRectF(rect.x() + 10, middle.y() - 8, rect.width() - 20, 56), flags, place.title)
        below = painter.boundingRect(QRectF(rect.x() + 10, middle.y() - 8, rect.width() - 20, 56), flags, place.title)
        painter.setPen(QColor(colours.muted))
        painter.setFont(label_font(14, bold=False))
        painter.drawText(QRectF(rect.x() + 10, below.bottom() + 8, rect.width() - 20, 60), flags, place.explanation)
