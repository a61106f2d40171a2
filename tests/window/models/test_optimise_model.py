"""The button that optimises a model for this computer: progress, cancel, result, failure. The work itself is faked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

import app.core.optimise.run
from app.core.model_cards import ModelCard, model_cards
from app.ui.models.model_text import optimised_text
from app.ui.models.models_dialog import ModelsDialog
from app.ui.widgets.quantity_text import TIMES
from detector.errors import DetectorError
from detector.library import ModelLibrary
from detector.model_file import ModelEntry
from detector.runtime import openvino_runtime
from detector.runtime.format_measurements import DRAWN, MeasuredFormat, Optimised
from detector.runtime.other_process import WorkStoppedError
from detector.runtime.quantise import OptimisedModel
from detector.spec import Int8
from tests.support.box import use_box
from tests.support.model_files import put_model
from tests.support.qt_fakes import Desk, desk

DONE = Optimised(
    "2026-11-22",
    "NNCF 3.4.0",
    "street.mp4",
    160,
    80,
    321,
    0.5,
    (
        MeasuredFormat("fp32", 10.0),
        MeasuredFormat("bf16", 18.0, 0.999, 0.002),
        MeasuredFormat("int8", 26.0, 0.988, 0.01),
    ),
)
SAME = Optimised("2026-11-22", "NNCF 3.4.0", "street.mp4", 160, 80, 321, 0.5, (MeasuredFormat("fp32", 10.0),))


@dataclass
class FakeWork:
    """Stands for ``optimise``: goes on when the test says so."""

    go: threading.Event = field(default_factory=threading.Event)
    outcome: Optimised | Exception = DONE
    copy: str = ""
    report: Callable[[str, float], None] | None = None
    names: list[str] = field(default_factory=list)

    def __call__(
        self, entry: ModelEntry, _calibrate: Path | None, report: Callable[[str, float], None], stop: threading.Event
    ) -> OptimisedModel:
        self.names.append(entry.name)
        self.report = report
        report("Calibrating", 0.25)
        while not self.go.wait(0.05):
            if stop.is_set():
                raise WorkStoppedError("It was stopped.")
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return OptimisedModel(replace(entry, name=self.copy or entry.name), self.outcome)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWork]:
    made = FakeWork()
    monkeypatch.setattr(app.core.optimise.run, "optimise", made)
    yield made
    made.go.set()


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: FakeWork) -> Iterator[Desk]:
    use_box(monkeypatch, tmp_path / "box", everyday=False)
    put_model(tmp_path / "bundled", "demo", ("circle", "star"), demo=True)
    put_model(tmp_path / "models", "pets")
    with desk(qtbot, tmp_path) as made:
        yield made
        work.go.set()


@pytest.fixture
def dialog(table: Desk) -> ModelsDialog:
    shown = table.window.dialogs.show_models()
    shown.resize(1000, 700)
    table.qtbot.waitUntil(lambda: "pets" in shown.cards)
    shown.list.choose("pets")
    return shown


def started(table: Desk, dialog: ModelsDialog) -> None:
    dialog.details.optimise.click()
    table.qtbot.waitUntil(lambda: "Calibrating" in dialog.details.optimise_bar.line.text())


def press(dialog: ModelsDialog) -> None:
    next(b for b in dialog.banner.findChildren(QPushButton) if b.text() == "Use it now").click()


def test_the_button_optimises_and_shows_how_far_it_is(table: Desk, dialog: ModelsDialog, work: FakeWork) -> None:
    started(table, dialog)
    bar = dialog.details.optimise_bar
    assert bar.isVisible()
    assert bar.bar.value() == 250
    assert not dialog.details.optimise.isVisible()
    dialog.list.choose("demo")
    assert not bar.isVisible()
    assert dialog.details.optimise.isVisible()
    assert not dialog.details.optimise.isEnabled()  # one at a time
    work.go.set()
    table.qtbot.waitUntil(lambda: "pets is optimised." in dialog.banner.words[0])
    assert work.names == ["pets"]
    assert "int8 is used: 2.6 times as fast as fp32 here" in dialog.banner.words[1]
    assert dialog.details.optimise.isEnabled()


def test_the_result_can_be_used_at_once(table: Desk, dialog: ModelsDialog, work: FakeWork) -> None:
    work.go.set()
    dialog.details.optimise.click()
    table.qtbot.waitUntil(lambda: "pets is optimised." in dialog.banner.words[0])
    press(dialog)
    assert (table.settings.current.model.name, table.settings.current.model.precision) == ("pets", "auto")
    dialog.details.optimise.click()
    table.qtbot.waitUntil(lambda: len(work.names) == 2 and not table.services.optimising.running)
    press(dialog)
    assert table.settings.current.model.precision == "int8"  # in use already: opened anew


def test_int8_of_drawn_images_is_used_where_the_user_says_so(table: Desk, dialog: ModelsDialog, work: FakeWork) -> None:
    work.outcome = replace(DONE, calibration=DRAWN)
    work.go.set()
    dialog.details.optimise.click()
    table.qtbot.waitUntil(lambda: "pets is optimised." in dialog.banner.words[0])
    press(dialog)
    assert (table.settings.current.model.name, table.settings.current.model.precision) == ("pets", "int8")


def test_a_copy_is_named_and_can_be_used(table: Desk, dialog: ModelsDialog, work: FakeWork) -> None:
    work.copy = "pets-int8"
    work.go.set()
    dialog.details.optimise.click()
    table.qtbot.waitUntil(lambda: "its optimised copy is pets-int8" in dialog.banner.words[0])
    press(dialog)
    assert table.settings.current.model.name == "pets-int8"


def test_cancelling_is_no_failure(table: Desk, dialog: ModelsDialog, work: FakeWork) -> None:
    started(table, dialog)
    dialog.details.optimise_bar.button.click()
    assert dialog.details.optimise_bar.line.text() == "Stopping…"
    table.qtbot.waitUntil(lambda: not table.services.optimising.running)
    assert "you cancelled it" in dialog.banner.words[0]
    assert dialog.details.optimise.isVisible()


def test_what_goes_wrong_is_said(table: Desk, dialog: ModelsDialog, work: FakeWork) -> None:
    work.outcome = DetectorError("Optimising needs NNCF, which is not installed.", "Install it: pip install nncf")
    work.go.set()
    dialog.details.optimise.click()
    table.qtbot.waitUntil(lambda: "needs NNCF" in dialog.banner.words[0])
    assert "pip install nncf" in dialog.banner.words[1]


def test_where_nothing_is_gained_fp32_stays(table: Desk, dialog: ModelsDialog, work: FakeWork) -> None:
    work.outcome = SAME
    work.go.set()
    dialog.details.optimise.click()
    table.qtbot.waitUntil(lambda: "pets stays with fp32" in dialog.banner.words[0])


def test_it_goes_on_while_the_dialog_is_closed_and_ends_with_the_window(
    table: Desk, dialog: ModelsDialog, work: FakeWork
) -> None:
    started(table, dialog)
    dialog.close()
    assert table.services.optimising.running == "pets"
    assert not table.services.optimising.is_stopping
    table.window.close()
    assert table.services.optimising.is_stopping


def test_the_details_tell_what_was_measured(dialog: ModelsDialog) -> None:
    from dataclasses import replace

    card: ModelCard = replace(dialog.cards["pets"], optimised=DONE)
    dialog.details.show_card(card, used=False)
    words = dialog.details.facts.rows["Optimised"].words
    assert words == optimised_text(DONE)
    assert f"int8: 2.6 {TIMES} as fast as fp32, 98.8% in agreement" in words
    assert "80 images (street.mp4), 321 objects" in words
    dialog.details.show_card(replace(card, optimised=None), used=False)
    assert not dialog.details.facts.rows["Optimised"].isVisible()
    assert not dialog.details.facts.rows["In int8"].isVisible()
    assert card.spec is not None
    int8 = Int8({"images": (0.0, 1.0)}, "", "photographs", 20, 10, 33, 0.5, 0.991)
    dialog.details.show_card(replace(card, spec=replace(card.spec, int8=int8)), used=False)
    assert dialog.details.facts.rows["In int8"].words == "99.1% in agreement with fp32 on 10 images (photographs)"


def test_int8_can_be_chosen_in_the_settings() -> None:
    from dataclasses import fields

    from app.core.settings import ModelSettings

    (precision,) = (each for each in fields(ModelSettings) if each.name == "precision")
    assert ("int8", "int8") in precision.metadata["setting"].choices


def test_where_it_cannot_run_it_is_not_offered_and_what_is_needed_is_said(dialog: ModelsDialog) -> None:
    details, card = dialog.details, dialog.cards["pets"]
    assert details.optimise.isVisible()
    assert not details.not_optimisable.isVisible()
    needed = DetectorError("Optimising pets needs NNCF, which is not installed.", "Install it: pip install nncf")
    details.show_card(replace(card, not_optimisable=needed), used=False)
    assert not details.optimise.isVisible()
    assert details.not_optimisable.isVisible()
    assert "pip install nncf" in details.not_optimisable.text()


def test_the_cards_know_what_cannot_be_optimised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_model(tmp_path, "pets")
    library = ModelLibrary(tmp_path, tmp_path / "bundled")
    assert model_cards(library, {})[0].not_optimisable is None
    monkeypatch.setattr(openvino_runtime, "is_installed", lambda: False)
    needed = model_cards(library, {})[0].not_optimisable
    assert needed is not None
    assert "OpenVINO" in needed.message
