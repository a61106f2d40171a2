"""`events`: the same answer as table, JSON, CSV, database, clips and images; and clear words for what cannot be."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sqlite3
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.cli.times import clock, seconds
from tests.support.command_line import Capture, check_one_line, install_fake_model, run
from tests.support.media import make_video, read_frame_index
from tests.support.probe import probe

_SCENE = {
    "zones": [{"name": "all", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]], "classes": ["person"]}],
    "lines": [{"name": "edge", "points": [[0, 1], [1, 1]], "classes": None}],
}


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model "fake" on the shelf that finds a person and a car in every frame."""
    install_fake_model(monkeypatch)


def _video(tmp_path: Path, name: str = "in.mp4", frames: int = 60) -> Path:
    return make_video(tmp_path / name, frames=frames, audio=True)


def _scene(tmp_path: Path, scene: object = _SCENE) -> Path:
    path = tmp_path / "zones.json"
    path.write_text(json.dumps(scene))
    return path


def test_a_video_is_analysed_first_and_only_once(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = _video(tmp_path)
    code, out, err = run(capsys, "events", source, "--model", "fake")
    assert (code, err) == (0, "")
    assert "2 of 2 events" in out
    before = (tmp_path / "in.mp4.ssdv").stat().st_mtime_ns
    assert run(capsys, "events", source, "--model", "fake")[1] == out
    assert (tmp_path / "in.mp4.ssdv").stat().st_mtime_ns == before


def test_the_json_is_what_the_contract_says(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source, scene = _video(tmp_path), _scene(tmp_path)
    code, out, err = run(capsys, "events", source, "--model", "fake", "--zones", scene, "--json", "-")
    assert code == 0
    check_one_line(err, "'edge'")
    result = json.loads(out)
    assert result["counts"] == {"person": 1, "car": 1}
    assert result["lines"] == {"edge": {"in": 0, "out": 0}}
    (about,) = result["sources"]
    assert (about["path"], about["model"], about["duration"], len(about["sha256"])) == (str(source), "fake", 2.0, 64)
    person = next(event for event in result["events"] if event["label"] == "person")
    assert set(person) == {
        *("id", "source", "label", "tracker_id", "start", "end", "max_score"),
        *("zones", "crossings", "still", "best", "rejected"),
    }
    assert (person["start"], person["end"], person["source"], person["rejected"]) == (0.0, 1.966667, 0, False)
    assert person["zones"] == [{"name": "all", "enter": 0.0, "leave": 1.966667}]
    assert set(person["best"]) == {"frame", "time", "box"}
    car = next(event for event in result["events"] if event["label"] == "car")
    assert car["zones"] == []  # of another class than the zone's


@pytest.mark.parametrize(
    ("asked", "labels"),
    [
        ((), ["person", "car"]),
        (("--classes", "car"), ["car"]),
        (("--zone", "ALL"), ["person"]),
        (("--zone", "all", "--min-duration", "1.9s"), ["person"]),
        (("--min-duration", "0:02"), []),
        (("--still", "1.9"), ["person", "car"]),
        (("--still", "2.5s"), []),
        (("--line", "edge"), []),
        (("--direction", "in"), []),
        (("--from", "1:00"), []),
        (("--to", "1ms"), ["person", "car"]),
        (("--min-score", "0.85"), ["car"]),
        (("--threshold", "0.95"), []),
    ],
)
def test_every_question(
    capsys: Capture, fake_model: None, tmp_path: Path, asked: tuple[str, ...], labels: list[str]
) -> None:
    source, scene = _video(tmp_path), _scene(tmp_path)
    code, out, _ = run(capsys, "events", source, "--model", "fake", "--zones", scene, *asked, "--json", "-")
    assert code == 0
    assert sorted(event["label"] for event in json.loads(out)["events"]) == sorted(labels)


def test_a_mask_hides_what_it_covers(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = _video(tmp_path)
    scene = _scene(tmp_path, {"masks": [{"name": "all", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}]})
    code, out, _ = run(capsys, "events", source, "--model", "fake", "--zones", scene)
    assert (code, out) == (0, "0 of 0 events: none\n")


def test_table_and_database_of_several_videos(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    first, second = _video(tmp_path, "=1+1.mp4"), _video(tmp_path, "b.mp4", 45)
    database = tmp_path / "events.db"
    for _ in range(2):  # again replaces, and does not add
        code, out, err = run(capsys, "events", first, second, "--model", "fake", "--csv", "-", "--sqlite", database)
        assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["id"] for row in rows] == ["1", "2", "3", "4"]
    assert not any(cell.startswith("=") for row in rows for cell in row.values())
    with sqlite3.connect(database) as opened:
        assert opened.execute("SELECT count(*) FROM sources").fetchone() == (2,)
        assert opened.execute("SELECT count(*), sum(still > 1) FROM events").fetchone() == (4, 4)
        joined = "SELECT s.path FROM events e JOIN sources s ON e.source = s.id WHERE e.label = 'car'"
        assert sorted(opened.execute(joined)) == sorted([(str(first),), (str(second),)])
    opened.close()


def test_somebody_elses_database_is_left_alone(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source, database = _video(tmp_path), tmp_path / "other.db"
    with sqlite3.connect(database) as opened:
        opened.execute("CREATE TABLE photos (name TEXT)")
    opened.close()
    before = database.read_bytes()
    code, _, err = run(capsys, "events", source, "--model", "fake", "--sqlite", database)
    assert code == 1
    check_one_line(err, "other.db")
    assert database.read_bytes() == before
    text = tmp_path / "text.db"
    text.write_bytes(b"no database " * 100)
    code, _, err = run(capsys, "events", source, "--model", "fake", "--sqlite", text)
    assert code == 1
    check_one_line(err, "text.db")
    assert text.read_bytes() == b"no database " * 100


def test_clips_are_cut_at_exact_frames_with_their_sound(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source, clips = _video(tmp_path, frames=90), tmp_path / "clips"
    asked = ("--classes", "person", "--clips", clips, "--before", "0", "--after", "0")
    assert run(capsys, "events", source, "--model", "fake", *asked)[0] == 0
    assert sorted(path.name for path in clips.iterdir()) == [".ssd-viewer", "00002.in.person.mp4", "index.csv"]
    found = probe(clips / "00002.in.person.mp4")
    assert [round(float(time - found.pts_s[0]) * 30) for time in found.pts_s] == [*range(90)]
    assert len(found.sound) == 1


def test_snapshots_are_of_the_best_frame_marked_and_clean(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source, folder, heat = _video(tmp_path), tmp_path / "best", tmp_path / "heat.png"
    asked = ("--classes", "person", "--snapshots", folder, "--heatmap", heat)
    assert run(capsys, "events", source, "--model", "fake", *asked)[0] == 0
    clean, marked = (cv2.imread(str(folder / f"00002.in.person{end}.png")) for end in ("-clean", ""))
    assert clean is not None
    assert marked is not None
    assert read_frame_index(clean.astype(np.uint8)) == 0
    assert (clean != marked).any()
    warm = cv2.imread(str(heat))
    assert warm is not None
    assert warm.shape == clean.shape
    assert (warm != clean).any()


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (("--zone", "door"), 2, "door"),
        (("--direction", "in"), 2, "--direction"),
        (("--from", "9", "--to", "3"), 2, "--from"),
        (("--min-duration", "long"), 2, "long"),
        (("--zones", "nowhere.json"), 1, "nowhere.json"),
        (("--classes", "unicorn"), 2, "unicorn"),
        (("--csv", "-", "--json", "-"), 2, "--csv"),
        (("--csv", "in.mp4"), 1, "in.mp4"),
        (("--clips", "."), 1, "replaced as a whole"),
    ],
)
def test_what_cannot_be_has_one_line(
    capsys: Capture,
    fake_model: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    _video(tmp_path, frames=5)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    found, _, err = run(capsys, "events", "in.mp4", "--model", "fake", *asked)
    assert found == code
    check_one_line(err, said)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_video_that_changed_is_analysed_again(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = _video(tmp_path)
    run(capsys, "events", source, "--model", "fake")
    _video(tmp_path, frames=30)
    code, out, err = run(capsys, "events", source, "--model", "fake", "--json", "-")
    assert (code, json.loads(out)["sources"][0]["duration"]) == (0, 1.0)
    check_one_line(err, "in.mp4.ssdv")


@pytest.mark.parametrize(
    ("text", "value"),
    [("10", 10), ("10s", 10), ("2m", 120), ("1h", 3600), ("250ms", 0.25), ("1:30", 90), ("1:0:2.5", 3602.5)],
)
def test_times_as_people_write_them(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "-3", "ten", "1:2:3:4", "5d", "nan", "1e3"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        seconds(text)


def test_the_clock() -> None:
    assert [clock(time) for time in (0.0, 59.96, float(Fraction(7325, 1)))] == ["0:00.0", "1:00.0", "2:02:05.0"]


def test_a_case_is_made_and_verified(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source, folder = _video(tmp_path), tmp_path / "case"
    asked = ("--classes", "person", "--case", folder, "--zones", _scene(tmp_path))
    assert run(capsys, "events", source, "--model", "fake", *asked)[0] == 0
    code, out, err = run(capsys, "verify", folder)
    assert (code, err) == (0, "")
    assert out.count("unchanged") == len(list(folder.rglob("*.*"))) - 2 + 1  # not the mark, not the manifest; the video
    (folder / "events.csv").write_text("id\n")
    code, out, err = run(capsys, "verify", folder, "--json", "-")
    assert code == 1
    check_one_line(err, "case")
    assert json.loads(out)["files"]["events.csv"] == "changed"
    code, _, err = run(capsys, "verify", tmp_path)
    assert code == 1
    check_one_line(err, "manifest.json")


def test_every_third_frame_gives_clips_of_all_frames(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source, clips = _video(tmp_path, frames=91), tmp_path / "clips"
    asked = ("--detect-every", "3", "--classes", "person", "--clips", clips, "--json", "-")
    code, out, _ = run(capsys, "events", source, "--model", "fake", *asked)
    (event,) = json.loads(out)["events"]
    assert (code, event["start"], event["end"]) == (0, 0.0, 3.0)
    assert len(probe(next(clips.glob("*.mp4"))).pts_s) == 91
