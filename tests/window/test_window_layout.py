"""On a real (virtual) screen: nothing covers anything else, no word is cut, nothing sticks out, at several sizes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.core.alarms.alarm_store import AlarmRule
from app.core.alarms.rules import Rule
from app.core.alarms.ways import WAYS
from app.core.frames import SourceInfo
from app.core.live.events import LiveState
from app.core.settings import Settings, SourceSettings, WindowSettings
from app.ui.about import AboutDialog
from app.ui.help_sheet import HelpSheet
from app.ui.view.address_dialog import AddressDialog
from app.ui.widgets.drops import Drop
from tests.sources.test_sources import write_image
from tests.support.qt_checks import cut_texts, outside, overlaps, settle
from tests.support.qt_fakes import CAMERA, VIDEO, Desk, desk, make_candidates, make_frame, make_result

_RECENT = ("/home/maria/Videos/holiday in the mountains/a rather long name of a film.mp4", "camera:0")
_SIZES = ((3840, 2160), (1240, 780), (1000, 700), (900, 600), (640, 420), (480, 360))

pytestmark = pytest.mark.xvfb


@pytest.fixture(params=["light", "dark"])
def table(qtbot: QtBot, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    chosen = Settings(window=WindowSettings(theme=request.param), source=SourceSettings(recent=_RECENT))
    with desk(qtbot, tmp_path, chosen) as made:
        yield made


def _faults(root: QWidget) -> list[str]:
    settle()
    return overlaps(root) + cut_texts(root) + outside(root)


def _resize(table: Desk, size: tuple[int, int]) -> None:
    table.window.resize(*size)
    table.qtbot.waitUntil(lambda: table.window.size().toTuple() == size)
    settle()


@pytest.mark.parametrize("size", [*_SIZES, (360, 300)])
def test_start_page(table: Desk, size: tuple[int, int]) -> None:
    table.window.stage.start.sample.show()
    _resize(table, size)
    assert _faults(table.window) == []


@pytest.mark.parametrize("size", _SIZES)
def test_playing(table: Desk, size: tuple[int, int]) -> None:
    table.open(VIDEO)
    table.give(make_result(make_candidates((10, 10, 60, 60, 0.9, 0)), make_frame(pts_s=Fraction(5))))
    _resize(table, size)
    table.qtbot.waitUntil(lambda: "age" in table.window.status.shown())
    assert _faults(table.window) == []
    assert table.window.stage.view.frame_rect().width() > 150


@pytest.mark.parametrize("size", _SIZES)
def test_a_folder_of_photos(table: Desk, size: tuple[int, int], tmp_path: Path) -> None:
    for number in range(12):
        write_image(tmp_path / f"a rather long name of a photo {number}.png", number)
    info = SourceInfo("folder", "summer", 320, 180, Fraction(2), Fraction(6), 12, seekable=True)
    table.open(info, str(tmp_path)).enter(LiveState.PAUSED)
    name = "a rather long name of a photo 4.png"
    table.give(make_result(make_candidates((10, 10, 60, 60, 0.9, 0)), replace(make_frame(index=4), name=name)))
    table.qtbot.waitUntil(table.window.stage.strip.isVisible)
    _resize(table, size)
    assert _faults(table.window) == []
    assert table.window.stage.view.frame_rect().width() > 150


@pytest.mark.parametrize("size", _SIZES)
def test_a_stream_that_is_hidden_by_the_class_filter(table: Desk, size: tuple[int, int]) -> None:
    table.open(replace(CAMERA, kind="stream", name="rtsp://***@192.168.1.20:554/stream1"), "rtsp://192.168.1.20/live")
    table.settings.set("detection", "classes", ("dog",))
    table.give(make_result(make_candidates((10, 10, 60, 60, 0.9, 0), (90, 10, 160, 60, 0.9, 1))))
    _resize(table, size)
    assert _faults(table.window) == []


@pytest.mark.parametrize("size", _SIZES)
def test_waiting_for_a_camera(table: Desk, size: tuple[int, int]) -> None:
    table.window.open_source("rtsp://jane:secret@a-camera-with-a-long-name.example.org:554/stream1")
    waiting = table.window.stage.view.waiting
    table.qtbot.waitUntil(waiting.isVisible)
    _resize(table, size)
    assert _faults(table.window) == []
    assert table.window.stage.view.rect().contains(waiting.geometry())


@pytest.mark.parametrize("size", _SIZES)
def test_nothing_seen(table: Desk, size: tuple[int, int]) -> None:
    table.open(replace(VIDEO, kind="image"), "/pictures/street.png")
    table.qtbot.waitUntil(lambda: table.controller.model is not None)
    table.give(make_result(make_candidates((10, 10, 60, 60, 0.4, 0))))
    _resize(table, size)
    assert table.window.stage.view.notice.isVisible()
    assert _faults(table.window) == []


@pytest.mark.parametrize("size", [*_SIZES, (360, 300)])
def test_drawing_zones(table: Desk, size: tuple[int, int]) -> None:
    table.open(VIDEO)
    table.give(make_result(make_candidates((10, 10, 60, 60, 0.9, 0))))
    table.qtbot.waitUntil(lambda: table.scenes.loaded)
    _resize(table, size)
    table.window.actions_by_name["zones"].trigger()
    drawing = table.window.zones.editor.drawing
    for tool in ("zone", "line", "mask"):
        drawing.choose_tool(tool)
        drawing.finish()
        table.window.zones.editor.overlay.refresh()
        assert _faults(table.window) == []
    assert table.window.zones.editor.bar.isVisible()


@pytest.mark.parametrize("size", _SIZES)
def test_banner_with_long_text(table: Desk, size: tuple[int, int]) -> None:
    table.open(VIDEO)
    table.services.banner.tell(
        "error",
        "The camera “Integrated RGB Camera: Integrated C” is in use by another program.",
        "Close the other program (often a browser or a meeting), then choose the camera again.",
        action=("Try again", settle),
    )
    _resize(table, size)
    assert _faults(table.window) == []


def test_panel_from_top_to_bottom(table: Desk) -> None:
    table.open(VIDEO)
    table.qtbot.waitUntil(lambda: table.controller.model is not None)
    _resize(table, (900, 600))
    bar = table.window.panel.scroll_area.verticalScrollBar()
    for value in range(0, bar.maximum() + 1, max(1, bar.pageStep())):
        bar.setValue(value)
        assert _faults(table.window) == []


def test_dialogs(table: Desk, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"")
    table.window.exports.show_one(tmp_path / "film.mp4")
    export = table.window.exports.dialog
    assert export is not None
    address = AddressDialog((*_RECENT, "rtsp://***@192.168.1.20:554/stream1"), table.window)
    table.window.dialogs.show_preferences()
    preferences = table.window.dialogs.preferences
    assert preferences is not None
    table.window.exports.show_many()
    queue = table.window.exports.queue
    assert queue is not None
    for dialog in (HelpSheet(table.window), AboutDialog(table.window), preferences, export, queue, address):
        dialog.show()
        table.qtbot.waitExposed(dialog)
        assert _faults(dialog) == [], type(dialog).__name__
        room = dialog.screen().availableSize()
        assert dialog.size().boundedTo(room) == dialog.size(), type(dialog).__name__
        dialog.close()


@pytest.mark.parametrize("size", _SIZES)
def test_alarms(table: Desk, size: tuple[int, int]) -> None:
    window = table.window
    _resize(table, size)
    table.open(CAMERA, "camera:front")
    table.qtbot.waitUntil(lambda: window.alarms.model.source is not None)
    every = frozenset(WAYS)
    window.alarms.model.replace(
        (
            AlarmRule(Rule("seen", ("person", "dog"), "the long name of a zone", 3.0, 300.0, ways=every)),
            AlarmRule(Rule("absent", ("person",), for_s=600.0, ways=every), on=False),
            AlarmRule(Rule("gone", for_s=30.0, ways=frozenset())),
        )
    )
    window.show_alarms()
    window.alarms.panel.show_trouble(
        "The web address cannot be reached. It is tried again by itself, less and less often."
    )
    assert _faults(window) == []
    window.alarms.panel.rules.setCurrentRow(0)
    for button in (window.alarms.panel.edit, window.alarms.panel.ways):
        button.click()
        dialog = window.alarms.dialog
        assert dialog is not None
        table.qtbot.waitExposed(dialog)
        assert _faults(dialog) == [], type(dialog).__name__
        dialog.close()


def test_drop_zones_lie_beside_each_other(table: Desk) -> None:
    overlay = table.window.drops.overlay
    for size in _SIZES:
        _resize(table, size)
        overlay.begin(Drop("video", (Path("a.mp4"),)))
        first, second = overlay.rects()
        assert not first.intersects(second)
        assert overlay.rect().toRectF().contains(first.united(second))
        assert overlay.choice(first.center()) == "open"
        assert overlay.choice(second.center()) == "export"
        assert overlay.choice(QPointF(0, 0)) == "open"
        overlay.hide()


@pytest.mark.parametrize("factor", ["1.5", "2"])
def test_the_same_on_a_dense_screen(repository: Path, factor: str) -> None:
    if "QT_SCALE_FACTOR" in os.environ:
        pytest.skip("this is the inner run")
    names = ("test_playing[dark-size3]", "test_start_page[light-size2]", "test_dialogs[light]")
    chosen = [f"{Path(__file__)}::{name}" for name in names]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen],
        cwd=repository,
        env={**os.environ, "QT_SCALE_FACTOR": factor},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_the_checks_find_faults(qtbot: QtBot) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    box = QVBoxLayout(root)
    first, second = QLabel("a line of words that is long"), QPushButton("press here please")
    box.addWidget(first)
    box.addWidget(second)
    root.show()
    assert _faults(root) == []
    first.setFixedWidth(30)
    second.setFixedWidth(30)
    settle()
    assert len(cut_texts(root)) == 2
    second.setGeometry(first.geometry())
    assert len(overlaps(root)) == 1
    second.move(root.width() - 5, 0)
    assert len(outside(root)) == 1
