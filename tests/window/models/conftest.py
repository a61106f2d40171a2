"""A window over a small library of models, and its dialog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.ui.models.models_dialog import ModelsDialog
from tests.support.box import use_box
from tests.support.model_files import put_model
from tests.support.models_dialog import FETCHED, Importer
from tests.support.qt_fakes import Desk, desk


@pytest.fixture
def demo_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a package that came without the everyday model."""
    use_box(monkeypatch, tmp_path / "box", everyday=False)


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path, demo_only: None) -> Iterator[Desk]:
    put_model(tmp_path / "bundled", "demo", ("circle", "star"), demo=True, licence="MIT", accuracy={"AP50": 0.955})
    put_model(tmp_path / "models", "pets")
    put_model(tmp_path / "models", "street", ("car", "person", "hot dog"))
    (tmp_path / "models" / "torn.safetensors").write_bytes(b"torn")
    with desk(qtbot, tmp_path) as made:
        yield made


@pytest.fixture
def dialog(table: Desk) -> ModelsDialog:
    shown = table.window.dialogs.show_models()
    shown.resize(1000, 700)
    table.qtbot.waitUntil(lambda: FETCHED in shown.cards)
    return shown


@pytest.fixture
def yes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every question is answered by yes, and kept."""
    asked: list[str] = []

    def confirmed(_parent: object, question: str, detail: str, **_words: str) -> bool:
        asked.append(f"{question} {detail}")
        return True

    monkeypatch.setattr("app.ui.models.model_actions.confirmed", confirmed)
    return asked


@pytest.fixture
def importer(monkeypatch: pytest.MonkeyPatch) -> Importer:
    return Importer(monkeypatch)
