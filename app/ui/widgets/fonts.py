"""The font of labels painted on frames and overlays. GUI thread."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtGui import QFont, QFontMetricsF


@lru_cache(maxsize=64)
def label_font(size: float, bold: bool = True) -> QFont:
    """The font of labels, ``size`` logical pixels high."""
    font = QFont()
    font.setPixelSize(max(1, round(size)))
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return font


@lru_cache(maxsize=64)
def label_metrics(size: float, bold: bool = True) -> QFontMetricsF:
    """The measures of that font."""
    return QFontMetricsF(label_font(size, bold))
