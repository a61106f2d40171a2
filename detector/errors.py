"""Errors a user can act on.

Each carries two plain lines: what went wrong, and what to do about it. The command line prints both on stderr and
exits 1; the window shows them in its banner. Anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations


class ExplainedError(Exception):
    """A failure with a cause and a way out.

    Args:
        message: What went wrong, one line, naming the file, device or value concerned.
        hint: What to do, one line; empty when the message already says it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class DetectorError(ExplainedError):
    """A model, its weights or its device cannot be used as asked."""


class DeviceFailedError(DetectorError):
    """The device an engine runs on failed, or has no memory left; another may do."""
