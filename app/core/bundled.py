"""Where the files that came with the program lie: beside the code, in a packaged executable, or under share/."""

from __future__ import annotations

import sys
from pathlib import Path


def bundled_path(*parts: str) -> Path:
    """A file of the program, e.g. ``bundled_path("assets", "selftest.json")``; it need not exist."""
    roots = [
        Path(str(getattr(sys, "_MEIPASS", ""))) if hasattr(sys, "_MEIPASS") else None,
        Path(__file__).resolve().parents[2],
        Path(sys.prefix) / "share" / "ssd-viewer",
    ]
    places = [root.joinpath(*parts) for root in roots if root is not None]
    return next((place for place in places if place.exists()), places[0])
