"""What a model file would see: pictures come from a worker, ranked; a click takes a way, and closing ends the work."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.core import import_pictures
from app.core.frames import ImageBGR
from app.core.import_pictures import WayPicture, way_pictures
from app.ui.models.import_fields import applicable, helpful, size_of
from app.ui.models.models_dialog import ModelsDialog
from detector.errors import DetectorError, Remedy
from detector.graph_spec import GraphSpec, Rule
from detector.importers.alternatives import Alternative
from detector.importers.base import Overrides
from detector.importers.model_writer import RecognisedModel
from detector.importers.notes import Note
from tests.support.model_files import described
from tests.support.models_dialog import Importer, open_sheet
from tests.support.qt_checks import cut_texts, overlaps, settle
from tests.support.qt_fakes import VIDEO, Desk, make_result

WAYS = (
    Alternative("", "", 2, 0.8, 1.2),
    Alternative("channels", "bgr", 3, 0.9, 2.5),
    Alternative("size", "640x480", 0, 0.0, 0.0),
)
PICTURE = np.full((48, 64, 4), 255, np.uint8)


class Looker:
    """Stands in for the networks: gives a picture whenever the test lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[Overrides, tuple[int, ...]]] = []
        self.threads: list[str] = []
        self.go = threading.Semaphore(0)
        self.given = 0
        self.ways: tuple[Alternative, ...] = WAYS
        self.refusal: DetectorError | None = None
        monkeypatch.setattr(import_pictures, "way_pictures", self._pictures)
        monkeypatch.setattr("app.ui.services.import_looks.preload_openvino", lambda: None)

    def _pictures(self, _path: Path, overrides: Overrides, image: ImageBGR) -> Iterator[WayPicture]:
        self.asked.append((overrides, image.shape))
        self.threads.append(threading.current_thread().name)
        if self.refusal is not None:
            raise self.refusal
        for way in self.ways:
            assert self.go.acquire(timeout=60)
            self.given += 1
            yield WayPicture(way, PICTURE)

    def let(self, count: int) -> None:
        """Let so many pictures come."""
        self.go.release(count)


@pytest.fixture
def looker(monkeypatch: pytest.MonkeyPatch) -> Looker:
    return Looker(monkeypatch)


@pytest.fixture
def playing(table: Desk) -> Desk:
    table.open(VIDEO)
    table.give(make_result())
    return table


def test_ways_are_ranked_as_they_come_from_the_frame_on_screen(
    playing: Desk, dialog: ModelsDialog, importer: Importer, looker: Looker
) -> None:
    sheet = open_sheet(playing, dialog)
    pictures, wait = sheet.pictures, playing.qtbot.waitUntil
    looker.let(1)
    wait(lambda: len(pictures.cards) == 1)
    assert pictures.looks.running
    assert looker.asked == [(Overrides(), (180, 320, 3))]
    assert looker.threads[0].startswith("ssdv-ui-"), "nothing of it on the GUI thread"
    looker.let(2)
    wait(lambda: not pictures.looks.running)
    assert [card.picture.way for card in pictures.cards] == [WAYS[1], WAYS[0], WAYS[2]]
    assert [card.isChecked() for card in pictures.cards] == [False, True, False]
    assert "sharpest" in pictures.cards[0].accessibleName()
    assert "Finds nothing" in pictures.cards[2].accessibleName()
    assert "“Channel order: BGR”" in pictures.words.text()
    settle()
    assert overlaps(sheet) + cut_texts(sheet) == []


@pytest.mark.parametrize(("sharpness", "named"), [(1.3, False), (2.0, True)])
def test_only_what_is_clearly_sharper_is_recommended(
    playing: Desk, dialog: ModelsDialog, importer: Importer, looker: Looker, sharpness: float, named: bool
) -> None:
    looker.ways = (WAYS[0], replace(WAYS[1], sharpness=sharpness))
    pictures = open_sheet(playing, dialog).pictures
    looker.let(2)
    playing.qtbot.waitUntil(lambda: not pictures.looks.running)
    assert pictures.cards[0].picture.way.option == "channels"
    assert ("“Channel order: BGR”" in pictures.words.text()) is named


@pytest.mark.parametrize(("card", "chosen"), [(0, Overrides(channels="bgr")), (2, Overrides(size=(640, 480)))])
def test_a_click_takes_the_way_and_puts_it_in_question_no_more(
    playing: Desk, dialog: ModelsDialog, importer: Importer, looker: Looker, card: int, chosen: Overrides
) -> None:
    sheet = open_sheet(playing, dialog)
    pictures, wait = sheet.pictures, playing.qtbot.waitUntil
    looker.let(3)
    wait(lambda: not pictures.looks.running and len(pictures.cards) == 3)
    pictures.cards[card].click()
    assert sheet.fields.chosen == chosen
    assert pictures.cards == [], "what was seen before holds no more"
    wait(lambda: len(looker.asked) == 2)
    assert looker.asked[1][0] == importer.looked[-1] == chosen
    looker.let(3)
    wait(lambda: not pictures.looks.running)


def test_closing_the_sheet_ends_the_work_after_the_way_it_is_at(
    playing: Desk, dialog: ModelsDialog, importer: Importer, looker: Looker
) -> None:
    sheet = open_sheet(playing, dialog)
    looker.let(1)
    playing.qtbot.waitUntil(lambda: len(sheet.pictures.cards) == 1)
    sheet.reject()
    looker.let(1)
    playing.qtbot.waitUntil(lambda: not playing.background.busy)
    assert looker.given == 2, "the third was not looked for"


def _drop(target: QWidget, path: Path) -> bool:
    """Drops a file on a widget; returns whether it was taken."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    kinds = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Qt 6.12 on; 6.11 has no other way to make one
        entering = QDragEnterEvent(QPoint(5, 5), *kinds)
    entering.ignore()
    QApplication.sendEvent(target, entering)
    if entering.isAccepted():
        QApplication.sendEvent(target, QDropEvent(QPointF(5, 5), *kinds))
    return entering.isAccepted()


@pytest.mark.usefixtures("importer")
def test_without_a_frame_the_user_is_asked_for_a_picture(
    table: Desk, dialog: ModelsDialog, looker: Looker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = open_sheet(table, dialog)
    pictures, wait = sheet.pictures, table.qtbot.waitUntil
    assert looker.asked == []
    assert not pictures.take_frame.isVisible()
    assert "Choose a picture" in pictures.words.text()
    picture = tmp_path / "street.png"
    cv2.imwrite(str(picture), np.full((40, 60, 3), 90, np.uint8))
    chooser = "app.ui.models.import_pictures.QFileDialog.getOpenFileName"
    monkeypatch.setattr(chooser, lambda *_a: (str(picture), ""))
    pictures.choose_picture.click()
    looker.let(3)
    wait(lambda: len(pictures.cards) == 3)
    assert looker.asked == [(Overrides(), (40, 60, 3))]
    pictures.use_picture(tmp_path / "missing.png")
    wait(lambda: "missing.png" in pictures.words.text())
    looker.refusal = DetectorError("It cannot be run.")
    assert not _drop(pictures, tmp_path / "net.onnx"), "that is no picture"
    assert _drop(pictures, picture)
    wait(lambda: pictures.words.text() == "It cannot be run.")
    assert sheet.go.isEnabled(), "it can be imported all the same"


# -- which choices there are -------------------------------------------------------------------------------------------


def _graph(rule: Rule, *left_open: str, **more: str) -> RecognisedModel:
    spec = replace(described("model"), graph=GraphSpec(rule, **more))  # type: ignore[arg-type]
    return RecognisedModel(spec, (Note("Recognised.", tuple(map(Remedy, left_open))),))


@pytest.mark.parametrize(
    ("seen", "options"),
    [
        (_graph("detection-output"), {"labels", "channels", "fit", "scale"}),
        (_graph("tflite-ssd", element="u8"), {"labels", "channels", "fit"}),
        (_graph("grid", "rule"), {"labels", "rule", "channels", "fit", "scale", "scores"}),
        (_graph("ssd-raw", "size"), {"labels", "size", "channels", "fit", "scale"}),
        (RecognisedModel(described("model"), ()), {"labels"}),
        (
            RecognisedModel(described("model"), (Note("Size assumed.", (Remedy("size", "640x480"),)),)),
            {"labels", "layout", "size"},
        ),
    ],
)
def test_choices_are_offered_where_they_mean_something(seen: RecognisedModel, options: set[str]) -> None:
    assert applicable(seen, Overrides()) == options
    assert applicable(seen, Overrides(priors="voc")) == options | {"priors"}, "what was chosen can be taken back"


def test_a_refusal_offers_what_helps_and_what_was_chosen() -> None:
    assert helpful((Remedy("size", "WIDTHxHEIGHT"),), Overrides(channels="bgr")) == {"labels", "size", "channels"}


@pytest.mark.parametrize(
    ("text", "size"),
    [("640x480", (640, 480)), (" 320 X 240 ", (320, 240)), ("0x5", None), ("640", None), ("9999x9", None), ("", None)],
)
def test_a_size_is_read_as_people_write_it(text: str, size: tuple[int, int] | None) -> None:
    assert size_of(text) == size


def test_a_size_that_is_none_cannot_be_imported(table: Desk, dialog: ModelsDialog, importer: Importer) -> None:
    sheet = open_sheet(table, dialog)
    sheet.fields.size_line.setText("640 by 480")
    table.qtbot.waitUntil(lambda: sheet.ready)
    assert "width x height" in sheet.trouble.text()
    assert not sheet.go.isEnabled()
    sheet.fields.size_line.setText("640x480")
    table.qtbot.waitUntil(sheet.go.isEnabled)
    assert importer.looked[-1].size == (640, 480)


def test_a_size_that_is_asked_for_is_answered_by_a_picture(
    playing: Desk, dialog: ModelsDialog, importer: Importer, looker: Looker
) -> None:
    importer.refusal = DetectorError("pets.pth does not say its size.", "Say it.", Remedy("size", "320x240"))
    looker.ways = (Alternative("size", "320x240", 1, 0.6, 0.2), Alternative("size", "640x480", 3, 0.9, 2.0))
    sheet = open_sheet(playing, dialog)
    assert sheet.fields.size_line.isVisible()
    looker.let(2)
    playing.qtbot.waitUntil(lambda: not sheet.pictures.looks.running and len(sheet.pictures.cards) == 2)
    assert "“Input size: 640" in sheet.pictures.words.text()
    importer.refusal = None
    looker.let(2)
    sheet.pictures.cards[0].click()
    playing.qtbot.waitUntil(sheet.go.isEnabled)
    assert importer.looked[-1] == Overrides(size=(640, 480))
    importer.refusal = DetectorError("pets.pth is no model.")
    sheet.fields.size_line.clear()
    playing.qtbot.waitUntil(lambda: not sheet.pictures.isVisible())


def test_rows_that_mean_nothing_are_hidden(table: Desk, dialog: ModelsDialog, importer: Importer) -> None:
    fields = open_sheet(table, dialog).fields
    shown = {option for option, box in fields.boxes.items() if box.isVisible()}
    assert shown == {"layout", "priors", "channels"}
    assert not fields.size_line.isVisible()
    assert fields.labels.isVisible()


# -- what is drawn -----------------------------------------------------------------------------------------------------


def test_objects_are_drawn_into_a_small_copy(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from tests.support.tiny_graphs import save_ssd_decoded

    image = np.full((1000, 2000, 3), (0, 0, 255), np.uint8)
    overrides = Overrides(channels="rgb", scale="0-255", fit="warp", scores="none")
    (only,) = way_pictures(save_ssd_decoded(tmp_path / "a.onnx"), overrides, image)
    assert only.picture.shape == (240, 480, 4)
    assert only.way.objects == 1
    plain = (only.picture[..., :3] == (0, 0, 255)).all(axis=2)
    assert 0.3 < plain.mean() < 0.99, "boxes are painted, and not everything"
    assert (image == (0, 0, 255)).all(), "the image itself stays"
