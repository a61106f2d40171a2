"""``--zones drawn`` of `events` and `watch`: what was drawn on each source in the window."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli.zones import DRAWN
from app.core.events.scene import IgnoreMask, Line, Scene, Zone, read_scene
from app.core.events.scene_store import SceneStore
from app.core.sources import cameras
from app.core.sources.cameras import CameraInfo
from tests.support.command_line import Capture, check_one_line, install_fake_model, run
from tests.support.media import make_video

_ALL = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
_CORNER = ((0.0, 0.0), (0.01, 0.0), (0.01, 0.01), (0.0, 0.01))
_WIDE, _NARROW = Scene((Zone("Door", _ALL),)), Scene((Zone("door", _CORNER),))
_LINE = Scene(lines=(Line("gate", ((0.5, 0.0), (0.5, 1.0))),))


@pytest.fixture(autouse=True)
def _fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model "fake" on the shelf that finds a person and a car in every frame."""
    install_fake_model(monkeypatch)


@pytest.fixture
def films(tmp_path: Path) -> tuple[Path, Path]:
    """Two videos with a zone called alike, one around everything and one around nothing."""
    wide = make_video(tmp_path / "wide.mp4", frames=60)
    narrow = make_video(tmp_path / "narrow.mp4", frames=61)
    SceneStore().save(str(wide), _WIDE)
    SceneStore().save(str(narrow), _NARROW)
    return wide, narrow


def test_each_video_is_asked_with_its_own_zones(
    capsys: Capture, films: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / DRAWN).mkdir()  # a folder is no file of zones
    case = tmp_path / "case"
    asked = ("--model", "fake", "--zones", DRAWN, "--zone", "door", "--case", case, "--json", "-")
    code, out, err = run(capsys, "events", "narrow.mp4", films[0], *asked)
    assert (code, err) == (0, "")
    found = [(event["source"], event["label"], event["zones"][0]["name"]) for event in json.loads(out)["events"]]
    assert sorted(found) == [(1, "car", "Door"), (1, "person", "Door")]
    assert [read_scene(case / f"zones-{place}.json") for place in (0, 1)] == [_NARROW, _WIDE]
    assert not (case / "zones.json").exists()
    assert run(capsys, "verify", case)[0] == 0


def test_a_moved_video_keeps_its_masks(capsys: Capture, films: tuple[Path, Path], tmp_path: Path) -> None:
    SceneStore().save(str(films[0]), Scene(masks=(IgnoreMask("all", _ALL),)))
    moved = films[0].rename(tmp_path / "moved.mp4")
    code, out, _ = run(capsys, "events", moved, "--model", "fake", "--zones", DRAWN)
    assert (code, out) == (0, "0 of 0 events: none\n")


@pytest.mark.parametrize("named", [DRAWN, f"./{DRAWN}"])
def test_a_file_of_that_name_wins(
    capsys: Capture, films: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / DRAWN).write_text(json.dumps(_LINE.as_dict()))
    asked = ("--model", "fake", "--zones", named, "--json")
    code, out, _ = run(capsys, "events", films[0], *asked, "-")
    assert (code, json.loads(out)["lines"]) == (0, {"gate": {"in": 0, "out": 0}})
    code, _, err = run(capsys, "events", films[0], *asked, DRAWN)
    assert code == 1
    check_one_line(err, DRAWN)


@pytest.mark.parametrize("command", ["events", "watch"])
@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ((DRAWN,), 1, "bare.mp4"),
        ((f"./{DRAWN}",), 1, "no such file"),
        ((DRAWN, "--zone", "window"), 1, "wide.mp4: "),
    ],
)
def test_what_is_not_drawn_is_said_in_one_line(
    capsys: Capture,
    films: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    asked: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    bare = make_video(tmp_path / "bare.mp4", frames=3)
    got, out, err = run(capsys, command, films[0], bare, "--model", "fake", "--zones", *asked)
    assert (got, [line for line in out.splitlines() if "bare" in line]) == (code, [])
    check_one_line(err, said)
    assert not list(tmp_path.glob("*.ssdv*"))


def test_a_direction_needs_a_line(capsys: Capture, films: tuple[Path, Path]) -> None:
    asked = ("--model", "fake", "--zones", DRAWN, "--direction", "in")
    code, _, err = run(capsys, "events", *films, *asked)
    assert code == 2
    check_one_line(err, "--direction")
    SceneStore().save(str(films[1]), _LINE)
    assert run(capsys, "events", *films, *asked)[0] == 0


def test_each_source_is_watched_with_its_own_zones(capsys: Capture, films: tuple[Path, Path]) -> None:
    asked = ("--model", "fake", "--on", "person", "--zones", DRAWN, "--zone", "DOOR")
    code, out, err = run(capsys, "watch", *films, *asked)
    assert (code, err) == (0, "")
    began = [line for line in map(json.loads, out.splitlines()) if line["type"] == "began"]
    assert {(line["source"], line["zone"]) for line in began} == {("wide.mp4", "Door")}


def test_a_camera_has_the_zones_drawn_under_its_stable_id(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    camera = CameraInfo(3, "Yard", "usb-yard", 0)
    monkeypatch.setattr(cameras, "list_cameras", lambda: [camera])
    asked = ("--model", "fake", "--zones", DRAWN, "--zone", "window")
    code, _, err = run(capsys, "watch", "camera:3", *asked)
    check_one_line(err, "Nothing is drawn on camera 3.")
    SceneStore().save(camera.uri, _WIDE)
    code, _, err = run(capsys, "watch", "camera:3", *asked)
    assert code == 1
    check_one_line(err, "camera 3: ", "Door")
