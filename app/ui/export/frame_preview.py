"""One frame of an export, as large as there is room. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.frames import ImageBGRA
from app.ui.widgets.theme import Theme

_ROUND = 8  # pixels of the corners


class FramePreview(QWidget):
    """Shows one frame, letterboxed; words while there is none."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._image = QImage()
        self._words = ""
        self.setAccessibleName("Preview")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(90)

    @property
    def is_empty(self) -> bool:
        """Returns whether there is no frame."""
        return self._image.isNull()

    def clear(self, words: str) -> None:
        """Show words, for want of a frame."""
        self._image, self._words = QImage(), words
        self.update()

    def show_frame(self, frame: ImageBGRA, description: str) -> None:
        """Show a frame; its description is for screen readers."""
        height, width = frame.shape[:2]
        # A copy: the array may go at any time.
        self._image = QImage(frame.data, width, height, frame.strides[0], QImage.Format.Format_RGB32).copy()
        self.setAccessibleDescription(description)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(480, 270)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        ground = QPainterPath()
        ground.addRoundedRect(QRectF(self.rect()), _ROUND, _ROUND)
        painter.fillPath(ground, QColor(self._theme.colours.canvas))
        if self._image.isNull():
            painter.setPen(QColor("#9aa3af"))  # on the canvas, which is dark in both themes
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._words)
            return
        painter.setClipPath(ground)
        scale = min(self.width() / self._image.width(), self.height() / self._image.height())
        width, height = self._image.width() * scale, self._image.height() * scale
        spot = QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)
        painter.drawImage(spot, self._image)
