"""What came with the program, by choice: the demo alone, or a file that passes for ``everyday`` beside it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from detector.labels import COCO80
from tests.support.model_files import put_model

_ROOT = Path(__file__).resolve().parents[2]


def use_box(monkeypatch: pytest.MonkeyPatch, folder: Path, *, everyday: bool) -> Path:
    """Make ``folder`` the place of what came with the program, as in a packaged one; returns its folder of models."""
    weights = folder / "weights"
    weights.mkdir(parents=True)
    (folder / "assets").symlink_to(_ROOT / "assets")
    (weights / "demo.safetensors").symlink_to(_ROOT / "weights" / "demo.safetensors")
    if everyday:
        put_model(weights, "everyday", COCO80)
    monkeypatch.setattr(sys, "_MEIPASS", str(folder), raising=False)
    return weights
