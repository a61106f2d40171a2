"""How large a window may be: as it would like, but whole on its screen, frame and all. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

_FRAME = QSize(16, 48)
"""Logical pixels for title bar and edges, whose size is not known before the window is shown; most are smaller."""


def resize_on_screen(window: QWidget, width: int, height: int) -> None:
    """Give ``window`` this size, or what its screen has room for.

    Args:
        window: A window; one that is shown stays where it is.
        width: Wanted, logical pixels.
        height: Likewise.
    """
    window.resize(QSize(width, height).boundedTo(window.screen().availableSize() - _FRAME))


def keep_on_screen(window: QWidget) -> None:
    """Make ``window`` smaller where its size, remembered from another screen or scale, is too much for this one."""
    if not (window.isMaximized() or window.isFullScreen()):
        resize_on_screen(window, window.width(), window.height())
