"""Paints a frame and what surrounds it. GUI thread; boxes are painted by ``overlay_painter``."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from app.core.frames import ImageBGRA


def as_qimage(image_bgra: ImageBGRA) -> QImage:
    """Makes a QImage over the array's memory, without a copy; the array must outlive it."""
    height, width = image_bgra.shape[:2]
    return QImage(image_bgra.data, width, height, image_bgra.strides[0], QImage.Format.Format_RGB32)


def paint_around(painter: QPainter, room: QRect, frame: QRectF, colour: QColor) -> None:
    """Paint everything but the frame, which is opaque itself.

    Args:
        painter: Active.
        room: The whole view.
        frame: What is visible of the frame; empty for none.
        colour: Of the canvas.
    """
    if frame.isEmpty():
        painter.fillRect(room, colour)
        return
    left, top, right, bottom = frame.left(), frame.top(), frame.right(), frame.bottom()
    width, height = float(room.width()), float(room.height())
    for rect in (
        QRectF(0, 0, width, top),
        QRectF(0, bottom, width, height - bottom),
        QRectF(0, top, left, bottom - top),
        QRectF(right, top, width - right, bottom - top),
    ):
        if not rect.isEmpty():
            painter.fillRect(rect, colour)


def paint_image(painter: QPainter, image: QImage, frame: QRectF, visible: QRectF) -> None:
    """Paint what is visible of an image.

    Args:
        painter: Active.
        image: The whole image.
        frame: Where the whole image lies, logical pixels.
        visible: The part in sight, likewise.
    """
    ratio = painter.device().devicePixelRatioF()
    same_size = abs(frame.width() * ratio - image.width()) < 0.5
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not same_size)
    if visible == frame:
        painter.drawImage(frame, image)
        return
    across, down = image.width() / frame.width(), image.height() / frame.height()
    part = QRectF(
        (visible.x() - frame.x()) * across,
        (visible.y() - frame.y()) * down,
        visible.width() * across,
        visible.height() * down,
    )
    painter.drawImage(visible, image, part)
