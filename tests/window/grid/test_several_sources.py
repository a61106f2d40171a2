"""Several sources side by side, over sessions that only remember what they were told."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.core.errors import AppError
from app.core.events.scene import IgnoreMask, Scene
from app.core.events.scene_edit import rectangle
from app.core.events.scene_store import SceneStore
from app.core.live.events import Ended, LiveState, ModelFailed, ModelLoading, ModelReady, SourceTrouble
from app.core.settings import Settings
from app.ui.grid.grid_window import GridWindow
from app.ui.services.several_sources import MOST
from tests.support.qt_fakes import CAMERA, SPEC, VIDEO, Desk, FakeSession, make_candidates, make_result

FOUND = make_candidates((10, 10, 60, 60, 0.9, 1), (140, 80, 180, 100, 0.8, 1))


def grid(table: Desk) -> GridWindow:
    """Opens the window."""
    table.window.actions_by_name["several"].trigger()
    window = table.window.several.window
    assert window is not None
    table.qtbot.waitUntil(window.isActiveWindow)
    return window


def add(table: Desk, uri: str) -> FakeSession:
    assert table.services.several.add(uri)
    return table.sessions[-1]


def press(
    table: Desk, window: GridWindow, key: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    window.activateWindow()
    table.qtbot.waitUntil(window.isActiveWindow)
    QTest.keyClick(window, key, held)


def test_an_empty_window_says_what_to_do(table: Desk) -> None:
    window = grid(table)
    assert not window.tiles.isVisible()
    assert window.counted.text() == ""


def test_each_source_has_a_tile_with_its_frames_boxes_and_rate(table: Desk) -> None:
    window = grid(table)
    first, second = add(table, "camera:0"), add(table, "/films/street.mp4")
    first.open_as(CAMERA)
    second.open_as(VIDEO)
    result = make_result(FOUND)
    first.give(result)
    table.qtbot.waitUntil(lambda: window.tiles.tiles[0].view.result is result)
    assert len(window.tiles.tiles[0].view.detections()) == 2
    assert window.tiles.tiles[1].view.result is None
    table.qtbot.waitUntil(lambda: first.painted == [result])
    tile = window.tiles.tiles[0]
    tile.show_figures()
    assert tile.view.accessibleName() == CAMERA.name
    assert tile.view.accessibleDescription() == "2 persons"
    assert window.counted.text() == "2 sources"


def test_what_lies_in_a_mask_is_not_shown_wherever_it_was_drawn(table: Desk, tmp_path: Path) -> None:
    left, all_of_it = (Scene(masks=(IgnoreMask("m", rectangle((0, 0), (x, 1))),)) for x in (0.4, 1))
    SceneStore(tmp_path / "scenes").save("camera:0", left)
    window = grid(table)
    session = add(table, "camera:0")
    session.open_as(CAMERA)
    session.give(make_result(FOUND))
    view = window.tiles.tiles[0].view
    table.qtbot.waitUntil(lambda: view.result is not None and len(view.detections()) == 1)
    assert ("set_masks", left.ignored) in session.calls
    table.open(CAMERA, "camera:0")
    table.qtbot.waitUntil(lambda: table.scenes.loaded)
    table.scenes.replace(all_of_it)
    assert len(view.detections()) == 0


def test_one_is_enlarged_by_a_double_click_and_all_come_back(table: Desk) -> None:
    window = grid(table)
    for uri in ("camera:0", "camera:1", "camera:2"):
        add(table, uri)
    first = window.tiles.tiles[0]
    QTest.mouseDClick(first.view, Qt.MouseButton.LeftButton)
    assert [tile.isVisible() for tile in window.tiles.tiles] == [True, False, False]
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert all(tile.isVisible() for tile in window.tiles.tiles)
    first.enlarge_asked.emit()
    table.services.several.remove(first.feed)
    assert all(tile.isVisible() for tile in window.tiles.tiles)


def test_the_space_bar_pauses_all_of_them_and_lets_them_go_on(table: Desk) -> None:
    window = grid(table)
    first = add(table, "camera:0")
    first.open_as(CAMERA)
    press(table, window, Qt.Key.Key_Space)
    tile = window.tiles.tiles[0]
    table.qtbot.waitUntil(lambda: tile.view.accessibleDescription() == "Paused")
    second = add(table, "camera:1")
    second.open_as(CAMERA)
    for _ in range(2):
        press(table, window, Qt.Key.Key_Space)
    assert [call for call in first.names() if call in ("pause", "resume")] == ["pause", "pause", "resume"]
    assert [call for call in second.names() if call in ("pause", "resume")] == ["pause", "resume"]
    table.qtbot.waitUntil(lambda: tile.view.accessibleDescription() == "")


def test_the_space_bar_presses_a_button_that_has_the_focus(table: Desk) -> None:
    window = grid(table)
    session = add(table, "camera:0")
    window.activateWindow()
    table.qtbot.waitUntil(window.isActiveWindow)
    window.tiles.tiles[0].closing.setFocus()
    QTest.keyClick(window.tiles.tiles[0].closing, Qt.Key.Key_Space)
    assert table.services.several.feeds == []
    assert "pause" not in session.names()


def test_ctrl_w_closes_the_enlarged_source_and_then_the_window(table: Desk) -> None:
    window = grid(table)
    for uri in ("camera:0", "camera:1"):
        add(table, uri)
    window.tiles.enlarge(window.tiles.tiles[1])
    press(table, window, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    assert [feed.uri for feed in table.services.several.feeds] == ["camera:0"]
    assert window.isVisible()
    press(table, window, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    assert not window.isVisible()


@pytest.mark.parametrize(
    ("urls", "text", "added"),
    [
        (["file:///films/street.mp4", "file:///films/yard.mkv"], "", ["/films/street.mp4", "/films/yard.mkv"]),
        (
            ["rtsp://door/live", "https://example.org/a%20b.m3u8"],
            "",
            ["rtsp://door/live", "https://example.org/a%20b.m3u8"],
        ),
        ([], " rtsp://door/live\nrtsp://door/live\n", ["rtsp://door/live"]),
        (["file:///models/net.pth", "ftp://door/x"], "", []),
        ([], "some words", []),
    ],
)
def test_what_is_dropped_is_added(table: Desk, urls: list[str], text: str, added: list[str]) -> None:
    window = grid(table)
    mime = QMimeData()
    if urls:
        mime.setUrls([QUrl(url) for url in urls])
    mime.setText(text)
    kinds = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Qt 6.12 on; 6.11 has no other way to make one
        entering = QDragEnterEvent(QPoint(50, 50), *kinds)
    entering.ignore()
    QApplication.sendEvent(window, entering)
    assert entering.isAccepted() == bool(added)
    if entering.isAccepted():
        QApplication.sendEvent(window, QDropEvent(QPointF(50, 50), *kinds))
    assert [feed.uri for feed in table.services.several.feeds] == added


def test_nine_fit_and_none_twice(table: Desk) -> None:
    window = grid(table)
    for number in range(MOST):
        add(table, f"camera:{number}")
    assert not table.services.several.add("camera:99")
    assert "as many as there is room for" in window.counted.text()
    window.tiles.tiles[4].closing.click()
    assert "room" not in window.counted.text()
    assert not table.services.several.add("camera:0")
    assert len(window.tiles.tiles) == MOST - 1


def test_closing_the_window_ends_the_sessions_and_opening_it_brings_them_back(table: Desk) -> None:
    window = grid(table)
    sessions = [add(table, uri) for uri in ("camera:0", "rtsp://me:secret@camera/live")]
    window.close()
    assert all("stop" in session.names() for session in sessions)
    assert "secret" not in repr(table.settings.current.source)
    grid(table)
    assert [feed.uri for feed in table.services.several.feeds] == ["camera:0", "rtsp://***@camera/live"]
    assert len(table.sessions) == 4


def test_closing_the_main_window_closes_it_too(table: Desk) -> None:
    window = grid(table)
    session = add(table, "camera:0")
    table.window.close()
    assert not window.isVisible()
    assert "stop" in session.names()


def test_what_is_wrong_is_said_on_the_tile(table: Desk) -> None:
    window = grid(table)
    session = add(table, "camera:0")
    view = window.tiles.tiles[0].view

    def described(words: str) -> None:
        table.qtbot.waitUntil(lambda: view.accessibleDescription() == words)

    described("Opening…")
    session.on_event(SourceTrouble("It is busy.", "Close the other program.", False, AppError("It is busy.")))
    described("It is busy. Close the other program.")
    session.on_event(SourceTrouble("It is gone.", "", True))
    described("It is gone. Reconnecting…")
    session.open_as(CAMERA, model=False)
    described("")
    session.on_event(ModelLoading("demo"))
    described("Loading demo…")
    session.on_event(ModelFailed("It cannot be opened.", "Choose another.", ""))
    described("It cannot be opened. Choose another.")
    session.on_event(Ended())
    described("Ended")
    session.on_event(ModelLoading("other"))
    session.on_event(ModelReady(SPEC, "torch_cpu", "cpu", "fp32", (), 0.1))
    described("Ended")
    session.enter(LiveState.RUNNING)
    described("")


def test_settings_reach_all_of_them(table: Desk) -> None:
    window = grid(table)
    sessions = [add(table, uri) for uri in ("camera:0", "camera:1")]
    table.settings.set("detection", "threshold", 0.85)
    table.settings.set("detection", "iou", 0.3)
    for session in sessions:
        assert {"set_threshold", "set_iou"} <= set(session.names())
    sessions[0].open_as(CAMERA)
    sessions[0].give(make_result(FOUND))
    table.qtbot.waitUntil(lambda: len(window.tiles.tiles[0].view.detections()) == 1)
    table.settings.set("model", "name", "other")
    assert all("switch_model" in session.names() for session in sessions)


def test_they_rest_while_an_export_works(table: Desk) -> None:
    grid(table)
    session = add(table, "camera:0")
    table.services.several.rest(True)
    later = add(table, "camera:1")
    table.services.several.rest(False)
    for each in (session, later):
        assert [call for call in each.calls if call[0] == "rest"] == [("rest", True), ("rest", False)]


@pytest.mark.parametrize("number", range(1, MOST + 1))
def test_tiles_lie_as_near_to_a_square_as_they_go(table: Desk, number: int) -> None:
    window = grid(table)
    for each in range(number):
        add(table, f"camera:{each}")
    wanted = {1: (1, 1), 2: (2, 1), 3: (2, 2), 4: (2, 2), 5: (3, 2), 6: (3, 2)}.get(number, (3, 3))

    def laid_out() -> bool:
        tiles = window.tiles.tiles
        return (len({tile.x() for tile in tiles}), len({tile.y() for tile in tiles})) == wanted

    table.qtbot.waitUntil(laid_out)


def test_settings_of_before_have_none() -> None:
    assert Settings().source.several == ()
    assert replace(Settings().source, several=("camera:0",)).several == ("camera:0",)
