"""Loads torch, or says in one line that it cannot be."""

from __future__ import annotations

import importlib.util
import logging
import sys

from detector.errors import DetectorError

_log = logging.getLogger(__name__)


def has_torch() -> bool:
    """Returns whether torch is part of this installation; the lean packaged program has none. Loads nothing."""
    if "torch" in sys.modules:
        return sys.modules["torch"] is not None
    try:
        return importlib.util.find_spec("torch") is not None
    except ImportError:
        return False


def load_torch() -> None:
    """Import torch ahead of a module that imports it by name.

    Raises:
        DetectorError: It is not installed, or a library of its own is missing.
    """
    try:
        import torch  # noqa: F401 - what is wanted is that it loads
    except (ImportError, OSError) as error:
        _log.info("torch does not load: %s", error)
        if getattr(sys, "frozen", False) and not has_torch():
            raise DetectorError(
                "This needs PyTorch, which is not in this version of the program.", "Use the full version."
            ) from error
        raise DetectorError("PyTorch is not installed or does not load.", "Reinstall it: pip install torch") from error
