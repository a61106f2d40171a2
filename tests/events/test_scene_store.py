"""Zones are found again with their source, wherever it went; a damaged file harms nothing else, and is kept."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.core.errors import AppError
from app.core.events.scene import IgnoreMask, Line, Scene, Zone
from app.core.events.scene_store import SceneStore

_SQUARE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))
_SCENE = Scene(
    (Zone("door", _SQUARE, ("person",)),), (Line("gate", ((0.5, 0.0), (0.5, 1.0))),), (IgnoreMask("clock", _SQUARE),)
)
_OTHER = Scene((Zone("yard", _SQUARE),))


@pytest.fixture
def store(tmp_path: Path) -> SceneStore:
    return SceneStore(tmp_path / "data" / "scenes")


@pytest.mark.parametrize("source", ["camera:0", "camera:usb-046d", "rtsp://yard.local/live", "yard.local:554/live"])
def test_cameras_and_streams_keep_theirs(store: SceneStore, source: str) -> None:
    assert store.scene_of(source) == Scene()
    store.save(source, _SCENE)
    assert store.scene_of(source) == _SCENE
    assert store.scene_of(source + "2") == Scene()


def test_a_stream_is_known_without_its_password(store: SceneStore, tmp_path: Path) -> None:
    store.save("rtsp://jane:pa55@yard.local/live?token=t0ken", _SCENE)
    assert store.scene_of("rtsp://jane:changed@yard.local/live?token=other") == _SCENE
    assert store.scene_of("rtsp://***@yard.local/live?token=***") == _SCENE  # as the settings remember it
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data" / "scenes").iterdir())
    assert b"pa55" not in kept
    assert b"t0ken" not in kept


def test_a_video_is_known_by_content_and_place(store: SceneStore, tmp_path: Path) -> None:
    video = tmp_path / "street.mp4"
    video.write_bytes(b"first" * 1000)
    store.save(str(video), _SCENE)
    moved = tmp_path / "elsewhere" / "renamed.mp4"
    moved.parent.mkdir()
    video.rename(moved)
    assert store.scene_of(str(moved)) == _SCENE
    video.write_bytes(b"second" * 1000)  # recorded again under the name of old
    assert store.scene_of(str(video)) == _SCENE
    store.save(str(video), _OTHER)
    assert store.scene_of(str(video)) == _OTHER
    assert store.scene_of(str(moved)) == _SCENE


def test_what_was_moved_over_another_brings_its_own(store: SceneStore, tmp_path: Path) -> None:
    first, second = tmp_path / "a.mp4", tmp_path / "b.mp4"
    for video, scene in ((first, _SCENE), (second, _OTHER)):
        video.write_bytes(video.name.encode() * 1000)
        store.save(str(video), scene)
    second.replace(first)
    assert store.scene_of(str(first)) == _OTHER


def test_relative_names_and_links_are_the_same_file(
    store: SceneStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"no image")
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    store.save(str(folder), _SCENE)
    monkeypatch.chdir(tmp_path)
    assert store.scene_of("images") == _SCENE
    assert store.scene_of(str(tmp_path / "link")) == _SCENE


def test_files_that_cannot_be_read_have_a_place_only(store: SceneStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "one.mp4")
    os.mkfifo(tmp_path / "two.mp4")
    store.save(str(tmp_path / "one.mp4"), _SCENE)
    store.save(str(tmp_path / "gone.mp4"), _OTHER)
    assert store.scene_of(str(tmp_path / "one.mp4")) == _SCENE
    assert store.scene_of(str(tmp_path / "two.mp4")) == Scene()
    assert store.scene_of(str(tmp_path / "gone.mp4")) == _OTHER


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps({"source": 7, "content": "", "scene": {"zones": []}}).encode(),
        json.dumps({"source": "camera:0", "content": "", "scene": {"zones": [{"name": "x"}]}}).encode(),
        b" " * 3_000_000,
    ],
)
def test_a_damaged_file_is_set_aside_and_told_once(store: SceneStore, tmp_path: Path, content: bytes) -> None:
    store.save("camera:0", _SCENE)
    store.save("camera:1", _OTHER)
    folder = tmp_path / "data" / "scenes"
    [file] = [path for path in folder.iterdir() if b"camera:0" in path.read_bytes()]
    file.write_bytes(content)
    told: list[str] = []
    assert store.scene_of("camera:0", told.append) == Scene()
    assert store.scene_of("camera:0", told.append) == Scene()
    assert len(told) == 1
    assert file.with_name(file.name + ".broken").read_bytes() == content
    assert [kept.scene for kept in store.others("camera:0")] == [_OTHER]
    store.save("camera:0", _SCENE)
    assert store.scene_of("camera:0", told.append) == _SCENE
    assert len(told) == 1


def test_others_are_those_with_something_drawn_newest_first(store: SceneStore, tmp_path: Path) -> None:
    for age, (source, scene) in enumerate(
        (("camera:0", _SCENE), ("rtsp://me:pw@yard.local/live", _OTHER), ("camera:2", Scene()), ("camera:3", _OTHER))
    ):
        store.save(source, scene)
        newest = max((tmp_path / "data" / "scenes").iterdir(), key=lambda path: path.stat().st_ino)
        os.utime(newest, ns=(age, age))
    kept = store.others("camera:3")
    assert {(each.name, each.scene) for each in kept} == {("camera 0", _SCENE), ("rtsp://***@yard.local/live", _OTHER)}


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = SceneStore(tmp_path / "file" / "scenes")
    with pytest.raises(AppError):
        store.save("camera:0", _SCENE)
    assert store.scene_of("camera:0") == Scene()
