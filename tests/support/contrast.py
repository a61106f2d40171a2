"""Contrast of colours, by WCAG 2.2."""

from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtGui import QImage

LEAST = 4.5
"""For words of ordinary size: success criterion 1.4.3."""


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Returns 1 to 21; colours are ``#rrggbb``."""
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def strongest(image: QImage, inside: QRect) -> float:
    """Returns the contrast of the pixel that stands out most from the one at the top left."""
    ground = image.pixelColor(inside.topLeft()).name()
    return max(
        contrast(image.pixelColor(x, y).name(), ground)
        for x in range(inside.left(), inside.right())
        for y in range(inside.top(), inside.bottom())
    )
