"""The program's own window, opened and waited for by the tools that take its image. GUI thread."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

_PATIENCE_MS = 120_000
_LOOK_MS = 20
_SETTLE_MS = 400


def open_window(theme: str, size: tuple[int, int]) -> MainWindow:
    """Returns the window, shown, with nothing open.

    Args:
        theme: "light" or "dark".
        size: Width and height, pixels.
    """
    from PySide6.QtWidgets import QApplication

    from app.core.settings import Settings
    from app.ui.main import build_window

    application = QApplication(sys.argv[:1])
    settings = Settings()
    window = build_window(application, replace(settings, window=replace(settings.window, theme=theme)), None)
    window.exports.notifier.ways = ()
    window.resize(*size)
    window.show()
    window.services.library.refresh_models()
    return window


def wait_until(ready: Callable[[], bool], what: str) -> None:
    """Let the window work until ``ready``.

    Raises:
        TimeoutError: It took too long; the message is ``what``.
    """
    from PySide6.QtCore import QDeadlineTimer

    deadline = QDeadlineTimer(_PATIENCE_MS)
    while not ready():
        if deadline.hasExpired():
            raise TimeoutError(what)
        settle(_LOOK_MS)


def settle(milliseconds: int = _SETTLE_MS) -> None:
    """Let what is under way come to its end: layouts, paints, workers."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()
