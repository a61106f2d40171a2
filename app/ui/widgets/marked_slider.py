"""A slider that marks one of its values. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRect, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSlider, QStyle, QStyleOptionSlider, QToolTip

_REACH = 7  # pixels above and below the groove's middle; the ends stay in sight beside the handle
_NEAR = 8  # pixels to each side at which the mouse is on the mark


class MarkedSlider(QSlider):
    """A horizontal slider; the mark lies below groove and handle, and explains itself under the mouse."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.mark: int | None = None
        """The marked position; None for none."""
        self._words = ""

    def set_mark(self, position: int | None, words: str = "") -> None:
        """Mark ``position``, explained by ``words``; None takes the mark away."""
        self.mark, self._words = position, words
        self.update()

    def mark_x(self) -> int | None:
        """Returns the middle of the mark, logical pixels from the left; None without one."""
        if self.mark is None:
            return None
        handle = self._handle()
        room = self.width() - handle.width()
        place = QStyle.sliderPositionFromValue(self.minimum(), self.maximum(), self.mark, room)
        return place + handle.width() // 2

    def paintEvent(self, event: QPaintEvent) -> None:
        at = self.mark_x()
        if at is not None:
            middle = self._handle().center().y()
            painter = QPainter(self)
            pen = QPen(self.palette().color(QPalette.ColorRole.WindowText), 2)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            painter.drawLine(QPointF(at, middle - _REACH), QPointF(at, middle + _REACH + 1))
            painter.end()
        super().paintEvent(event)

    def event(self, event: QEvent) -> bool:
        at = self.mark_x()
        if isinstance(event, QHelpEvent) and at is not None and abs(event.pos().x() - at) <= _NEAR:
            QToolTip.showText(event.globalPos(), self._words, self)
            return True
        return super().event(event)

    def _handle(self) -> QRect:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        return self.style().subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self
        )
