"""Errors a user can act on.

Each carries two plain lines: what went wrong, and what to do about it. The command line prints both on stderr and
exits 1; the window shows them in its banner. Anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Remedy:
    """A way out, for each face to phrase in its own terms: the command line as a flag, the window as a control.

    Attributes:
        option: The option or setting concerned, such as "priors"; empty where a command as a whole helps.
        value: The value to give it (for a command, its argument); empty where the user has to choose one.
        command: The command that helps, such as "models import"; empty for the one that failed.
        omit: Whether the option is to be left out.
    """

    option: str = ""
    value: str = ""
    command: str = ""
    omit: bool = False


class ExplainedError(Exception):
    """A failure with a cause and a way out.

    Args:
        message: What went wrong, one line, naming the file, device or value concerned.
        hint: What to do, one line, in words that fit both the window and the command line; empty when the message
            already says it.
        remedies: The options and commands that the hint speaks of.
    """

    def __init__(self, message: str, hint: str = "", *remedies: Remedy) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.remedies = remedies

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class DetectorError(ExplainedError):
    """A model, its weights or its device cannot be used as asked."""


class DeviceFailedError(DetectorError):
    """The device an engine runs on failed, or has no memory left; another may do."""


def legible(name: str) -> str:
    """Returns a name out of a file, fit for a message: only what can be printed, and not too much of it."""
    return "".join(c for c in name if c.isprintable())[:60] or "without a name"
