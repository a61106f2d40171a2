"""Our own line icons, drawn in the colour asked for. GUI thread; rendered once per name, colour and size.

``QIcon.fromTheme`` finds nothing on bare systems, so every icon is one of the SVG files in ``assets/icons``.
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from detector.bundled_files import bundled_path

_SCALES = (1, 2, 3)
_COARSE = 24


@lru_cache(maxsize=64)
def _source(name: str) -> str:
    return bundled_path("assets", "icons", f"{name}.svg").read_text(encoding="utf-8")


def draw_icon(painter: QPainter, name: str, colour: str, rect: QRectF) -> None:
    """Paint the icon ``name`` into ``rect``."""
    QSvgRenderer(QByteArray(_source(name).replace("#000000", colour).encode())).render(painter, rect)


@lru_cache(maxsize=512)
def pixmap(name: str, colour: str, size: int, scale: float = 1.0) -> QPixmap:
    """Returns the icon as a square image of ``size`` logical pixels."""
    image = QPixmap(_shape(name, max(1, round(size * scale))))
    painter = QPainter(image)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    painter.fillRect(image.rect(), QColor(colour))
    painter.end()
    image.setDevicePixelRatio(scale)
    return image


@lru_cache(maxsize=256)
def _shape(name: str, side: int) -> QPixmap:
    """Draws the icon in black: to colour that is much less work than to draw it once more in another colour."""
    image = QPixmap(QSize(side, side))
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    draw_icon(painter, name, "#000000", QRectF(0, 0, side, side))
    painter.end()
    return image


@lru_cache(maxsize=256)
def icon(name: str, colour: str, disabled: str = "", size: int = 20) -> QIcon:
    """Returns the icon for a button or menu, in ordinary and disabled colours."""
    made = QIcon()
    for scale in _SCALES:
        made.addPixmap(pixmap(name, colour, size, scale), QIcon.Mode.Normal)
        if disabled:
            made.addPixmap(pixmap(name, disabled, size, scale), QIcon.Mode.Disabled)
    return made


@lru_cache(maxsize=1)
def app_icon() -> QIcon:
    """Returns the program's icon, in the sizes that title bars, task bars and switchers take."""
    made = QIcon()
    for side in (16, 24, 32, 48, 64, 128, 256):
        made.addPixmap(QPixmap.fromImage(app_image(side)))
    return made


def app_image(side: int) -> QImage:
    """Returns the program's icon, ``side`` pixels wide; needs no application, so packages make their files with it."""
    image = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # The fine lines of the large drawing are a blur in a title bar: there a coarser one, fitted to 16 pixels.
    name = "icon-small.svg" if side <= _COARSE else "icon.svg"
    QSvgRenderer(str(bundled_path("assets", name))).render(painter, QRectF(0, 0, side, side))
    painter.end()
    return image
