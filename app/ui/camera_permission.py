"""Asks the system whether the camera may be used, where it has a say: macOS, for the packaged program. GUI thread.

A program started from a terminal has the terminal's permission, and the driver asks for it. Not tried on macOS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from PySide6.QtCore import QCameraPermission, QCoreApplication, QObject, Qt


def when_allowed(context: QObject, go: Callable[[], None], refused: Callable[[], None]) -> None:
    """Call ``go`` if the camera may be used, else ``refused``; perhaps later, when the user has answered the system.

    Args:
        context: Nothing is called once this is gone.
        go: Opens the camera.
        refused: Says that it may not.
    """
    application = QCoreApplication.instance()
    if application is None or not system_asks():
        go()
        return

    def answered(*_: object) -> None:
        granted = application.checkPermission(QCameraPermission()) is Qt.PermissionStatus.Granted
        (go if granted else refused)()

    if application.checkPermission(QCameraPermission()) is Qt.PermissionStatus.Undetermined:
        application.requestPermission(QCameraPermission(), context, answered)
    else:
        answered()


def system_asks() -> bool:
    """Returns whether the system has a say in it."""
    return sys.platform == "darwin" and bool(getattr(sys, "frozen", False))
