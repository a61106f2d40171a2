"""What the user does with a model: use, rename, check; and the speed that goes with its name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.core.live.events import ModelFailed, ModelLoading, ModelReady
from app.core.model_check import ModelCheck
from app.core.paths import speeds_file
from app.core.speeds import MeasuredSpeed, record_speed
from app.ui.models.models_dialog import ModelsDialog
from tests.support.model_files import described
from tests.support.models_dialog import check_of, type_name
from tests.support.qt_fakes import Desk


def test_using_a_model_is_a_setting(dialog: ModelsDialog, table: Desk) -> None:
    dialog.list.choose("pets")
    dialog.details.use.click()
    assert table.settings.current.model.name == "pets"
    assert dialog.list.views["pets"].chips.used.isVisible()
    assert not dialog.list.views["demo"].chips.used.isVisible()
    assert not dialog.details.use.isVisible()
    QTest.mouseDClick(dialog.list.views["street"], Qt.MouseButton.LeftButton, pos=QPoint(20, 20))
    assert table.settings.current.model.name == "street"
    QTest.mouseDClick(dialog.list.views["torn"], Qt.MouseButton.LeftButton, pos=QPoint(20, 20))
    assert table.settings.current.model.name == "street"


def test_renaming_the_model_in_use(dialog: ModelsDialog, table: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    table.settings.set("model", "name", "pets")
    dialog.list.choose("pets")
    type_name(monkeypatch, "animals")
    QTest.keyClick(dialog, Qt.Key.Key_F2)
    table.qtbot.waitUntil(lambda: "animals" in dialog.cards and dialog.list.current == "animals")
    assert "pets" not in dialog.cards
    assert table.settings.current.model.name == "animals"
    assert dialog.list.views["animals"].chips.used.isVisible()


def test_what_was_found_by_checking_follows_the_new_name(
    dialog: ModelsDialog, table: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = threading.Event(), threading.Event()

    def check(_entry: object) -> Iterator[ModelCheck]:
        asked.set()
        answer.wait()
        yield check_of("pets", "torch_cpu, fp32", True, "boxes within 0.01%")

    monkeypatch.setattr("app.core.model_check.check_model", check)
    dialog.list.choose("pets")
    dialog.details.check.click()
    table.qtbot.waitUntil(asked.is_set)
    type_name(monkeypatch, "street")
    dialog.details.rename.click()
    table.qtbot.waitUntil(dialog.banner.isVisible)
    type_name(monkeypatch, "animals")
    dialog.details.rename.click()
    table.qtbot.waitUntil(lambda: dialog.list.current == "animals")
    assert not dialog.banner.isVisible(), "there is no trouble with its name any more"
    answer.set()
    table.qtbot.waitUntil(lambda: not table.background.busy)
    assert dialog.model_actions.check_result("pets") == "", "a later model of that name was never asked"
    dialog.details.check.click()
    table.qtbot.waitUntil(lambda: "as it should" in dialog.model_actions.check_result("animals"))
    type_name(monkeypatch, "beasts")
    dialog.details.rename.click()
    table.qtbot.waitUntil(lambda: dialog.list.current == "beasts")
    assert "as it should" in dialog.model_actions.check_result("beasts")


@pytest.mark.parametrize(("answer", "reason"), [("street", "already"), ("no/good", "cannot be a model's name")])
def test_a_name_that_cannot_be_given(
    dialog: ModelsDialog, table: Desk, monkeypatch: pytest.MonkeyPatch, answer: str, reason: str
) -> None:
    dialog.list.choose("pets")
    type_name(monkeypatch, answer)
    dialog.details.rename.click()
    table.qtbot.waitUntil(dialog.banner.isVisible)
    assert dialog.banner.kind == "error"
    assert reason in dialog.banner.words[0]
    assert {"pets", "street"} <= set(dialog.cards)
    type_name(monkeypatch, None)
    dialog.details.rename.click()
    assert not table.background.busy


def test_a_model_that_fails_after_another_one_was_chosen(dialog: ModelsDialog, table: Desk) -> None:
    session = table.open()
    session.on_event(ModelReady(described("demo"), "torch_cpu", "cpu", "fp32", (), 0.1))
    session.on_event(ModelLoading("pets"))
    table.settings.set("model", "name", "pets")
    table.qtbot.waitUntil(lambda: table.controller.loading == "pets")
    table.settings.set("model", "name", "street")
    session.on_event(ModelFailed("Pets is damaged.", "", "demo"))
    table.qtbot.waitUntil(lambda: table.controller.loading == "")
    assert table.settings.current.model.name == "street", "the user's last word, which is loaded next"


def test_a_model_proves_itself(dialog: ModelsDialog, table: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(
        (
            (
                check_of("pets", "openvino, fp32", True, "boxes within 0.01%"),
                check_of("pets", "torch_cuda on cuda:0, fp16", False, "boxes off by 12%"),
            ),
            (check_of("pets", "", None, "keeps no answers to compare with"),),
        )
    )
    monkeypatch.setattr("app.core.model_check.check_model", lambda _entry: iter(next(answers)))
    monkeypatch.setattr("app.ui.services.library_client.preload_torch", lambda: None)
    row = dialog.details.facts.rows["Self-check"]
    dialog.list.choose("pets")
    assert not row.isVisible()
    dialog.details.check.click()
    assert row.words.startswith("Asking every engine")
    expected = (
        "Answers wrongly on 1 of 2 engines:\n"
        "OpenVINO, fp32: boxes within 0.01%.\n"
        "CUDA on cuda:0, fp16: boxes off by 12%."
    )
    table.qtbot.waitUntil(lambda: row.words == expected)
    dialog.list.choose("street")
    assert not row.isVisible()
    dialog.list.choose("pets")
    assert row.words == expected, "kept while the dialog lives"
    dialog.details.check.click()
    table.qtbot.waitUntil(lambda: row.words == "Keeps no answers to compare with.")


def test_the_speed_of_a_model_in_use_survives_its_new_name(
    dialog: ModelsDialog, table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "models" / "pets.safetensors"
    record_speed(speeds_file(), file, MeasuredSpeed(12.0, "openvino", "cpu", "fp32", "2026-11-22"))
    dialog.list.choose("pets")
    type_name(monkeypatch, "animals")
    dialog.details.rename.click()
    table.qtbot.waitUntil(lambda: "animals" in dialog.cards)
    assert [speed.frames_per_s for speed in dialog.cards["animals"].speeds] == [12.0]
