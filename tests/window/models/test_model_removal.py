"""Removing a model: asked first, never while its file is open, and nothing of it comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.live.events import ModelFailed, ModelLoading, ModelReady
from app.core.settings import ChosenSettings, ModelSettings, Settings
from app.ui.models.models_dialog import ModelsDialog
from tests.support.model_files import described, put_model
from tests.support.qt_fakes import Desk, desk


def test_removing_asks_first(
    dialog: ModelsDialog, table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ui.models.model_actions.confirmed", lambda *_a, **_k: False)
    dialog.list.choose("pets")
    QTest.keyClick(dialog, Qt.Key.Key_Delete)
    assert (tmp_path / "models" / "pets.safetensors").exists()
    dialog.list.choose("demo")
    monkeypatch.setattr("app.ui.models.model_actions.confirmed", lambda *_a, **_k: pytest.fail("it cannot be removed"))
    QTest.keyClick(dialog, Qt.Key.Key_Delete)


def test_a_broken_model_is_removed(dialog: ModelsDialog, table: Desk, tmp_path: Path, yes: list[str]) -> None:
    dialog.list.choose("torn")
    dialog.details.remove.click()
    table.qtbot.waitUntil(lambda: "torn" not in dialog.cards)
    assert not (tmp_path / "models" / "torn.safetensors").exists()
    assert yes[0].startswith("Remove torn? 4 B are deleted")
    assert "in use" not in yes[0]


def test_the_running_model_makes_way_before_it_is_removed(
    dialog: ModelsDialog, table: Desk, tmp_path: Path, yes: list[str]
) -> None:
    table.settings.set("model", "name", "pets")
    session = table.open()
    session.on_event(ModelReady(described("pets"), "torch_cpu", "cpu", "fp32", (), 0.1))
    table.qtbot.waitUntil(lambda: table.controller.model is not None and table.controller.model.spec.name == "pets")
    file = tmp_path / "models" / "pets.safetensors"
    dialog.list.choose("pets")
    dialog.details.remove.click()
    assert "demo takes its place" in yes[0]
    assert session.calls[-1] == ("switch_model", ModelSettings())
    assert file.exists(), "it is held open until another one runs"
    session.on_event(ModelLoading("demo"))
    session.on_event(ModelReady(described("demo"), "torch_cpu", "cpu", "fp32", (), 0.1))
    table.qtbot.waitUntil(lambda: "pets" not in dialog.cards)
    assert not file.exists()
    assert table.settings.current.model.name == "demo"


def test_a_model_that_is_being_loaded_is_removed_when_the_other_one_runs(
    dialog: ModelsDialog, table: Desk, tmp_path: Path, yes: list[str]
) -> None:
    table.settings.set("model", "name", "pets")
    session = table.open()
    session.on_event(ModelLoading("pets"))
    table.qtbot.waitUntil(lambda: table.controller.loading == "pets")
    dialog.list.choose("pets")
    dialog.details.remove.click()
    session.on_event(ModelReady(described("pets"), "torch_cpu", "cpu", "fp32", (), 0.1))
    session.on_event(ModelLoading("demo"))
    table.qtbot.waitUntil(lambda: table.controller.loading == "demo")
    assert (tmp_path / "models" / "pets.safetensors").exists()
    session.on_event(ModelReady(described("demo"), "torch_cpu", "cpu", "fp32", (), 0.1))
    table.qtbot.waitUntil(lambda: "pets" not in dialog.cards)
    assert not dialog.banner.isVisible() or dialog.banner.kind == "success"


def test_a_model_about_to_be_removed_is_asked_for_again(
    dialog: ModelsDialog, table: Desk, tmp_path: Path, yes: list[str]
) -> None:
    table.settings.set("model", "name", "pets")
    session = table.open()
    session.on_event(ModelReady(described("pets"), "torch_cpu", "cpu", "fp32", (), 0.1))
    table.qtbot.waitUntil(lambda: table.controller.model is not None and table.controller.model.spec.name == "pets")
    dialog.list.choose("pets")
    dialog.details.remove.click()
    assert "removed as soon as" in dialog.banner.words[0]
    dialog.details.remove.click()
    assert (tmp_path / "models" / "pets.safetensors").exists(), "its file is open still"
    dialog.details.use.click()
    assert not dialog.banner.isVisible()
    ran: list[str] = []
    table.controller.model_ready.connect(lambda ready: ran.append(ready.spec.name))
    for name in ("demo", "pets"):
        session.on_event(ModelLoading(name))
        session.on_event(ModelReady(described(name), "torch_cpu", "cpu", "fp32", (), 0.1))
    table.qtbot.waitUntil(lambda: ran == ["demo", "pets"] and not table.background.busy)
    assert (tmp_path / "models" / "pets.safetensors").exists()


def test_a_running_model_that_nothing_replaces_stays(
    dialog: ModelsDialog, table: Desk, tmp_path: Path, yes: list[str]
) -> None:
    table.settings.set("model", "name", "pets")
    session = table.open()
    session.on_event(ModelReady(described("pets"), "torch_cpu", "cpu", "fp32", (), 0.1))
    table.qtbot.waitUntil(lambda: table.controller.model is not None and table.controller.model.spec.name == "pets")
    dialog.list.choose("pets")
    dialog.details.remove.click()
    session.on_event(ModelLoading("demo"))
    session.on_event(ModelFailed("Demo is damaged.", "", "pets"))
    table.qtbot.waitUntil(lambda: dialog.banner.kind == "error" and dialog.banner.isVisible())
    assert dialog.banner.words[0] == "pets is still in use."
    assert (tmp_path / "models" / "pets.safetensors").exists()


def test_the_chosen_model_that_does_not_run_is_removed_at_once(
    dialog: ModelsDialog, table: Desk, yes: list[str]
) -> None:
    table.settings.set("model", "name", "pets")
    dialog.list.choose("pets")
    dialog.details.remove.click()
    table.qtbot.waitUntil(lambda: "pets" not in dialog.cards)
    assert table.settings.current.model.name == "demo"


def test_a_file_that_is_gone_already(dialog: ModelsDialog, table: Desk, tmp_path: Path, yes: list[str]) -> None:
    (tmp_path / "models" / "pets.safetensors").unlink()
    dialog.list.choose("pets")
    dialog.details.remove.click()
    table.qtbot.waitUntil(lambda: dialog.banner.kind == "error" and dialog.banner.isVisible())
    assert "no model pets" in dialog.banner.words[0]


def test_settings_of_a_removed_model_do_not_come_back(
    qtbot: QtBot, tmp_path: Path, demo_only: None, yes: list[str]
) -> None:
    put_model(tmp_path / "bundled", "demo", demo=True)
    put_model(tmp_path / "models", "pets")
    settings = Settings(model=ModelSettings(name="pets"), chosen=ChosenSettings({"pets": 0.3, "demo": 0.6}))
    with desk(qtbot, tmp_path, settings) as made:
        dialog = made.window.dialogs.show_models()
        qtbot.waitUntil(lambda: dialog.list.current == "pets")
        dialog.details.remove.click()
        qtbot.waitUntil(lambda: "pets" not in dialog.cards)
    assert made.saved[-1].model.name == "demo"
    assert made.saved[-1].chosen.thresholds == {"demo": 0.6}
