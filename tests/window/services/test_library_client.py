"""Names for models made from the names of files."""

from __future__ import annotations

from pathlib import Path

from app.ui.services.library_client import free_name


def test_names_for_the_library() -> None:
    assert free_name(Path("/x/Modèle n°1.pth"), set()) == "Mod-le-n-1"
    assert free_name(Path("a.pth"), {"A", "a-2"}) == "a-3"
    assert free_name(Path("°°.pth"), set()) == "model"
    assert free_name(Path("/x/coco-ssd/model.json"), set()) == "coco-ssd"
