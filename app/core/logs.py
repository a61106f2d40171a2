"""The log of the window: two small files that take turns, on this computer only. Set up once, before any thread."""

from __future__ import annotations

import contextlib
import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from app.core.addresses import without_passwords
from app.core.paths import log_file

_LOUD = ("app", "detector")
_BYTES = 1_000_000


class _File(RotatingFileHandler):
    """A disk that is full must not stop what is being told of, nor fill the terminal."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Nothing can be done."""


class _Formatter(logging.Formatter):
    """Lines without passwords: faults of libraries quote addresses whole."""

    def format(self, record: logging.LogRecord) -> str:
        return without_passwords(super().format(record))


def start_log(path: Path) -> logging.Handler:
    """Write what the program notes to ``path``; where that cannot be written, nowhere.

    Returns:
        For ``stop_log``.
    """
    handler: logging.Handler
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise FileExistsError(path)
        handler = _File(path, maxBytes=_BYTES, backupCount=1, encoding="utf-8", errors="replace")
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    for name in _LOUD:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
    return handler


def stop_log(handler: logging.Handler) -> None:
    """Undo ``start_log``. Never raises."""
    for name in _LOUD:
        logging.getLogger(name).removeHandler(handler)
    with contextlib.suppress(OSError):  # what was left to write does not fit
        handler.close()


def log_hint() -> str:
    """Returns where to look after a fault of the program."""
    return f"The cause is in the log: {log_file()}"
