"""What Qt has to say goes to the log, not to the terminal; that it cannot go on becomes one line. Any thread.

Without a screen that answers, or with a library missing, Qt aborts the process while the application is being made,
after several lines. Here that is one line and an ordinary end.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QGuiApplication

_log = logging.getLogger(__name__)
_LEVELS = {
    QtMsgType.QtWarningMsg: logging.INFO,  # mostly advice to programmers
    QtMsgType.QtCriticalMsg: logging.WARNING,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


@contextlib.contextmanager
def logged_qt_messages() -> Iterator[None]:
    """While inside, Qt's messages are logged."""
    before = qInstallMessageHandler(_heard)
    try:
        yield
    finally:
        qInstallMessageHandler(before)


def _heard(kind: QtMsgType, _where: QMessageLogContext, message: str | None) -> None:
    level = _LEVELS.get(kind)
    if level is None:
        return
    _log.log(level, "Qt: %s", message)
    if kind is QtMsgType.QtFatalMsg:
        first = (message or "").strip().partition("\n")[0]
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"ssd-viewer: The window cannot go on: {first}\n")
            sys.stderr.flush()
        if QGuiApplication.instance() is None:  # not up yet: nothing is lost, and nothing is to be learned from a crash
            os._exit(1)
