"""What has to end with the window. GUI thread, which nothing may hold up for long: threads that hang are left behind.

``app.core.exit_watchdog`` bounds the whole, for what hangs with the interpreter's lock in hand.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

_log = logging.getLogger(__name__)
_STOP_S = 1.6
_LEAST_S = 0.4


def stop_all(window: MainWindow) -> None:
    """Everything that runs, within one deadline; then the settings are on the disk, or cannot be."""
    end = time.monotonic() + _STOP_S
    exporting = window.exports.running
    window.exports.close(_STOP_S)
    window.downloads.close()
    if window.models_dialog is not None:
        window.models_dialog.optimising.close()
    window.controller.shutdown(max(_LEAST_S, end - time.monotonic()))
    window.background.close(max(0.0, end - time.monotonic()) if exporting else _LEAST_S)
    try:
        window.settings.flush()
    except Exception as error:  # a full disk must not keep the window from closing
        _log.warning("settings not saved: %s", error)
