"""The window is never silent: it says what is seen, that nothing is and what would be, and that a demo cannot know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.core.frames import FrameResult, SourceInfo
from app.core.live.events import ModelLoading, ModelReady
from app.core.settings import ModelSettings, Settings
from app.ui.view import notice_feed
from app.ui.view.notice_plate import NoticePlate
from app.ui.view.silence import AFTER_NS
from detector.detections import Candidates
from detector.spec import ModelSpec
from tests.support.qt_checks import settle
from tests.support.qt_fakes import (
    CAMERA,
    SPEC,
    VIDEO,
    Desk,
    FakeSession,
    desk,
    make_candidates,
    make_frame,
    make_result,
)

PHOTO = SourceInfo("image", "dog.png", 320, 180)
WEAK = make_candidates((10, 10, 60, 60, 0.429, 1), (20, 20, 90, 90, 0.31, 2), (100, 10, 160, 60, 0.2, 0))
FOUND = make_candidates((10, 10, 60, 60, 0.9, 1), (60, 10, 90, 60, 0.8, 1), (100, 10, 160, 60, 0.6, 2))


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    with desk(qtbot, tmp_path, replace(Settings(), model=ModelSettings(name="best"))) as made:
        yield made


def _open(table: Desk, info: SourceInfo, spec: ModelSpec | None = None) -> FakeSession:
    """A source, and a model that knows the world unless it is said to be another."""
    uri = "camera:0" if info.kind == "camera" else f"/films/{info.name}"
    table.window.open_source(uri)
    session = table.session
    session.open_as(info, model=False)
    chosen = spec or replace(SPEC, name="best", demo=False)
    session.on_event(ModelLoading(chosen.name))
    session.on_event(ModelReady(chosen, "torch_cpu", "cpu", "fp32", (), 0.1))
    table.qtbot.waitUntil(lambda: table.controller.model is not None and table.controller.model.spec is chosen)
    return session


def _give(table: Desk, candidates: Candidates | None, captured_ns: int = 0) -> FrameResult:
    result = make_result(candidates, replace(make_frame(), captured_ns=captured_ns))
    table.give(result)
    return result


def test_a_photo_says_at_once_what_would_be_seen_and_the_button_shows_it(table: Desk) -> None:
    _open(table, PHOTO)
    _give(table, WEAK)
    view, notice = table.window.stage.view, table.window.stage.view.notice
    assert notice.isVisible()
    assert "best: person 0.42" in notice.words
    notice.button.click()
    assert table.settings.current.detection.threshold == 0.42
    assert len(view.detections()) == 1
    assert not notice.isVisible()
    assert table.settings.current.chosen.thresholds == {"best": 0.42}


def test_the_best_is_looked_for_among_the_classes_shown(table: Desk) -> None:
    _open(table, PHOTO)
    _give(table, WEAK)
    notice = table.window.stage.view.notice
    table.settings.set("detection", "classes", ("car",))
    assert "best: car 0.20" in notice.words
    notice.button.click()
    assert len(table.window.stage.view.detections()) == 1
    assert not notice.isVisible()
    table.settings.set("detection", "threshold", 0.6)
    assert "best: car" in notice.words
    table.settings.set("detection", "classes", ())
    assert "best: person" in notice.words


def test_where_there_is_no_candidate_no_threshold_is_offered(table: Desk) -> None:
    _open(table, PHOTO)
    _give(table, Candidates.empty())
    notice = table.window.stage.view.notice
    assert notice.isVisible()
    assert notice.button.isHidden()
    _give(table, None)
    assert not notice.isVisible(), "no model looked at it"


def test_live_it_comes_after_a_second_and_goes_at_once(table: Desk) -> None:
    _open(table, CAMERA)
    notice = table.window.stage.view.notice
    for index in range(10):
        _give(table, WEAK, index * AFTER_NS // 10)
        assert not notice.isVisible()
    _give(table, WEAK, AFTER_NS)
    assert notice.isVisible()
    _give(table, FOUND, AFTER_NS + 1)
    assert not notice.isVisible()
    _give(table, WEAK, AFTER_NS + 2)
    assert not notice.isVisible()


def test_live_its_words_stay_long_enough_to_be_read(table: Desk) -> None:
    _open(table, VIDEO)
    notice = table.window.stage.view.notice
    _give(table, WEAK, 0)
    _give(table, WEAK, AFTER_NS)
    before = notice.words
    other = make_candidates((10, 10, 60, 60, 0.33, 2))
    _give(table, other, AFTER_NS + 40_000_000)
    assert notice.words == before
    _give(table, other, 2 * AFTER_NS)
    assert "dog 0.33" in notice.words


def test_paused_it_is_said_at_once_and_a_threshold_acts_on_it(table: Desk) -> None:
    _open(table, VIDEO)
    _give(table, WEAK, 0)
    notice = table.window.stage.view.notice
    assert not notice.isVisible()
    table.controller.playback.toggle_pause()
    table.qtbot.waitUntil(notice.isVisible)
    table.settings.set("detection", "threshold", 0.3)
    assert not notice.isVisible()
    table.settings.set("detection", "threshold", 0.8)
    assert notice.isVisible()


def test_another_source_and_another_model_begin_anew(table: Desk) -> None:
    session = _open(table, PHOTO)
    _give(table, WEAK)
    notice = table.window.stage.view.notice
    session.on_event(ModelLoading("other"))
    table.qtbot.waitUntil(lambda: not notice.isVisible())
    _give(table, WEAK)
    assert notice.isVisible()
    table.controller.close_source()
    assert not notice.isVisible()


class _Presses(QObject):
    """Counts presses that arrive at a widget."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self.places: list[QPoint] = []
        widget.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt calls it
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseButtonPress:
            self.places.append(event.position().toPoint())
        return False


def test_clicks_beside_the_button_go_to_the_view(table: Desk) -> None:
    _open(table, PHOTO)
    _give(table, WEAK)
    view = table.window.stage.view
    presses = _Presses(view)
    middle = view.notice.label.mapTo(table.window, view.notice.label.rect().center())
    QTest.mouseClick(table.window.windowHandle(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    assert presses.places == [view.mapFrom(table.window, middle)]
    assert view.notice.isVisible()


def test_it_keeps_out_of_the_way_of_boxes_and_does_not_jump(qtbot: QtBot) -> None:
    view = QWidget()
    qtbot.addWidget(view)
    view.resize(640, 400)
    picture = QRectF(0, 0, 640, 400)
    notice = NoticePlate(view)
    notice.tell("The demo model knows drawn shapes only.", "Use voc")
    notice.place(picture)
    foot = notice.geometry()
    assert foot.bottom() < 400
    notice.place(picture, [QRectF(300, 330, 60, 60)])
    head = notice.geometry()
    assert head.bottom() < 100
    notice.place(picture)
    assert notice.geometry() == head, "it stays where it is as long as that is free"
    notice.place(picture, [QRectF(0, 0, 640, 400)])
    assert notice.geometry() == head, "where everything is covered it stays as well"
    notice.inset = 60
    notice.place(picture, [QRectF(head)])
    assert notice.geometry().bottom() < 340


@pytest.mark.parametrize("width", [160, 240, 320, 480, 900])
def test_its_words_fit_on_any_frame(qtbot: QtBot, width: int) -> None:
    view = QWidget()
    qtbot.addWidget(view)
    view.resize(width, 400)
    notice = NoticePlate(view)
    notice.tell("Nothing above 0.50  ·  best: refrigerator 0.42", "Lower to 0.42")
    view.show()
    notice.place(QRectF(0, 0, width, 400))
    settle()
    assert view.rect().contains(notice.geometry())
    label, button = notice.label, notice.button
    assert not label.geometry().intersects(button.geometry())
    assert notice.rect().contains(button.geometry())
    wanted = label.heightForWidth(label.width()) if label.wordWrap() else label.sizeHint().height()
    assert label.height() >= wanted
    assert button.width() >= button.sizeHint().width()


def test_a_demo_on_anything_but_the_sample_says_so_and_offers_the_default(
    table: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_feed, "default_model", lambda: "everyday")
    _open(table, CAMERA, SPEC)
    _give(table, FOUND)
    notice = table.window.stage.view.notice
    assert notice.words == notice_feed.DEMO_TEXT
    notice.button.click()
    assert table.settings.current.model.name == "everyday"
    assert table.session.names()[-1] in ("switch_model", "set_threshold")


def test_where_there_is_nothing_better_the_demo_offers_the_models(table: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_feed, "default_model", lambda: "demo")
    _open(table, CAMERA, SPEC)
    _give(table, WEAK)
    table.window.stage.view.notice.button.click()
    assert table.window.dialogs.models is not None
    assert table.window.dialogs.models.isVisible()


def test_a_demo_on_the_sample_is_at_home(table: Desk) -> None:
    table.controller.open("/clips/demo.mp4", sample=True)
    table.session.open_as(VIDEO)
    table.qtbot.waitUntil(lambda: table.window.stage.view.is_demo)
    _give(table, FOUND)
    assert table.window.stage.view.notice.words == ""


def test_the_status_bar_leads_with_what_is_seen(table: Desk) -> None:
    _open(table, CAMERA)
    _give(table, FOUND)
    status, view = table.window.status, table.window.stage.view
    table.qtbot.waitUntil(lambda: status.shown().get("seen") == "2 persons, 1 dog")
    assert next(iter(status.shown())) == "seen"
    assert view.accessibleDescription() == "2 persons, 1 dog"
    table.settings.set("detection", "threshold", 0.95)
    table.qtbot.waitUntil(lambda: status.shown()["seen"] == "Nothing above 0.95")
    table.controller.close_source()
    assert "seen" not in status.shown()
    assert view.accessibleDescription() == ""


def test_what_the_plate_says_is_the_description_of_the_frame(table: Desk) -> None:
    _open(table, PHOTO)
    _give(table, WEAK)
    view = table.window.stage.view
    table.qtbot.waitUntil(lambda: "best: person 0.42" in view.accessibleDescription())
    assert view.frame_rect().contains(QRectF(view.notice.geometry()))


def test_a_class_filter_that_hides_detections_leaves_a_trace(table: Desk) -> None:
    _open(table, PHOTO)
    _give(table, FOUND)
    view, notice = table.window.stage.view, table.window.stage.view.notice
    assert view.shown.hidden == 0
    table.settings.set("detection", "classes", ("dog",))
    assert (view.shown.seen_text(), notice.words) == ("1 dog  ·  2 hidden by the class filter", "")
    table.settings.set("detection", "classes", ("car",))
    assert notice.words == view.shown.seen_text() == "3 detections hidden by the class filter"
    QTest.mouseClick(notice.button, Qt.MouseButton.LeftButton)
    assert table.settings.current.detection.classes == ()
    assert (view.shown.seen_text(), notice.words) == ("2 persons, 1 dog", "")


def test_what_is_below_the_threshold_is_not_called_hidden(table: Desk) -> None:
    _open(table, PHOTO)
    _give(table, WEAK)
    table.settings.set("detection", "classes", ("car",))
    assert table.window.stage.view.shown.hidden == 0
    assert "best: car 0.20" in table.window.stage.view.notice.words
