"""Messages of the live view about a detector that cannot be opened or fails. Any thread."""

from __future__ import annotations

import logging

from app.core.errors import ExplainedError
from app.core.live.events import ModelFailed
from app.core.logs import log_hint

log = logging.getLogger(__name__)

MAX_FAILURES = 3
"""Failures in a row after which a detector is switched off."""


def not_opened(name: str, error: Exception, kept: str) -> ModelFailed:
    """Returns what is told of a model that cannot be opened; an error that nobody foresaw goes to the log.

    Args:
        name: The model.
        error: Why.
        kept: The model that goes on instead; "" for none.
    """
    if isinstance(error, ExplainedError):
        return ModelFailed(error.message, error.hint, kept)
    log.error("model %s cannot be opened", name, exc_info=error)
    return ModelFailed(
        f"The model {name} cannot be opened: {_one_line(error)}.", "Choose another model or device.", kept
    )


def run_failed(name: str, error: Exception, failures: int) -> tuple[str, str]:
    """Returns message and hint for a run that failed; the first of several goes to the log."""
    if isinstance(error, ExplainedError):
        return error.message, error.hint
    if failures == 1:
        log.error("the detector failed", exc_info=error)
    return f"The model {name} failed: {_one_line(error)}.", log_hint()


def switched_off(message: str) -> ModelFailed:
    """Returns what is told of a model that failed too often, last with ``message``."""
    words = f"{message} It is switched off after {MAX_FAILURES} failures in a row."
    return ModelFailed(words, "Choose another model or device.", "")


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0][:200] if lines else type(error).__name__).rstrip(".")
