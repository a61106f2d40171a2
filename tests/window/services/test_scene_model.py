"""The zones of the present source: they come when it opens, go when it closes, and are on the disk when changed."""

from __future__ import annotations

from pathlib import Path

from app.core.events.scene import Scene, Zone
from app.core.events.scene_store import SceneStore
from tests.support.qt_fakes import CAMERA, Desk

_YARD = Scene((Zone("yard", ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))),))
_DOOR = Scene((Zone("door", ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))),))


def _settled(table: Desk) -> None:
    table.qtbot.waitUntil(lambda: table.scenes.loaded and not table.background.busy)


def test_zones_come_and_go_with_the_source(table: Desk, tmp_path: Path) -> None:
    store = SceneStore(tmp_path / "scenes")
    store.save("camera:1", _YARD)
    seen: list[Scene] = []
    table.scenes.changed.connect(seen.append)
    table.open(CAMERA, "camera:1")
    _settled(table)
    assert table.scenes.scene == _YARD
    table.open(CAMERA, "camera:2")
    _settled(table)
    assert table.scenes.scene == Scene()
    table.scenes.replace(_DOOR)
    assert table.scenes.scene == _DOOR
    table.controller.close_source()
    assert table.scenes.scene == Scene()
    assert not table.scenes.loaded
    table.qtbot.waitUntil(lambda: store.scene_of("camera:2") == _DOOR)
    assert seen == [_YARD, Scene(), _DOOR, Scene()]
    assert [kept.scene for kept in store.others("camera:2")] == [_YARD]


def test_the_last_of_many_changes_is_kept_when_the_window_closes(table: Desk, tmp_path: Path) -> None:
    table.open(CAMERA, "camera:1")
    _settled(table)
    for scene in (_YARD, _DOOR, _YARD, _DOOR):
        table.scenes.replace(scene)
    table.window.close()
    assert SceneStore(tmp_path / "scenes").scene_of("camera:1") == _DOOR


def test_nothing_is_drawn_where_there_is_no_source(table: Desk) -> None:
    table.scenes.replace(_DOOR)
    assert table.scenes.scene == Scene()


def test_damage_and_a_disk_that_refuses_are_told(table: Desk, tmp_path: Path) -> None:
    store = SceneStore(tmp_path / "scenes")
    store.save("camera:1", _YARD)
    [file] = (tmp_path / "scenes").iterdir()
    file.write_bytes(b"{")
    table.open(CAMERA, "camera:1")
    _settled(table)
    assert table.scenes.scene == Scene()
    assert ".broken" in table.services.banner.words[0]
    file.mkdir()  # where the file should go
    with table.qtbot.waitSignal(table.scenes.not_saved):
        table.scenes.replace(_DOOR)
    assert table.scenes.scene == _DOOR
