"""Real material beside the checkout, where there is any; without it the tests that want it skip, and say why."""

from __future__ import annotations

from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def shared(relative: str) -> Path:
    """The real file or folder ``relative``; skips the calling test where it is absent."""
    path = _ROOT / relative
    if not path.exists():
        pytest.skip(f"real material not here: {relative}")
    return path
