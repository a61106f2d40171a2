"""Importing a model file: what was recognised, what was assumed, and the user's say in it."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from app.ui.models.models_dialog import ModelsDialog
from detector.errors import DetectorError, Remedy
from detector.importers.base import Overrides
from tests.support.models_dialog import Importer, open_sheet
from tests.support.qt_fakes import Desk


def test_the_sheet_shows_what_was_recognised_and_takes_other_text(
    dialog: ModelsDialog, table: Desk, importer: Importer, tmp_path: Path
) -> None:
    sheet = open_sheet(table, dialog)
    assert sheet.name.text() == "pets-2", "pets is taken"
    assert "Detects cat, dog, horse" in sheet.found.text()
    assert "default boxes" in sheet.notes.text()
    names = tmp_path / "names.txt"
    names.write_text("a\nb\nc\n")
    sheet.fields.labels.line.setText(str(names))
    for option, value in (("priors", "coco"), ("channels", "bgr"), ("layout", "amdegroot")):
        box = sheet.fields.boxes[option]
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
    assert "animals is in the library" in dialog.banner.words[0]
    next(b for b in dialog.banner.findChildren(QPushButton) if b.isVisibleTo(dialog.banner)).click()
    assert table.settings.current.model.name == "animals"


@pytest.mark.parametrize(("name", "reason"), [("STREET", "already"), ("a b", "cannot be"), ("", "cannot be")])
def test_a_name_is_checked_while_it_is_typed(
    dialog: ModelsDialog, table: Desk, importer: Importer, name: str, reason: str
) -> None:
    sheet = open_sheet(table, dialog)
    assert sheet.go.isEnabled()
    sheet.name.setText(name)
    assert reason in sheet.trouble.text()
    assert not sheet.go.isEnabled()
    sheet.name.setText("fine")
    assert not sheet.trouble.isVisible()
    assert sheet.go.isEnabled()


def test_a_file_dropped_before_the_library_is_listed(table: Desk, importer: Importer) -> None:
    table.window.dialogs.import_model(Path("/films/pets.pth"))
    dialog = table.window.dialogs.models
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
    importer.refusal = DetectorError("pets.pth has an unknown layout.", "Name it.", Remedy("layout"))
    sheet = open_sheet(table, dialog)
    assert sheet.trouble.text() == "pets.pth has an unknown layout. Name it (“Layout”)."
    assert not sheet.go.isEnabled()
    importer.refusal = None
    sheet.fields.boxes["layout"].activated.emit(1)
    table.qtbot.waitUntil(sheet.go.isEnabled)
    assert not sheet.trouble.isVisible()


def test_an_import_that_fails_keeps_the_sheet(dialog: ModelsDialog, table: Desk, importer: Importer) -> None:
    sheet = open_sheet(table, dialog)
    importer.refusal = DetectorError("The disk is full.", "Free some space.")
    sheet.go.click()
    sheet.reject()
    assert sheet.isVisible(), "not while it writes"
    table.qtbot.waitUntil(lambda: sheet.trouble.text() == "The disk is full. Free some space.")
    assert sheet.go.isEnabled()
    sheet.reject()
    assert dialog.sheet is None


def test_closing_the_dialog_closes_the_sheet(dialog: ModelsDialog, table: Desk, importer: Importer) -> None:
    sheet = open_sheet(table, dialog)
    dialog.hide()
    assert not sheet.isVisible()
    assert dialog.sheet is None
    table.window.dialogs.show_models()
    busy = open_sheet(table, dialog)
    busy.go.click()
    dialog.hide()
    assert not busy.isVisible()
    table.qtbot.waitUntil(lambda: "pets-2" in dialog.cards)
    assert dialog.sheet is None


def test_a_list_of_classes_that_cannot_be_read(dialog: ModelsDialog, table: Desk, importer: Importer) -> None:
    sheet = open_sheet(table, dialog)
    sheet.fields.labels.line.setText("/no/such/names.txt")
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


def test_a_real_file_from_the_button_to_the_library(
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
    table.qtbot.waitUntil(sheet.go.isEnabled)
    sheet.go.click()
    table.qtbot.waitUntil(lambda: dialog.list.current == "street-view")
    assert (tmp_path / "models" / "street-view.safetensors").exists()
