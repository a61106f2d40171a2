"""Sends Qt's messages to the log instead of the terminal; that Qt cannot go on becomes one line. Any thread.

Without a screen that answers, or with a library missing, Qt aborts the process while the application is being made,
after several lines. Here that is one line and an ordinary end.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

_log = logging.getLogger(__name__)
_LEVELS = {
    QtMsgType.QtWarningMsg: logging.INFO,  # mostly advice to programmers
    QtMsgType.QtCriticalMsg: logging.WARNING,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}
_NO_PLUGIN = "no Qt platform plugin could be initialized"
_NO_SCREEN = (
    "Qt finds no display that it can use. "
    "Check DISPLAY, WAYLAND_DISPLAY and QT_QPA_PLATFORM, or use ssd-viewer annotate or detect instead."
)


class QtMessages:
    """Receives them inside its ``with`` block. Set ``up`` once the application is made."""

    def __init__(self) -> None:
        self.up = False

    def __enter__(self) -> QtMessages:
        self._before = qInstallMessageHandler(self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        qInstallMessageHandler(self._before)

    def _heard(self, kind: QtMsgType, _where: QMessageLogContext, message: str | None) -> None:
        level = _LEVELS.get(kind)
        if level is None:
            return
        _log.log(level, "Qt: %s", message)
        if kind is not QtMsgType.QtFatalMsg:
            return
        words = (message or "").strip().partition("\n")[0]
        if not self.up:
            words = f"The window cannot open: {_NO_SCREEN if _NO_PLUGIN in words else words}"
        tell(words)
        if not self.up:  # nothing is lost, and nothing is to be learned from a crash
            os._exit(1)


def tell(words: str) -> None:
    """Writes a line to the terminal, if there is one."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or none at all
        sys.stderr.write(f"ssd-viewer: {words}\n")
        sys.stderr.flush()
