"""Results that go on for hours: a line of JSON each, on stdout, written beside the work by ``ssdv-lines``."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from app.core.addresses import without_passwords
from app.core.channels import Channel, Closed
from app.core.workers import Worker

_WAITING = 1000


class LineOutput:
    """Writes lines without keeping anybody waiting; where nobody reads them for long, lines are lost.

    Args:
        on_gone: Called once when nobody reads any more.
    """

    def __init__(self, on_gone: Callable[[], None]) -> None:
        self._on_gone = on_gone
        self._lines = Channel[dict[str, Any]](_WAITING)
        self._worker = Worker("lines", self._run, self._fail)
        self._worker.start()

    def give(self, data: dict[str, Any]) -> None:
        """Takes an object for one line; any thread."""
        try:
            self._lines.put(data, timeout=0)
        except (Closed, OSError):
            return

    def close(self, deadline_s: float) -> None:
        """Writes what waits, for so long at most."""
        self._lines.close()
        self._worker.join(deadline_s)

    def _run(self, _stopping: threading.Event) -> None:
        for data in self._lines:
            print(without_passwords(json.dumps(data, ensure_ascii=False, allow_nan=False)), flush=True)

    def _fail(self, error: BaseException) -> None:
        self._lines.fail(error if isinstance(error, OSError) else OSError(str(error)))
        self._on_gone()
