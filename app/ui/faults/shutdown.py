"""Ends everything that runs, when the window closes. GUI thread.

Nothing may hold that thread up for long: threads that hang are left behind. ``app.core.exit_watchdog`` bounds the
whole, for what hangs with the interpreter's lock in hand.
"""

from __future__ import annotations

import logging
import time

from app.ui.services.services import Services

_log = logging.getLogger(__name__)
_STOP_S = 1.6
_MIN_S = 0.4


def stop_all(services: Services) -> None:
    """Stops all of it within one deadline; then settings and zones are on the disk, or cannot be."""
    end = time.monotonic() + _STOP_S
    exporting = services.exporting
    services.exports.close()
    services.analyses.close()
    services.queue.close(_STOP_S if services.queue.running else 0.0)
    services.downloads.close()
    services.optimising.close()
    services.several.close()
    services.controller.shutdown(max(_MIN_S, end - time.monotonic()))
    services.background.close(max(0.0, end - time.monotonic()) if exporting else _MIN_S)
    for name, flush in (("settings", services.settings.flush), ("zones", services.scenes.flush)):
        try:
            flush()
        except Exception as error:  # a full disk must not keep the window from closing
            _log.warning("%s not saved: %s", name, error)
