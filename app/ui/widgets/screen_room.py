"""Size and place of a window: as it would like, but whole on its screen, frame and all. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QSize
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


def place_of(window: QWidget) -> str:
    """Returns size, place and state of ``window`` as text, for ``restore_place``."""
    return bytes(window.saveGeometry().toBase64().data()).decode("ascii")


def restore_place(window: QWidget, place: str) -> None:
    """Put ``window`` where it was, and make it smaller if this screen has less room than the one it was on.

    Args:
        window: Not shown yet.
        place: From ``place_of``; whatever else it is changes nothing.
    """
    if not place:
        return
    window.restoreGeometry(QByteArray.fromBase64(place.encode("ascii", "ignore")))
    if not (window.isMaximized() or window.isFullScreen()):
        resize_on_screen(window, window.width(), window.height())
