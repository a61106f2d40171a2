"""Paints box marks and the speed badge with QPainter. GUI thread; the layout itself comes from ``app.core.overlay``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from app.core.overlay import BoxMark
from app.core.palette import RGB, WHITE
from app.ui.view.trails import TrailPiece
from app.ui.widgets.fonts import label_font, label_metrics

_TRAIL_WIDTH = 2.0
_CHIP_TEXT = 13.0  # height of its letters
_LEADING = 1.25  # height of a label's background over its text size


@lru_cache(maxsize=8192)
def measure(text: str, size: float) -> tuple[float, float]:
    """Returns width and height of a label, logical pixels; for ``app.core.overlay.layout``."""
    return math.ceil(label_metrics(size).horizontalAdvance(text)), math.ceil(size * _LEADING)


@lru_cache(maxsize=512)
def _pen(colour: RGB, width: float) -> QPen:
    pen = QPen(QColor(*colour), width)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    return pen


def paint_marks(painter: QPainter, marks: Iterable[BoxMark]) -> None:
    """Draw boxes and labels, first mark lowest.

    Outlines are drawn without antialiasing at whole pixels: sharper, and several times faster on the raster engine.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    ratio = painter.device().devicePixelRatioF()
    for mark in marks:
        painter.setOpacity(mark.opacity)
        x1, y1, x2, y2 = mark.rect
        box = QRectF(x1, y1, x2 - x1, y2 - y1)
        if mark.fill > 0.0:
            tint = QColor(*mark.colour)
            tint.setAlphaF(mark.fill)
            painter.fillRect(box, tint)
        painter.setPen(_pen(mark.colour, mark.line_width))
        painter.drawRect(box)
        if mark.text:
            left, top, right, bottom = mark.label_rect
            # On whole pixels of the screen: in between, its letters would be blurred.
            corner = QPointF(round(left * ratio) / ratio, round(top * ratio) / ratio)
            size = (right - left, bottom - top)
            painter.drawImage(
                corner, _label(mark.text, size, mark.text_size, mark.padding, mark.colour, mark.text_colour, ratio)
            )
    painter.setOpacity(1.0)


@lru_cache(maxsize=1024)
def _label(
    text: str, size: tuple[float, float], text_size: float, padding: float, colour: RGB, ink: RGB, ratio: float
) -> QImage:
    """Draws a label on its plate; cached: the same labels come frame by frame, and letters are the expensive part."""
    width, height = size
    image = QImage(round(width * ratio), round(height * ratio), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(QColor(*colour))
    metrics = label_metrics(text_size)
    baseline = (height + metrics.ascent() - metrics.descent()) / 2
    painter = QPainter(image)
    painter.setFont(label_font(text_size))
    painter.setPen(QColor(*ink))
    painter.drawText(QPointF(padding, baseline), text)
    painter.end()
    return image


def paint_trails(painter: QPainter, pieces: Iterable[TrailPiece], frame: QRectF, colours: Mapping[str, RGB]) -> None:
    """Draw where objects were, the older the fainter.

    Args:
        painter: Active.
        pieces: Parts of the trails.
        frame: Where the whole frame lies.
        colours: By class.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    for piece in pieces:
        points = [QPointF(frame.x() + x * frame.width(), frame.y() + y * frame.height()) for x, y in piece.places]
        painter.setOpacity(0.9 * (1.0 - piece.age))
        painter.setPen(_pen(colours.get(piece.label, WHITE), _TRAIL_WIDTH))
        painter.drawPolyline(points)
    painter.setOpacity(1.0)


def paint_chips(painter: QPainter, corner: QPointF, chips: Sequence[tuple[str, str]], limit: float) -> None:
    """Draw small dark plates with words below each other, from ``corner`` down.

    Args:
        painter: Active.
        corner: Top left of the first plate.
        chips: (words, colour of the words).
        limit: Widest a plate may be; longer words end in an ellipsis.
    """
    ratio = painter.device().devicePixelRatioF()
    top = corner.y()
    for words, colour in chips:
        shown = label_metrics(_CHIP_TEXT).elidedText(words, Qt.TextElideMode.ElideRight, max(0.0, limit - 20))
        chip = _chip(shown, colour, ratio)
        painter.drawImage(QPointF(round(corner.x() * ratio) / ratio, round(top * ratio) / ratio), chip)
        top += chip.deviceIndependentSize().height() + 6


@lru_cache(maxsize=128)
def _chip(words: str, colour: str, ratio: float) -> QImage:
    """Draws a plate with words; cached, as most stay the same for many frames."""
    metrics = label_metrics(_CHIP_TEXT)
    width, height = math.ceil(metrics.horizontalAdvance(words)) + 20, 26
    image = QImage(math.ceil(width * ratio), math.ceil(height * ratio), QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(10, 12, 15, 190))
    painter.drawRoundedRect(QRectF(0, 0, width, height), 7, 7)
    painter.setFont(label_font(_CHIP_TEXT))
    painter.setPen(QColor(colour))
    painter.drawText(QPointF(10, (height + metrics.ascent() - metrics.descent()) / 2), words)
    painter.end()
    return image
