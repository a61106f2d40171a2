"""Loads torch, or says in one line that it cannot be."""

from __future__ import annotations

import logging

from detector.errors import DetectorError

_log = logging.getLogger(__name__)


def load_torch() -> None:
    """Import torch ahead of a module that imports it by name.

    Raises:
        DetectorError: It is not installed, or a library of its own is missing.
    """
    try:
        import torch  # noqa: F401 - what is wanted is that it loads
    except (ImportError, OSError) as error:
        _log.info("torch does not load: %s", error)
        raise DetectorError("PyTorch is not installed or does not load.", "Reinstall it: pip install torch") from error
