"""The end of the process within a time, whatever hangs. No Qt; main thread.

Threads stuck in a driver are left behind by everybody who waits for them. One that hangs with the interpreter's lock in
hand stops all Python code, though, and this program's own end too. So a timer that needs no Python ends the process.
"""

from __future__ import annotations

import faulthandler
import os
from pathlib import Path

from app.core.paths import log_file

END_S = 2.9
"""Seconds that closing the window may take."""


def end_within(seconds: float = END_S, log: Path | None = None) -> None:
    """Give the process this long; then it ends with code 1, and what each thread did goes to the log.

    Args:
        seconds: How long.
        log: The log to write to; None for the user's.
    """
    # Without O_NONBLOCK a pipe under the log's name would be waited for.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(log or log_file(), flags, 0o666)
    except OSError:
        descriptor = os.open(os.devnull, os.O_WRONLY)
    faulthandler.dump_traceback_later(seconds, exit=True, file=descriptor)  # which keeps the descriptor open
