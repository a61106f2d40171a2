"""Where the files that came with the program lie: in a packaged executable, beside the code, or under share/.

Pure but for looking which files are there; any thread.
"""

from __future__ import annotations

import sys
from pathlib import Path

_BEST_FIRST = ("everyday", "demo")


def bundled_path(*parts: str) -> Path:
    """A file of the program, e.g. ``bundled_path("assets", "selftest.json")``; it need not exist."""
    packed = getattr(sys, "_MEIPASS", None)
    if packed is not None:
        return Path(packed, *parts)
    beside = Path(__file__).resolve().parents[1].joinpath(*parts)
    installed = Path(sys.prefix, "share", "ssd-viewer", *parts)
    return installed if installed.exists() and not beside.exists() else beside


def bundled_dir() -> Path:
    """The models that came with the program."""
    return bundled_path("weights")


def default_model() -> str:
    """Name of the model that runs where none is chosen: of those in the box the one that knows most of the world."""
    there = (name for name in _BEST_FIRST if bundled_path("weights", f"{name}.safetensors").is_file())
    return next(there, _BEST_FIRST[-1])
