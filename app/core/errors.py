"""Failures of the app that a user can act on; see ``detector.errors`` for the rule."""

from __future__ import annotations

from detector.errors import ExplainedError

__all__ = ["AppError", "ExplainedError"]


class AppError(ExplainedError):
    """A source, an export, a setting or a file cannot be used as asked."""
