"""The slider of the playback bar: goes where it is pressed, drags from there at any height. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QMoveEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QSlider, QStyle, QStyleOptionSlider

TICKS = 10_000
"""Positions over the whole length, where the time is continuous."""
_HEIGHT = 42


class SeekSlider(QSlider):
    """A slider that takes the mouse wherever it is pressed, at the handle or beside it.

    ``QSlider`` itself drags only what is pressed on the handle.
    """

    laid_out = Signal()
    """It lies elsewhere, or is of another length: so is its axis."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        self._grip = 0.0
        self.set_steps(TICKS)

    def set_steps(self, last: int) -> None:
        """Have positions from 0 to ``last``, and stand at the first one; emits nothing.

        Of a few images each is one step; of a time a twentieth is a page.
        """
        with QSignalBlocker(self):  # a position beyond the last would be moved, and sought
            self.setValue(0)
            self.setRange(0, max(1, last))
        self.setPageStep(max(1, last // 20))
        self.setSingleStep(max(1, last // 200))

    @property
    def axis(self) -> tuple[float, float]:
        """Returns where the middle of the handle is at the first position, and the way to the last one, pixels."""
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().pixelMetric(QStyle.PixelMetric.PM_SliderLength, option, self)
        return handle / 2, max(1.0, self.width() - handle)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), _HEIGHT)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
            return
        left, length = self.axis
        beside = event.position().x() - (left + length * self.sliderPosition() / self.maximum())
        self._grip = beside if abs(beside) <= left else 0.0  # a handle taken at its edge does not jump
        self.setSliderDown(True)
        self._follow(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._follow(event)
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.isSliderDown():
            self.setSliderDown(False)
        else:
            super().mouseReleaseEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.laid_out.emit()

    def moveEvent(self, event: QMoveEvent) -> None:
        super().moveEvent(event)
        self.laid_out.emit()

    def _follow(self, event: QMouseEvent) -> None:
        left, length = self.axis
        along = (event.position().x() - self._grip - left) / length
        self.setSliderPosition(round(min(max(along, 0.0), 1.0) * self.maximum()))
