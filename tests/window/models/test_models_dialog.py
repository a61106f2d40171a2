"""The models dialog: the library as cards and details, search, keyboard, narrow windows."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from app.core.live.events import ModelMeasured
from app.core.paths import speeds_file
from app.core.speeds import load_speeds
from app.ui.models.models_dialog import ModelsDialog
from app.ui.widgets.texts import FoldedText
from detector.plans.architectures import is_two_stage
from detector.registry import MODELS
from tests.support.model_files import put_model
from tests.support.models_dialog import FETCHED, Importer, open_sheet
from tests.support.qt_fakes import Desk


def test_every_model_has_a_card_in_the_order_of_the_library(dialog: ModelsDialog) -> None:
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
    table.services.library.refresh_models()
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


def test_a_library_that_changed_meanwhile_is_shown_as_it_is(dialog: ModelsDialog, table: Desk, tmp_path: Path) -> None:
    dialog.list.choose("pets")
    dialog.hide()
    (tmp_path / "models" / "pets.safetensors").unlink()
    put_model(tmp_path / "models", "newer")
    table.window.dialogs.show_models()
    table.qtbot.waitUntil(lambda: "newer" in dialog.cards)
    assert "pets" not in dialog.list.views
    assert dialog.list.current == "demo", "what is gone cannot stay chosen"
    assert dialog.details.card is not None
    assert dialog.details.card.name == "demo"


def test_words_from_files_and_servers_are_no_markup(dialog: ModelsDialog) -> None:
    dialog.banner.tell("error", "<b>x</b>.pth is broken.", "<i>host</i> says so.")
    labels = [label for label in dialog.banner.findChildren(QLabel) if "<" in label.text()]
    assert len(labels) == 2
    for label in (*labels, dialog.details.about):
        assert label.textFormat() is Qt.TextFormat.PlainText


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
    assert table.window.dialogs.models is None
    table.window.activateWindow()
    QTest.keyClick(table.window, Qt.Key.Key_M)
    dialog = table.window.dialogs.models
    assert dialog is not None
    assert dialog.isVisible()
    dialog.close()
    link = next(b for b in table.window.panel.findChildren(QPushButton) if b.text() == "Manage models…")
    link.click()
    assert table.window.dialogs.models is dialog
    assert dialog.isVisible()
    menu = table.window.top_bar.more.menu()
    assert menu is not None
    assert "Manage models…" in [action.text() for action in menu.actions()]


def test_many_openings_leave_no_widgets(dialog: ModelsDialog, table: Desk, importer: Importer) -> None:
    def reopened() -> int:
        dialog.close()
        table.window.dialogs.show_models()
        sheet = open_sheet(table, dialog)
        sheet.reject()
        table.qtbot.waitUntil(lambda: not table.background.busy)
        QApplication.sendPostedEvents(None, 0)
        QApplication.processEvents()
        return len(QApplication.allWidgets())

    reopened()
    before = reopened()
    assert max(reopened() for _ in range(4)) <= before


def test_the_training_recipe_is_folded_until_it_is_asked_for(dialog: ModelsDialog) -> None:
    card = dialog.cards["pets"]
    assert card.spec is not None
    trained = replace(card.spec, provenance='Trained here. Recipe: {"steps": 4}.')
    dialog.details.show_card(replace(card, spec=trained), used=False)
    rows = dialog.details.facts.rows
    assert rows["Comes from"].words == "Trained here."
    recipe = rows["Training recipe"]
    assert isinstance(recipe, FoldedText)
    assert (recipe.words, recipe.text.isVisible()) == ('Recipe: {"steps": 4}.', False)
    recipe.button.click()
    assert recipe.text.isVisible()
    recipe.button.click()
    assert not recipe.text.isVisible()


def test_what_can_be_downloaded_begins_with_the_recommended_and_ends_with_comparisons(dialog: ModelsDialog) -> None:
    absent = [name for name, card in dialog.cards.items() if card.status == "absent"]
    assert dialog.list.views[absent[0]].chips.recommended.isVisible()
    assert sum(view.chips.recommended.isVisible() for view in dialog.list.views.values()) == 1
    compared = [is_two_stage(MODELS[name]) for name in absent]
    assert compared == sorted(compared)
    assert any(compared)
