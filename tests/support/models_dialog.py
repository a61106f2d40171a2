"""What tests of the models dialog do again and again, and a stand-in for reading and writing model files."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.model_check import ModelCheck
from app.ui.models.import_sheet import ImportSheet
from app.ui.models.models_dialog import ModelsDialog
from detector.errors import DetectorError, Remedy
from detector.importers import model_writer
from detector.importers.base import Overrides
from detector.importers.model_writer import RecognisedModel
from detector.importers.notes import Note
from detector.library import ImportResult, ModelLibrary
from detector.model_file import ModelEntry
from tests.support.model_files import described, put_model
from tests.support.qt_fakes import Desk, FakeFetch

FETCHED = "ssd300-vgg16-coco"
"""A model of the registry."""


def type_name(monkeypatch: pytest.MonkeyPatch, answer: str | None) -> None:
    monkeypatch.setattr("app.ui.models.model_actions.typed", lambda *_a: answer)


def start_download(table: Desk, dialog: ModelsDialog) -> FakeFetch:
    count = len(table.fetches)
    dialog.list.choose(FETCHED)
    dialog.details.download.click()
    table.qtbot.waitUntil(lambda: len(table.fetches) > count)
    return table.fetches[-1]


def check_of(model: str, engine: str, ok: bool | None, detail: str) -> ModelCheck:
    return ModelCheck(model, engine, ok, detail)


class Importer:
    """Stands in for the reading and writing of model files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looked: list[Overrides] = []
        self.made: list[tuple[str, Overrides]] = []
        self.refusal: DetectorError | None = None
        monkeypatch.setattr(model_writer, "preview_model", self._preview)
        monkeypatch.setattr(ModelLibrary, "import_file", lambda library, *asked: self._import(library, *asked))
        monkeypatch.setattr("app.ui.services.library_client.preload_torch", lambda: None)

    def _preview(self, path: Path, overrides: Overrides) -> RecognisedModel:
        self.looked.append(overrides)
        if self.refusal is not None:
            raise self.refusal
        sizes = Note("Sizes of the default boxes: VOC's, assumed.", (Remedy("priors", "coco"),))
        order = Note("Channel order: RGB, assumed.", (Remedy("channels", "bgr"),))
        return RecognisedModel(described("model"), (Note(f"Recognised {path.name}."), sizes, order))

    def _import(self, library: ModelLibrary, path: Path, name: str, overrides: Overrides) -> ImportResult:
        if self.refusal is not None:
            raise self.refusal
        self.made.append((name, overrides))
        return ImportResult(ModelEntry(name, described(name), put_model(library.user_dir, name), False), ())


def open_sheet(table: Desk, dialog: ModelsDialog, path: Path = Path("/films/pets.pth")) -> ImportSheet:
    dialog.show_import(path)
    sheet = dialog.sheet
    assert sheet is not None
    table.qtbot.waitUntil(lambda: not sheet.work.isVisible())
    return sheet
