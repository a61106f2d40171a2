"""Where the window's own files lie: icons, the sample clip. GUI thread; reads only."""

from __future__ import annotations

import sys
from pathlib import Path


def asset(*parts: str) -> Path:
    """A file below ``assets/``, in a checkout and in the packaged program alike; it need not exist."""
    root = getattr(sys, "_MEIPASS", None)
    base = Path(root) if root else Path(__file__).resolve().parents[2]
    return base.joinpath("assets", *parts)
