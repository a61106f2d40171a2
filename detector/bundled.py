"""Where the files that came with the program lie: in a packaged executable, beside the code, or under share/."""

from __future__ import annotations

import sys
from pathlib import Path


def bundled_path(*parts: str) -> Path:
    """A file of the program, e.g. ``bundled_path("assets", "selftest.json")``; it need not exist."""
    packed = getattr(sys, "_MEIPASS", None)
    if packed is not None:
        return Path(packed, *parts)
    beside = Path(__file__).resolve().parents[1].joinpath(*parts)
    installed = Path(sys.prefix, "share", "ssd-viewer", *parts)
    return installed if installed.exists() and not beside.exists() else beside
