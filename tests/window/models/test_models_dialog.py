"""The models dialog: the shelf as cards, search, download, import, rename, remove, use; and what goes wrong."""

from __future__ import annotations

import hashlib
import threading
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

import detector.importers
from app.core.errors import AppError
from app.core.live.events import ModelFailed, ModelLoading, ModelMeasured, ModelReady
from app.core.model_cards import ModelCard
from app.core.model_check import ModelCheck
from app.core.paths import settings_file, speeds_file
from app.core.settings import ChosenSettings, ModelSettings, NetworkSettings, Settings
from app.core.speeds import MeasuredSpeed, load_speeds, record_speed
from app.ui.models.download_bar import progress_text
from app.ui.models.import_sheet import ImportSheet
from app.ui.models.model_text import for_the_form, matching, speed_text
from app.ui.models.models_dialog import ModelsDialog
from app.ui.widgets.quantity_text import size_text
from detector.download.fetch import by_hand
from detector.errors import DetectorError
from detector.importers import Recognised
from detector.importers.base import Overrides
from detector.library import ImportResult, ModelLibrary
from detector.model_file import ModelEntry
from detector.registry import MODELS
from detector.spec import WeightsFile
from tests.support.box import use_box
from tests.support.file_server import FileServer, cut_after
from tests.support.model_files import described, put_model
from tests.support.qt_fakes import Desk, FakeFetch, FakeProgress, desk

FETCHED = "ssd300-vgg16-coco"
"""A model of the registry."""


@pytest.fixture(autouse=True)
def _only_the_demo_in_the_box(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_box(monkeypatch, tmp_path / "box", everyday=False)


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    put_model(tmp_path / "bundled", "demo", ("circle", "star"), demo=True, licence="MIT", accuracy={"AP50": 0.955})
    put_model(tmp_path / "models", "pets")
    put_model(tmp_path / "models", "street", ("car", "person", "hot dog"))
    (tmp_path / "models" / "torn.safetensors").write_bytes(b"torn")
    with desk(qtbot, tmp_path) as made:
        yield made


@pytest.fixture
def dialog(table: Desk) -> ModelsDialog:
    shown = table.window.show_models()
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


def _type_name(monkeypatch: pytest.MonkeyPatch, answer: str | None) -> None:
    monkeypatch.setattr("app.ui.models.model_actions.typed", lambda *_a: answer)


def _start_download(table: Desk, dialog: ModelsDialog) -> FakeFetch:
    count = len(table.fetches)
    dialog.list.choose(FETCHED)
    dialog.details.download.click()
    table.qtbot.waitUntil(lambda: len(table.fetches) > count)
    return table.fetches[-1]


# -- the shelf ------------------------------------------------------------------------------------------------------


def test_every_model_has_a_card_in_the_shelfs_order(dialog: ModelsDialog) -> None:
    names = list(dialog.list.views)
    assert names[:4] == ["demo", "pets", "street", "torn"]
    cards = {name: view.chips.status.text() for name, view in dialog.list.views.items()}
    assert (cards["demo"], cards["pets"], cards["torn"], cards[FETCHED]) == (
        "Bundled",
        "Imported",
        "Broken",
        "Not downloaded",
    )
    demo, torn, fetched = (dialog.list.views[name] for name in ("demo", "torn", FETCHED))
    assert demo.chips.demo.isVisible()
    assert demo.chips.used.isVisible()
    assert demo.about.text() == "About demo"
    assert "AP50 0.955" in demo.facts.text()
    assert "MIT" in demo.facts.text()
    assert "frames/s" not in demo.facts.text(), "absent until measured"
    assert "safetensors" in torn.about.text()
    assert "143 MB" in fetched.facts.text()
    assert "COCO val2017 AP 0.251" in fetched.facts.text()


def test_details_tell_everything(dialog: ModelsDialog, table: Desk, tmp_path: Path) -> None:
    dialog.list.choose("street")
    facts = dialog.details.facts
    assert facts.rows["Architecture"].words == "ssd-vgg16"
    assert facts.rows["Default boxes"].words.startswith("8732 on 6 grids")
    assert facts.rows["File"].words == str(tmp_path / "models" / "street.safetensors")
    assert "Not measured yet" in facts.rows["Speed here"].words
    expected = hashlib.sha256((tmp_path / "models" / "street.safetensors").read_bytes()).hexdigest()
    table.qtbot.waitUntil(lambda: facts.rows["SHA-256"].words == expected)
    dialog.list.choose(FETCHED)
    assert facts.rows["File"].words.startswith("https://")
    assert "b556d3b4" in facts.rows["SHA-256"].words
    assert not dialog.details.use.isVisible()
    assert dialog.details.download.isVisible()
    dialog.list.choose("torn")
    visible = [b.text() for b in dialog.details.findChildren(QPushButton) if b.isVisible()]
    assert visible == ["Remove…", "Show the file"]
    assert "safetensors" in dialog.details.about.text()
    dialog.list.choose("demo")
    assert not dialog.details.remove.isVisible()
    assert not dialog.details.rename.isVisible()


def test_the_classes_of_a_model_are_searched(dialog: ModelsDialog) -> None:
    dialog.list.choose(FETCHED)
    facts = dialog.details.facts
    assert facts.heading.text() == "Its 80 classes"
    QTest.keyClicks(facts.search, "DOG")
    assert facts.classes.words == "dog  ·  hot dog"
    QTest.keyClicks(facts.search, "x")
    assert facts.classes.words == "It has no class “DOGx”."
    dialog.list.choose("pets")
    assert facts.classes.words == "cat  ·  dog  ·  horse", "another model, another search"
    assert not facts.search.isVisible()


def test_who_detects_a_dog(dialog: ModelsDialog) -> None:
    dialog.list.choose("demo")
    QTest.keyClicks(dialog.list.search, "dog")
    shown = dialog.list.shown()
    assert shown[:2] == ["pets", "street"]
    assert FETCHED in shown
    assert "demo" not in shown
    assert dialog.list.views["pets"].found.text() == "Detects dog"
    assert dialog.list.views[FETCHED].found.text() == "Detects dog, hot dog"
    assert dialog.list.current == dialog.details.card.name == "pets"  # type: ignore[union-attr] # a card is shown
    QTest.keyClicks(dialog.list.search, "gone")
    assert dialog.list.shown() == []
    assert "doggone" in dialog.list.nothing.text()
    QTest.keyClick(dialog.list.search, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    assert "demo" in dialog.list.shown()


def test_cards_are_never_drawn_squeezed(dialog: ModelsDialog, table: Desk) -> None:
    def squeezed() -> list[str]:
        return [n for n, v in dialog.list.views.items() if v.isVisible() and v.height() < v.sizeHint().height()]

    table.qtbot.waitUntil(lambda: not squeezed())
    for words in ("dog", "no such thing", ""):
        dialog.list.search.setText(words)
        assert squeezed() == []
    dialog.list.choose(FETCHED)
    dialog.details.download.click()
    assert squeezed() == []
    table.downloads.cancel(FETCHED)
    table.qtbot.waitUntil(lambda: not table.downloads.running)


def test_a_card_that_moves_stays_in_sight(dialog: ModelsDialog, table: Desk, tmp_path: Path) -> None:
    last = list(dialog.list.views)[-1]
    dialog.show_model(last)
    put_model(tmp_path / "models", last)  # as if it had been fetched
    dialog.library.refresh_models()
    table.qtbot.waitUntil(lambda: dialog.cards[last].status == "imported")
    view, viewport = dialog.list.views[last], dialog.list.area.viewport()
    assert viewport.rect().contains(view.mapTo(viewport, view.rect().center()))


def test_measured_speed_comes_from_the_live_session(dialog: ModelsDialog, table: Desk, tmp_path: Path) -> None:
    session = table.open()
    session.on_event(ModelMeasured("pets", "openvino", "cpu", "fp32", 34.4))
    card = dialog.list.views["pets"]
    table.qtbot.waitUntil(lambda: card.facts.text().startswith("34 frames/s on OpenVINO fp32"))
    assert len(load_speeds(speeds_file())) == 1
    dialog.list.choose("pets")
    today = f"{date.today().day} "
    assert f"34 frames/s on OpenVINO fp32, measured {today}" in dialog.details.facts.rows["Speed here"].words
    session.on_event(ModelMeasured("no such model", "openvino", "cpu", "fp32", 34.4))
    table.qtbot.waitUntil(lambda: not table.background.busy)
    assert len(load_speeds(speeds_file())) == 1


def test_a_shelf_that_changed_meanwhile_is_shown_as_it_is(dialog: ModelsDialog, table: Desk, tmp_path: Path) -> None:
    dialog.list.choose("pets")
    dialog.hide()
    (tmp_path / "models" / "pets.safetensors").unlink()
    put_model(tmp_path / "models", "newer")
    table.window.show_models()
    table.qtbot.waitUntil(lambda: "newer" in dialog.cards)
    assert "pets" not in dialog.list.views
    assert dialog.list.current == "demo", "what is gone cannot stay chosen"
    assert dialog.details.card is not None
    assert dialog.details.card.name == "demo"


# -- use, rename, remove --------------------------------------------------------------------------------------------


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
    _type_name(monkeypatch, "animals")
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
        yield _check("pets", "torch_cpu, fp32", True, "boxes within 0.01%")

    monkeypatch.setattr("app.core.model_check.check_model", check)
    dialog.list.choose("pets")
    dialog.details.check.click()
    table.qtbot.waitUntil(asked.is_set)
    _type_name(monkeypatch, "street")
    dialog.details.rename.click()
    table.qtbot.waitUntil(dialog.banner.isVisible)
    _type_name(monkeypatch, "animals")
    dialog.details.rename.click()
    table.qtbot.waitUntil(lambda: dialog.list.current == "animals")
    assert not dialog.banner.isVisible(), "there is no trouble with its name any more"
    answer.set()
    table.qtbot.waitUntil(lambda: not table.background.busy)
    assert dialog.verbs.checked("pets") == "", "a later model of that name was never asked"
    dialog.details.check.click()
    table.qtbot.waitUntil(lambda: "as it should" in dialog.verbs.checked("animals"))
    _type_name(monkeypatch, "beasts")
    dialog.details.rename.click()
    table.qtbot.waitUntil(lambda: dialog.list.current == "beasts")
    assert "as it should" in dialog.verbs.checked("beasts")


@pytest.mark.parametrize(("answer", "reason"), [("street", "already"), ("no/good", "cannot be a model's name")])
def test_a_name_that_cannot_be_given(
    dialog: ModelsDialog, table: Desk, monkeypatch: pytest.MonkeyPatch, answer: str, reason: str
) -> None:
    dialog.list.choose("pets")
    _type_name(monkeypatch, answer)
    dialog.details.rename.click()
    table.qtbot.waitUntil(dialog.banner.isVisible)
    assert dialog.banner.kind == "error"
    assert reason in dialog.banner.words[0]
    assert {"pets", "street"} <= set(dialog.cards)
    _type_name(monkeypatch, None)
    dialog.details.rename.click()
    assert not table.background.busy


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


def _check(model: str, engine: str, ok: bool | None, detail: str) -> ModelCheck:
    return ModelCheck(model, engine, ok, detail)


def test_a_model_proves_itself(dialog: ModelsDialog, table: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(
        (
            (
                _check("pets", "openvino, fp32", True, "boxes within 0.01%"),
                _check("pets", "torch_cuda on cuda:0, fp16", False, "boxes off by 12%"),
            ),
            (_check("pets", "", None, "keeps no answers to compare with"),),
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


def test_words_from_files_and_servers_are_no_markup(dialog: ModelsDialog) -> None:
    dialog.banner.tell("error", "<b>x</b>.pth is broken.", "<i>host</i> says so.")
    labels = [label for label in dialog.banner.findChildren(QLabel) if "<" in label.text()]
    assert len(labels) == 2
    for label in (*labels, dialog.details.about):
        assert label.textFormat() is Qt.TextFormat.PlainText


# -- download -------------------------------------------------------------------------------------------------------


def test_a_download_shows_how_far_it_is_and_ends_on_the_shelf(
    dialog: ModelsDialog, table: Desk, tmp_path: Path
) -> None:
    fetch = _start_download(table, dialog)
    details, card = dialog.details, dialog.list.views[FETCHED]
    assert not details.download.isVisible()
    assert details.progress.line.text() == "Starting…"
    fetch.report(FakeProgress(40_000_000, 142_593_753, 4_000_000.0))
    table.qtbot.waitUntil(lambda: "4.0 MB/s" in details.progress.line.text())
    assert details.progress.line.text() == "40.0 MB of 143 MB  ·  4.0 MB/s  ·  25 s left"
    assert card.download.isVisible()
    assert details.progress.bar.value() / details.progress.bar.maximum() == pytest.approx(0.28, abs=0.01)
    fetch.arrive = lambda: put_model(tmp_path / "models", FETCHED)
    fetch.go.set()
    table.qtbot.waitUntil(lambda: dialog.cards[FETCHED].status == "imported")
    assert dialog.banner.kind == "success"
    assert dialog.banner.words[1].endswith("which nobody published."), "an unverified file is not called checked"
    assert not details.progress.isVisible()
    assert details.use.isVisible()
    next(b for b in dialog.banner.findChildren(QPushButton) if b.isVisibleTo(dialog.banner)).click()
    assert table.settings.current.model.name == FETCHED


def _leave_a_part(folder: Path) -> None:
    part = folder / "models" / ".downloads" / "ssd300_vgg16_coco-b556d3b4.pth.part"
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(b"x" * 40_000)


def test_a_download_that_fails_half_way_says_why_and_goes_on(dialog: ModelsDialog, table: Desk, tmp_path: Path) -> None:
    fetch = _start_download(table, dialog)
    fetch.report(FakeProgress(40_000_000, 142_593_753, 4_000_000.0))
    fetch.error = DetectorError("The connection to example.org broke.", "Check the network.")
    _leave_a_part(tmp_path)
    fetch.go.set()
    table.qtbot.waitUntil(lambda: dialog.banner.isVisible() and dialog.banner.kind == "error")
    assert dialog.banner.words == ("The connection to example.org broke.", "Check the network.")
    resume = "Resume the download (40.0 KB of 143 MB are here)"
    table.qtbot.waitUntil(lambda: dialog.details.download.text() == resume)
    next(b for b in dialog.banner.findChildren(QPushButton) if b.isVisibleTo(dialog.banner)).click()
    table.qtbot.waitUntil(lambda: len(table.fetches) == 2)
    assert dialog.details.progress.isVisible()


def test_cancel(dialog: ModelsDialog, table: Desk, tmp_path: Path) -> None:
    fetch = _start_download(table, dialog)
    fetch.report(FakeProgress(1_000_000, None, 0.0))
    fetch.kept = "1.0 MB are kept; the next download goes on from there."
    dialog.details.progress.button.click()
    _leave_a_part(tmp_path)
    assert fetch.stop.is_set()
    assert dialog.details.progress.line.text() == "Stopping…"
    assert not dialog.details.progress.button.isEnabled()
    table.qtbot.waitUntil(lambda: not table.downloads.running)
    assert dialog.banner.kind == "info"
    assert dialog.banner.words[1] == fetch.kept
    table.qtbot.waitUntil(lambda: dialog.details.download.text().startswith("Resume"))
    other = _start_download(table, dialog)
    dialog.list.views[FETCHED].download.button.click()
    assert other.stop.is_set(), "the card's own button does the same"
    table.qtbot.waitUntil(lambda: not table.downloads.running)
    assert dialog.banner.words[1] == "", "nothing is said to be kept where nothing is"


def test_closing_the_dialog_stops_what_is_fetched(dialog: ModelsDialog, table: Desk) -> None:
    fetch = _start_download(table, dialog)
    dialog.close()
    assert fetch.stop.is_set()
    table.qtbot.waitUntil(lambda: not table.downloads.running)
    table.window.show_models()
    assert dialog.details.download.isVisible()


def test_closing_the_window_stops_what_is_fetched(dialog: ModelsDialog, table: Desk) -> None:
    fetch = _start_download(table, dialog)
    table.window.close()
    assert fetch.stop.is_set()
    assert not dialog.isVisible()
    assert table.background.close(5.0), "nothing is left running"


def test_enter_on_an_absent_model_fetches_nothing(dialog: ModelsDialog, table: Desk) -> None:
    dialog.list.choose(FETCHED)
    QTest.keyClick(dialog.list.views[FETCHED], Qt.Key.Key_Return)
    assert table.fetches == []
    assert dialog.focusWidget() is dialog.details.download


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (None, "Starting…"),
        (FakeProgress(0, None, 0.0), "0 B"),
        (FakeProgress(5_000_000, None, 1000.0), "5.0 MB  ·  1.0 KB/s"),
        (FakeProgress(142, 142, 10.0), "Checking and putting it on the shelf…"),
    ],
)
def test_progress_in_text(progress: FakeProgress | None, words: str) -> None:
    assert progress_text(progress) == words


def test_a_real_download_is_cut_resumed_and_on_the_shelf(
    table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.core.settings_store import save_settings
    from app.ui.main import fetch_model
    from tests.support.tiny_models import save_checkpoint

    save_checkpoint(tmp_path / "faces.pth")
    content = (tmp_path / "faces.pth").read_bytes()
    name = "ultraface-slim-320"
    published = replace(MODELS[name], weights=WeightsFile("https://example.org/faces.pth", "", 0))
    monkeypatch.setitem(MODELS, name, published)
    monkeypatch.setattr(table.downloads, "_fetch", fetch_model)
    monkeypatch.setattr("app.core.paths.models_dir", lambda: tmp_path / "models")
    dialog = table.window.show_models()
    with FileServer(content) as server:
        save_settings(settings_file(), Settings(network=NetworkSettings(mirror=server.address)))
        server.answers.append(cut_after(len(content) // 2, silent=True))
        table.qtbot.waitUntil(lambda: name in dialog.cards)
        dialog.list.choose(name)
        dialog.details.download.click()
        table.qtbot.waitUntil(lambda: f"of {size_text(len(content))}" in dialog.details.progress.line.text())
        assert server.stalled.wait(10)
        dialog.details.progress.button.click()
        table.qtbot.waitUntil(lambda: dialog.details.download.text().startswith("Resume"), timeout=20_000)
        dialog.details.download.click()
        table.qtbot.waitUntil(lambda: dialog.cards[name].status == "imported", timeout=60_000)
    assert "Range" in server.requests[-1][1]
    assert dialog.list.current == name
    assert dialog.banner.kind == "success"


# -- import ---------------------------------------------------------------------------------------------------------


class Importer:
    """Stands in for the reading and writing of model files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looked: list[Overrides] = []
        self.made: list[tuple[str, Overrides]] = []
        self.refusal: DetectorError | None = None
        monkeypatch.setattr(detector.importers, "preview_model", self._preview)
        monkeypatch.setattr(ModelLibrary, "import_file", lambda library, *asked: self._import(library, *asked))
        monkeypatch.setattr("app.ui.services.library_client.preload_torch", lambda: None)

    def _preview(self, path: Path, overrides: Overrides) -> Recognised:
        self.looked.append(overrides)
        if self.refusal is not None:
            raise self.refusal
        note = "Sizes of the default boxes: VOC's, assumed. If boxes have the wrong size: --priors coco."
        return Recognised(described("model"), (f"Recognised {path.name}.", note))

    def _import(self, library: ModelLibrary, path: Path, name: str, overrides: Overrides) -> ImportResult:
        if self.refusal is not None:
            raise self.refusal
        self.made.append((name, overrides))
        return ImportResult(ModelEntry(name, described(name), put_model(library.user_dir, name), False), ())


@pytest.fixture
def importer(monkeypatch: pytest.MonkeyPatch) -> Importer:
    return Importer(monkeypatch)


def _open_sheet(table: Desk, dialog: ModelsDialog, path: Path = Path("/films/pets.pth")) -> ImportSheet:
    dialog.show_import(path)
    sheet = dialog.sheet
    assert sheet is not None
    table.qtbot.waitUntil(lambda: not sheet.work.isVisible())
    return sheet


def test_the_sheet_shows_what_was_recognised_and_takes_other_text(
    dialog: ModelsDialog, table: Desk, importer: Importer, tmp_path: Path
) -> None:
    sheet = _open_sheet(table, dialog)
    assert sheet.name.text() == "pets-2", "pets is taken"
    assert "Detects cat, dog, horse" in sheet.found.text()
    assert "“Default boxes: COCO”" in sheet.notes.text()
    assert "--" not in sheet.notes.text()
    names = tmp_path / "names.txt"
    names.write_text("a\nb\nc\n")
    sheet.labels.line.setText(str(names))
    for box, value in ((sheet.priors, "coco"), (sheet.channels, "bgr"), (sheet.layout_choice, "amdegroot")):
        box.setCurrentIndex(box.findData(value))
        box.activated.emit(box.currentIndex())
    assert not sheet.go.isEnabled(), "not before it was looked into again"
    chosen = Overrides("amdegroot", "coco", "bgr", ("a", "b", "c"))
    table.qtbot.waitUntil(lambda: sheet.go.isEnabled() and importer.looked[-1] == chosen)
    sheet.name.setText("animals")
    sheet.go.click()
    table.qtbot.waitUntil(lambda: dialog.list.current == "animals")
    assert importer.made == [("animals", chosen)]
    assert dialog.sheet is None
    assert "animals is on the shelf" in dialog.banner.words[0]
    next(b for b in dialog.banner.findChildren(QPushButton) if b.isVisibleTo(dialog.banner)).click()
    assert table.settings.current.model.name == "animals"


@pytest.mark.parametrize(("name", "reason"), [("STREET", "already"), ("a b", "cannot be"), ("", "cannot be")])
def test_a_name_is_checked_while_it_is_typed(
    dialog: ModelsDialog, table: Desk, importer: Importer, name: str, reason: str
) -> None:
    sheet = _open_sheet(table, dialog)
    assert sheet.go.isEnabled()
    sheet.name.setText(name)
    assert reason in sheet.trouble.text()
    assert not sheet.go.isEnabled()
    sheet.name.setText("fine")
    assert not sheet.trouble.isVisible()
    assert sheet.go.isEnabled()


def test_a_file_dropped_before_the_shelf_is_listed(table: Desk, importer: Importer) -> None:
    table.window.import_model(Path("/films/pets.pth"))
    dialog = table.window.models_dialog
    assert dialog is not None
    sheet = dialog.sheet
    assert sheet is not None
    table.qtbot.waitUntil(lambda: sheet.name.text() == "pets-2" and sheet.go.isEnabled())
    sheet.name.clear()
    QTest.keyClicks(sheet.name, "mine")
    sheet.set_taken({"mine", "pets"})
    assert sheet.name.text() == "mine", "what was typed stays"
    assert "already" in sheet.trouble.text()


def test_a_file_that_is_no_model_says_so_and_can_be_explained(
    dialog: ModelsDialog, table: Desk, importer: Importer
) -> None:
    importer.refusal = DetectorError("pets.pth has an unknown layout.", "Name it: --layout NAME.")
    sheet = _open_sheet(table, dialog)
    assert sheet.trouble.text() == "pets.pth has an unknown layout. Name it: “Layout: NAME”."
    assert not sheet.go.isEnabled()
    importer.refusal = None
    sheet.layout_choice.activated.emit(1)
    table.qtbot.waitUntil(sheet.go.isEnabled)
    assert not sheet.trouble.isVisible()


def test_an_import_that_fails_keeps_the_sheet(dialog: ModelsDialog, table: Desk, importer: Importer) -> None:
    sheet = _open_sheet(table, dialog)
    importer.refusal = DetectorError("The disk is full.", "Free some space.")
    sheet.go.click()
    sheet.reject()
    assert sheet.isVisible(), "not while it writes"
    table.qtbot.waitUntil(lambda: sheet.trouble.text() == "The disk is full. Free some space.")
    assert sheet.go.isEnabled()
    sheet.reject()
    assert dialog.sheet is None


def test_closing_the_dialog_closes_the_sheet(dialog: ModelsDialog, table: Desk, importer: Importer) -> None:
    sheet = _open_sheet(table, dialog)
    dialog.hide()
    assert not sheet.isVisible()
    assert dialog.sheet is None
    table.window.show_models()
    busy = _open_sheet(table, dialog)
    busy.go.click()
    dialog.hide()
    assert not busy.isVisible()
    table.qtbot.waitUntil(lambda: "pets-2" in dialog.cards)
    assert dialog.sheet is None


def test_a_list_of_classes_that_cannot_be_read(dialog: ModelsDialog, table: Desk, importer: Importer) -> None:
    sheet = _open_sheet(table, dialog)
    sheet.labels.line.setText("/no/such/names.txt")
    table.qtbot.waitUntil(lambda: "names.txt" in sheet.trouble.text())
    assert not sheet.go.isEnabled()


def test_a_file_dropped_on_the_dialog_opens_the_sheet(dialog: ModelsDialog, table: Desk, importer: Importer) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/films/net.bin")])
    kinds = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Qt 6.12 on; 6.11 has no other way to make one
        entering = QDragEnterEvent(QPoint(50, 50), *kinds)
    QApplication.sendEvent(dialog, entering)
    assert dialog.drops.overlay.isVisible()
    QApplication.sendEvent(dialog, QDropEvent(QPointF(50, 50), *kinds))
    assert not dialog.drops.overlay.isVisible()
    assert dialog.sheet is not None
    assert dialog.sheet.path == Path("/films/net.bin")
    table.qtbot.waitUntil(lambda: not table.background.busy)


def test_a_real_file_from_the_button_to_the_shelf(
    dialog: ModelsDialog, table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.tiny_models import save_random

    save_random(tmp_path / "street view.safetensors")
    monkeypatch.setattr(
        "app.ui.models.models_dialog.QFileDialog.getOpenFileName",
        lambda *_a: (str(tmp_path / "street view.safetensors"), ""),
    )
    dialog.add.click()
    sheet = dialog.sheet
    assert sheet is not None
    table.qtbot.waitUntil(sheet.go.isEnabled, timeout=60_000)
    sheet.go.click()
    table.qtbot.waitUntil(lambda: dialog.list.current == "street-view", timeout=60_000)
    assert (tmp_path / "models" / "street-view.safetensors").exists()


# -- keyboard, width, words -----------------------------------------------------------------------------------------


def test_the_keyboard_goes_through_the_cards(dialog: ModelsDialog, table: Desk) -> None:
    dialog.list.choose("demo")
    dialog.list.focus_current()
    for key, name in ((Qt.Key.Key_Down, "pets"), (Qt.Key.Key_Down, "street"), (Qt.Key.Key_Up, "pets")):
        focused = dialog.focusWidget()
        assert focused is not None
        QTest.keyClick(focused, key)
        assert dialog.list.current == name
        assert dialog.focusWidget() is dialog.list.views[name]
    stops = [n for n, view in dialog.list.views.items() if view.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert stops == ["pets"], "Tab leaves the list after one card"
    QTest.keyClick(dialog.list.views["pets"], Qt.Key.Key_Return)
    assert table.settings.current.model.name == "pets"
    QTest.keyClick(dialog, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    order: list[object] = [dialog.focusWidget()]
    for _ in range(3):
        focused = dialog.focusWidget()
        assert focused is not None
        QTest.keyClick(focused, Qt.Key.Key_Tab)
        order.append(dialog.focusWidget())
    assert order[:3] == [dialog.list.search, dialog.add, dialog.list.views["pets"]]
    dialog.list.search.setFocus()
    QTest.keyClick(dialog.list.search, Qt.Key.Key_Down)
    assert dialog.focusWidget() is dialog.list.views["pets"]
    assert all(view.accessibleName() for view in dialog.list.views.values())
    assert "Broken" in dialog.list.views["torn"].accessibleName()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_a_narrow_dialog_shows_list_and_details_in_turns(dialog: ModelsDialog) -> None:
    assert dialog.details.isVisible()
    assert not dialog.details.back_button.isVisible()
    dialog.resize(400, 420)
    assert dialog.list.isVisible()
    assert not dialog.details.isVisible()
    dialog.list.views["pets"].click()
    assert not dialog.list.isVisible()
    assert dialog.details.isVisible()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.list.isVisible(), "back first"
    dialog.list.views["pets"].click()
    dialog.details.back_button.click()
    assert dialog.list.isVisible()
    dialog.resize(1000, 700)
    assert dialog.list.isVisible()
    assert dialog.details.isVisible()


def test_m_opens_it_and_the_panel_and_the_menu_lead_to_it(table: Desk) -> None:
    assert table.window.models_dialog is None
    table.window.activateWindow()
    QTest.keyClick(table.window, Qt.Key.Key_M)
    dialog = table.window.models_dialog
    assert dialog is not None
    assert dialog.isVisible()
    dialog.close()
    link = next(b for b in table.window.panel.findChildren(QPushButton) if b.text() == "Manage models…")
    link.click()
    assert table.window.models_dialog is dialog
    assert dialog.isVisible()
    menu = table.window.top_bar.more.menu()
    assert menu is not None
    assert "Manage models…" in [action.text() for action in menu.actions()]


def test_many_openings_leave_no_widgets(dialog: ModelsDialog, table: Desk, importer: Importer) -> None:
    def reopened() -> int:
        dialog.close()
        table.window.show_models()
        sheet = _open_sheet(table, dialog)
        sheet.reject()
        table.qtbot.waitUntil(lambda: not table.background.busy)
        QApplication.sendPostedEvents(None, 0)
        QApplication.processEvents()
        return len(QApplication.allWidgets())

    reopened()
    before = reopened()
    assert max(reopened() for _ in range(4)) <= before


def test_speed_in_text() -> None:
    on_cpu = MeasuredSpeed(34.4, "openvino", "cpu", "fp32", "2026-11-22")
    on_gpu = MeasuredSpeed(1412.3, "torch_cuda", "cuda:0 (NVIDIA H100)", "fp16", "2025-02-03")
    today = date(2026, 12, 1)
    assert speed_text(on_cpu, today) == "34 frames/s on OpenVINO fp32, measured 22 Nov"
    assert speed_text(on_gpu, today) == "1412 frames/s on NVIDIA H100 fp16, measured 3 Feb 2025"
    slow = MeasuredSpeed(0.42, "torch_cpu", "cpu", "fp32", "long ago")
    assert speed_text(slow, today) == "0.4 frames/s on PyTorch fp32, measured some time ago"


def test_search_and_notes_in_text() -> None:
    card = ModelCard("ssd300-voc", "imported", described("x", ("hot dog", "dog", "cat"), title="Pets by night"))
    assert matching(card, "") == (True, ())
    assert matching(card, " DOG ") == (True, ("dog", "hot dog"))
    assert matching(card, "night pets") == (True, ())
    assert matching(card, "voc dog") == (True, ("dog", "hot dog"))
    assert matching(card, "hot cat")[0] is False, "not one class"
    assert matching(card, "night bird")[0] is False
    assert matching(card, "imported")[0] is True
    assert for_the_form("Others: --labels FILE.") == "Others: “Class names”."
    assert for_the_form("Try --channels bgr or --layout amdegroot.") == (
        "Try “Channel order: BGR” or “Layout: amdegroot”."
    )
    by_download = for_the_form(by_hand(WeightsFile("https://example.org/a.pth", "", 0)))
    assert by_download.endswith("another way and import the file.")


def test_the_speed_of_a_model_in_use_survives_its_new_name(
    dialog: ModelsDialog, table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "models" / "pets.safetensors"
    record_speed(speeds_file(), file, MeasuredSpeed(12.0, "openvino", "cpu", "fp32", "2026-11-22"))
    dialog.list.choose("pets")
    _type_name(monkeypatch, "animals")
    dialog.details.rename.click()
    table.qtbot.waitUntil(lambda: "animals" in dialog.cards)
    assert [speed.frames_per_s for speed in dialog.cards["animals"].speeds] == [12.0]


def test_settings_of_a_removed_model_do_not_come_back(qtbot: QtBot, tmp_path: Path, yes: list[str]) -> None:
    put_model(tmp_path / "bundled", "demo", demo=True)
    put_model(tmp_path / "models", "pets")
    settings = Settings(model=ModelSettings(name="pets"), chosen=ChosenSettings({"pets": 0.3, "demo": 0.6}))
    with desk(qtbot, tmp_path, settings) as made:
        dialog = made.window.show_models()
        qtbot.waitUntil(lambda: dialog.list.current == "pets")
        dialog.details.remove.click()
        qtbot.waitUntil(lambda: "pets" not in dialog.cards)
    assert made.saved[-1].model.name == "demo"
    assert made.saved[-1].chosen.thresholds == {"demo": 0.6}


def test_an_error_of_the_app_is_shown_as_one_line(dialog: ModelsDialog, table: Desk) -> None:
    fetch = _start_download(table, dialog)
    fetch.error = AppError("No room.", "")
    fetch.go.set()
    table.qtbot.waitUntil(lambda: dialog.banner.isVisible() and dialog.banner.kind == "error")
    assert dialog.banner.words == ("No room.", "")
