"""Zones in the window: drawn with mouse and keys over the frame, listed beside it, and kept with the source."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QAction, QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.core.events.scene import IgnoreMask, Line, Scene, Zone, read_scene
from app.core.events.scene_store import SceneStore
from app.core.live.events import LiveState
from app.ui.zones.editor import ZoneEditor
from tests.support.qt_checks import settle
from tests.support.qt_fakes import CAMERA, VIDEO, Desk, make_candidates, make_frame, make_result

_SQUARE = ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6))
_SCENE = Scene(
    (Zone("door", _SQUARE, ("person",)),), (Line("gate", ((0.8, 0.9), (0.8, 0.1))),), (IgnoreMask("clock", _SQUARE),)
)


@pytest.fixture
def editor(table: Desk) -> ZoneEditor:
    """Open, with a frame, and drawing."""
    table.open(CAMERA, "camera:1")
    table.give(make_result(make_candidates((32, 18, 96, 90, 0.9, 1)), make_frame(320, 180)))
    table.qtbot.waitUntil(lambda: table.scenes.loaded)
    table.window.actions_by_name["zones"].trigger()
    assert table.window.zones.editor.editing
    return table.window.zones.editor


def _at(table: Desk, x: float, y: float) -> QPoint:
    frame = table.window.stage.view.frame_rect()
    return QPoint(round(frame.x() + x * frame.width()), round(frame.y() + y * frame.height()))


def _click(table: Desk, *places: tuple[float, float], twice: bool = False) -> None:
    overlay = table.window.zones.editor.overlay
    for place in places:
        table.qtbot.mouseClick(overlay, Qt.MouseButton.LeftButton, pos=_at(table, *place))
    if twice:
        table.qtbot.mouseDClick(overlay, Qt.MouseButton.LeftButton, pos=_at(table, *places[-1]))


def _key(table: Desk, key: Qt.Key, shift: bool = False) -> None:
    modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    table.qtbot.keyClick(table.window.zones.editor.overlay, key, modifier)


def _drawn(table: Desk, scene: Scene) -> None:
    table.scenes.replace(scene)


def test_a_zone_is_clicked_named_limited_and_kept(table: Desk, editor: ZoneEditor, tmp_path: Path) -> None:
    editor.bar.tools["zone"].click()
    _click(table, (0.1, 0.1), (0.5, 0.1), (0.5, 0.5), twice=True)
    assert len(table.scenes.scene.zones) == 1
    editor.panel.name.setText("door")
    editor.panel.name.editingFinished.emit()
    editor.panel.classes.setText("person, dog")
    editor.panel.classes.editingFinished.emit()
    zone = table.scenes.scene.zone("door")
    assert zone.classes == ("person", "dog")
    assert [value for point in zone.polygon for value in point] == pytest.approx(
        [0.1, 0.1, 0.5, 0.1, 0.5, 0.5], abs=0.01
    )
    assert editor.panel.list.item(0).text() == "door"
    table.qtbot.waitUntil(lambda: SceneStore(tmp_path / "scenes").scene_of("camera:1") == table.scenes.scene)
    editor.bar.done_button.click()
    assert not editor.editing
    assert editor.overlay.isVisible(), "it is seen while one watches"
    table.settings.set("window", "show_zones", False)
    assert not editor.overlay.isVisible()


def test_names_that_are_taken_and_classes_unknown_are_not_kept(table: Desk, editor: ZoneEditor) -> None:
    _drawn(table, _SCENE)
    editor.panel.list.setCurrentRow(0)
    editor.panel.name.setText("Gate")
    editor.panel.name.editingFinished.emit()
    assert editor.bar.hint.objectName() == "bad"
    assert table.scenes.scene == _SCENE
    editor.panel.classes.setText("persn")
    editor.panel.classes.editingFinished.emit()
    assert table.scenes.scene == _SCENE


def test_the_keyboard_can_do_all_of_it(table: Desk, editor: ZoneEditor) -> None:
    editor.bar.tools["line"].click()
    _key(table, Qt.Key.Key_Return)
    assert table.scenes.scene.lines[0].points == ((0.5, 0.75), (0.5, 0.25))
    _key(table, Qt.Key.Key_Tab)
    assert "point 1 of 2" in editor.overlay.accessibleDescription()
    _key(table, Qt.Key.Key_Right)
    _key(table, Qt.Key.Key_Down, shift=True)
    assert table.scenes.scene.lines[0].points[0] == pytest.approx((0.5 + 1 / 320, 0.75 + 10 / 180), abs=1e-6)
    _key(table, Qt.Key.Key_Escape)
    _key(table, Qt.Key.Key_Delete)
    assert table.scenes.scene == Scene()
    editor.bar.undo_button.click()
    assert len(table.scenes.scene.lines) == 1
    editor.bar.redo_button.click()
    assert table.scenes.scene == Scene()
    _key(table, Qt.Key.Key_Escape)
    assert not editor.editing
    assert not table.window.actions_by_name["zones"].isChecked()


def test_keys_of_the_editor_do_not_move_the_video(table: Desk) -> None:
    session = table.open(VIDEO)
    table.give(make_result(make_candidates()))
    table.qtbot.waitUntil(lambda: table.scenes.loaded)
    table.window.activateWindow()
    table.window.actions_by_name["zones"].trigger()
    before = list(session.calls)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Return):
        _key(table, key)
    assert session.calls == before
    _key(table, Qt.Key.Key_Space)
    assert session.calls[len(before) :] == [("pause",)], "playing goes on by its key"


def test_arrows_of_lines_turn_around(table: Desk, editor: ZoneEditor) -> None:
    _drawn(table, _SCENE)
    editor.panel.list.setCurrentRow(1)
    editor.panel.flip.click()
    assert table.scenes.scene.line("gate").points == ((0.8, 0.1), (0.8, 0.9))
    editor.panel.list.setCurrentRow(0)
    assert editor.panel.flip.isHidden()
    editor.panel.list.setCurrentRow(2)
    assert editor.panel.classes.isHidden(), "a mask has no classes"
    editor.panel.delete.click()
    assert table.scenes.scene.masks == ()


def _menu_at(table: Desk, editor: ZoneEditor, x: float, y: float) -> dict[str, QAction]:
    place = _at(table, x, y)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, editor.overlay.mapToGlobal(place))
    QApplication.sendEvent(editor.overlay, event)
    assert editor.menu is not None
    editor.menu.hide()
    return {action.text(): action for action in editor.menu.actions() if action.text()}


def test_a_wrong_box_becomes_a_mask(table: Desk, editor: ZoneEditor) -> None:
    actions = _menu_at(table, editor, 0.2, 0.3)
    actions["Make a mask of this box"].trigger()
    assert table.scenes.scene.masks[0].polygon == ((0.1, 0.1), (0.3, 0.1), (0.3, 0.5), (0.1, 0.5))
    assert "Make a mask of this box" not in _menu_at(table, editor, 0.9, 0.9)


def test_the_views_own_menu_masks_a_box_without_a_detour(table: Desk) -> None:
    table.open(CAMERA, "camera:1")
    table.give(make_result(make_candidates((32, 18, 96, 90, 0.9, 1)), make_frame(320, 180)))
    table.qtbot.waitUntil(lambda: table.scenes.loaded)
    view, editor = table.window.stage.view, table.window.zones.editor
    view.mask_asked.emit(view.box_place(0))
    assert not editor.editing
    assert len(table.scenes.scene.masks) == 1
    assert not len(view.detections())
    next(b for b in table.services.banner.findChildren(QPushButton) if b.text() == "Change…").click()
    assert editor.editing
    assert editor.drawing.shape is not None
    editor.end()
    view.zone_asked.emit(QPointF(0.25, 0.75))
    assert (editor.editing, editor.drawing.path) == (True, [(0.25, 0.75)])


def test_a_zoomed_frame_is_drawn_on_where_it_lies_and_can_be_moved(table: Desk, editor: ZoneEditor) -> None:
    view = table.window.stage.view
    for _ in range(4):
        view.zoom_in()
    _click(table, (0.5, 0.5))
    before = view.frame_rect()
    middle = _at(table, 0.5, 0.5)
    QTest.mousePress(editor.overlay, Qt.MouseButton.LeftButton, pos=middle)
    QTest.mouseRelease(editor.overlay, Qt.MouseButton.LeftButton, pos=middle)
    assert view.frame_rect() == before
    editor.bar.tools["mask"].click()
    start, end = _at(table, 0.4, 0.4), _at(table, 0.6, 0.6)
    QTest.mousePress(editor.overlay, Qt.MouseButton.LeftButton, pos=start)
    for share in (1, 2, 3):
        QTest.mouseMove(editor.overlay, start + (end - start) * share / 3)
    QTest.mouseRelease(editor.overlay, Qt.MouseButton.LeftButton, pos=end)
    polygon = table.scenes.scene.masks[0].polygon
    assert [value for point in polygon for value in point] == pytest.approx(
        [0.4, 0.4, 0.6, 0.4, 0.6, 0.6, 0.4, 0.6], abs=0.01
    )


def test_a_zone_starts_where_it_was_asked_for(table: Desk, editor: ZoneEditor) -> None:
    _menu_at(table, editor, 0.7, 0.7)["Start a zone here"].trigger()
    assert editor.drawing.tool == "zone"
    _click(table, (0.9, 0.7), (0.9, 0.9), twice=True)
    assert table.scenes.scene.zones[0].polygon[0] == pytest.approx((0.7, 0.7), abs=0.01)


def test_a_corner_is_deleted_by_the_menu(table: Desk, editor: ZoneEditor) -> None:
    _drawn(table, Scene((Zone("door", _SQUARE),)))
    _menu_at(table, editor, 0.2, 0.2)["Delete this corner"].trigger()
    assert table.scenes.scene.zones[0].polygon == _SQUARE[1:]


def test_another_source_has_its_own(table: Desk, editor: ZoneEditor) -> None:
    _drawn(table, _SCENE)
    table.open(CAMERA, "camera:2")
    assert not editor.editing
    table.qtbot.waitUntil(lambda: table.scenes.loaded)
    assert editor.drawing.edit.kept == ()
    assert not editor.overlay.isVisible()


def test_without_a_frame_there_is_nothing_to_draw_on(table: Desk) -> None:
    action = table.window.actions_by_name["zones"]
    action.trigger()
    assert not table.window.zones.editor.editing
    assert not action.isChecked()
    assert table.services.banner.kind == "info"


def test_zones_go_to_a_file_and_come_back(table: Desk, editor: ZoneEditor, tmp_path: Path) -> None:
    _drawn(table, _SCENE)
    path = tmp_path / "yard.zones.json"
    editor.files.export_to(path)
    table.qtbot.waitUntil(path.exists)
    assert read_scene(path) == _SCENE
    assert set(json.loads(path.read_bytes())) == {"zones", "lines", "masks"}
    other = {"zones": [{"name": "yard", "polygon": [[0, 0], [1, 0], [1, 1]]}]}
    path.write_text(json.dumps(other))
    editor.files.import_from(path)
    table.qtbot.waitUntil(lambda: [zone.name for zone in table.scenes.scene.zones] == ["yard"])
    editor.bar.undo_button.click()
    assert table.scenes.scene == _SCENE
    path.write_text("{")
    editor.files.import_from(path)
    table.qtbot.waitUntil(lambda: table.services.banner.kind == "error")
    assert table.scenes.scene == _SCENE


def test_what_was_read_for_another_source_is_left(table: Desk, editor: ZoneEditor, tmp_path: Path) -> None:
    path = tmp_path / "yard.zones.json"
    path.write_text(json.dumps(_SCENE.as_dict()))
    editor.files.import_from(path)
    table.open(CAMERA, "camera:2")
    table.qtbot.waitUntil(lambda: table.scenes.loaded and not table.background.busy)
    assert table.scenes.scene == Scene()


def test_nothing_is_drawn_before_what_was_kept_is_there(table: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(SceneStore, "scene_of", lambda *_: go.wait(60) and _SCENE)
    table.open(CAMERA, "camera:1")
    table.give(make_result(make_candidates()))
    table.window.actions_by_name["zones"].trigger()
    assert not table.window.zones.editor.editing
    go.set()
    table.qtbot.waitUntil(lambda: table.scenes.loaded)
    table.window.actions_by_name["zones"].trigger()
    assert len(table.window.zones.editor.drawing.edit.kept) == 3


def test_zones_are_copied_from_another_source(table: Desk, editor: ZoneEditor, tmp_path: Path) -> None:
    editor.panel.copy_asked.emit()
    table.qtbot.waitUntil(lambda: table.services.banner.words[0] != "")
    assert editor.files.menu is None
    SceneStore(tmp_path / "scenes").save("camera:7", _SCENE)
    editor.panel.copy_asked.emit()
    table.qtbot.waitUntil(lambda: editor.files.menu is not None)
    assert editor.files.menu is not None
    editor.files.menu.hide()
    [action] = editor.files.menu.actions()
    assert "camera 7" in action.text()
    action.trigger()
    assert table.scenes.scene == _SCENE
    table.qtbot.waitUntil(lambda: SceneStore(tmp_path / "scenes").scene_of("camera:1") == _SCENE)


def test_the_panel_comes_and_goes_with_the_drawing(table: Desk, qtbot: QtBot) -> None:
    window = table.window
    table.open(CAMERA, "camera:1")
    table.give(make_result(make_candidates()))
    table.qtbot.waitUntil(lambda: table.scenes.loaded)
    window.resize(1000, 700)
    window.body.toggle_panel()
    assert not window.body.split.panel_open
    window.actions_by_name["zones"].trigger()
    assert window.zones.editor.panel.isVisible()
    assert window.zones.editor.bar.isVisible()
    window.actions_by_name["zones"].trigger()
    assert not window.body.split.panel_open
    window.body.toggle_panel()
    assert window.panel.isVisible()
    assert not window.zones.editor.bar.isVisible()


def test_shapes_are_seen_over_each_frame_and_as_they_are_now(table: Desk, editor: ZoneEditor) -> None:
    editor.end()
    view = table.window.stage.view

    def is_outlined(y: float) -> bool:
        place = _at(table, 0.5, y) * view.devicePixelRatioF()
        colour = view.grab().toImage().pixelColor(place).getRgb()[:3]
        return max(colour) - min(colour) > 20

    assert not is_outlined(0.2)
    _drawn(table, Scene((Zone("door", _SQUARE),)))
    assert is_outlined(0.2)
    table.give(make_result(make_candidates(), make_frame(320, 180, index=1, grey=40)))
    assert is_outlined(0.2)
    _drawn(table, Scene((Zone("door", tuple((x, y + 0.2) for x, y in _SQUARE)),)))
    assert not is_outlined(0.2)
    view.zoom_in()
    assert is_outlined(0.4), "where the frame lies now"


def test_a_message_leaves_the_tools_in_view(table: Desk, editor: ZoneEditor) -> None:
    banner = table.services.banner
    banner.tell("success", "Saved.", "In a folder.", action=("Open folder", settle))
    settle()
    here, tools = (QRect(one.mapToGlobal(QPoint()), one.size()) for one in (banner, editor.bar))
    assert not here.intersects(tools)


def test_the_list_of_events_takes_the_place_of_that_of_zones(table: Desk, editor: ZoneEditor) -> None:
    table.window.actions_by_name["events"].trigger()
    assert table.window.events.panel.isVisible()
    assert not editor.editing


def test_no_notice_lies_over_what_is_drawn_on(table: Desk, editor: ZoneEditor) -> None:
    table.settings.set("detection", "threshold", 0.95)
    notice = table.window.stage.view.notice
    table.session.enter(LiveState.PAUSED)
    table.qtbot.waitUntil(lambda: table.controller.playback.is_paused)
    assert not notice.isVisible()
    editor.end()
    assert notice.isVisible()


def test_shapes_that_are_watched_leave_the_words_on_a_box_legible(table: Desk, editor: ZoneEditor) -> None:
    view = table.window.stage.view
    editor.end()
    _drawn(table, Scene(lines=tuple(Line(f"line {x}", ((x / 20, 0.0), (x / 20, 1.0))) for x in range(1, 20))))
    view.selection.pin(0)
    view.grab()
    assert not view.card.isEmpty()
    seen = [view.grab(view.card.toRect()).toImage(), view.grab().toImage()]
    table.settings.set("window", "show_zones", False)
    bare = [view.grab(view.card.toRect()).toImage(), view.grab().toImage()]
    assert seen[0] == bare[0]
    assert seen[1] != bare[1]
