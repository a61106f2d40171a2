"""`annotate` as typed: tracks, clips, snapshots, annotated sets, and what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from detector.detections import Candidates
from detector.evaluation.coco_json import read_coco
from detector.evaluation.voc_tree import read_voc
from detector.runtime import open as runtime_open
from detector.runtime.base import ImageBGR
from tests.support.command_line import Capture, check_one_line, install_fake_model, run
from tests.support.media import make_video
from tests.support.probe import decoded_frames, probe
from tests.support.steady_detector import FakeDetector
from tools.fixtures.coded_images import read_frame_index


@pytest.fixture(autouse=True)
def _fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model "fake" that finds a car and a person in every frame."""
    install_fake_model(monkeypatch)


def test_tracks_are_in_every_file_and_in_the_report(capsys: Capture, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=12)
    data = [item for ending in ("jsonl", "csv", "txt") for item in ("--data", tmp_path / f"out.{ending}")]
    code, out, err = run(
        capsys, "annotate", source, "--model", "fake", "--tracks", *data, "--json", tmp_path / "r.json"
    )
    assert (code, err) == (0, "")
    assert "; 1 car, 1 person; " in out
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {tuple((d["label"], d["track"]) for d in line["detections"]) for line in lines} == {
        (("car", 1), ("person", 2))
    }
    with (tmp_path / "out.csv").open(newline="") as file:
        assert {(row["label"], row["track"]) for row in csv.DictReader(file)} == {("car", "1"), ("person", "2")}
    mot = [line.split(",") for line in (tmp_path / "out.txt").read_text().splitlines()]
    assert [(row[0], row[1]) for row in mot] == [(str(k), n) for k in range(1, 13) for n in ("1", "2")]
    (video,) = json.loads((tmp_path / "r.json").read_text())["videos"]
    assert video["objects"] == {"car": 1, "person": 1}
    assert [(t["track"], t["label"], t["first"], t["frames"]) for t in video["tracks"]] == [
        (1, "car", 0.0, 12),
        (2, "person", 0.0, 12),
    ]
    assert video["tracks"][0]["last"] == pytest.approx(11 / 30)


class Jittery(FakeDetector):
    """Two things that move, and now and then score less than the threshold, or too little to be kept at all."""

    def candidates_batch(
        self, frames: Sequence[ImageBGR], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        return [self._of(read_frame_index(frame)) for frame in frames]

    def _of(self, index: int) -> Candidates:
        rng = np.random.default_rng(index)
        scores = np.sort(rng.uniform(0.02, 1, 2).astype(np.float32))[::-1].copy()
        boxes = np.array([[index, 10, index + 40, 60], [100, 50 + index / 2, 150, 90 + index / 2]], np.float32)
        return Candidates(boxes + rng.normal(0, 1, (2, 4)).astype(np.float32), scores, np.array([0, 1], np.int32))


def test_kept_detections_give_the_same_numbers_as_the_network(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_open, "open_detector", lambda *_args, **_kwargs: Jittery())
    source = make_video(tmp_path / "in.mp4", frames=60, size=(320, 240))
    wanted = ("annotate", source, "--model", "fake", "--no-video", "--tracks", "--threshold", "0.4", "--data")
    assert run(capsys, *wanted, tmp_path / "fresh.jsonl")[0] == 0
    assert run(capsys, *wanted, tmp_path / "kept.jsonl", "--from-cache")[0] == 0
    fresh = (tmp_path / "fresh.jsonl").read_text()
    assert fresh == (tmp_path / "kept.jsonl").read_text()
    tracks = [d["track"] for line in fresh.splitlines() for d in json.loads(line)["detections"]]
    assert {1, 2} <= set(tracks)
    assert 40 < len(tracks) < 100


def test_numbers_are_painted_only_when_asked_for(capsys: Capture, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=3, size=(640, 480))
    for name, flags in (("plain", ()), ("mot", ("--data", tmp_path / "m.txt")), ("numbered", ("--tracks",))):
        assert run(capsys, "annotate", source, "--model", "fake", "-o", tmp_path / f"{name}.mp4", *flags)[0] == 0
    plain, mot, numbered = (
        decoded_frames(tmp_path / f"{name}.mp4")[1].astype(int) for name in ("plain", "mot", "numbered")
    )
    assert np.array_equal(plain, mot)
    assert np.abs(plain - numbered).max() > 100
    assert "-1,-1,-1" in (tmp_path / "m.txt").read_text()


def test_without_tracks_nothing_is_numbered(capsys: Capture, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=3)
    code, out, _ = run(
        capsys, "annotate", source, "--model", "fake", "--no-video", "--data", tmp_path / "x.jsonl", "--json", "-"
    )
    (video,) = json.loads(out)["videos"]
    assert (code, video["objects"], video["tracks"], video["folders"]) == (0, None, [], [])
    assert '"track": null' in (tmp_path / "x.jsonl").read_text()


def test_clips_and_snapshots_lie_in_folders_beside_the_video(capsys: Capture, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=12, audio=True)
    code, out, err = run(
        capsys,
        *("annotate", source, "--model", "fake", "--clips", "car,dog", "--pre", "0.1", "--post", "1/3"),
        *("--snapshots", "all", "-o", tmp_path / "out.mp4"),
    )
    assert (code, err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out.clips").iterdir() if path.suffix) == [
        "in.car.001.mp4",
        "index.csv",
    ]
    assert len(probe(tmp_path / "out.clips" / "in.car.001.mp4").pts_s) == 12
    assert sorted(path.name for path in (tmp_path / "out.snapshots").iterdir() if path.suffix) == [
        *("in.car.001-clean.png", "in.car.001.png", "in.person.002-clean.png", "in.person.002.png", "index.csv"),
    ]
    assert str(tmp_path / "out.clips") in out


def test_clips_alone_need_no_video(capsys: Capture, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=6)
    assert run(capsys, "annotate", source, "--model", "fake", "--no-video", "--clips", "person", "--no-cache")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.annotated.clips", "in.mp4"]


def test_sets_with_frames_by_their_endings(capsys: Capture, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=12)
    endings = [item for ending in (".voc", ".yolo", ".json") for item in ("--data", ending)]
    assert run(capsys, "annotate", source, "--model", "fake", "--no-video", *endings, "--frames", "0.2")[0] == 0
    voc, coco = read_voc(tmp_path / "in.annotated.voc"), read_coco(tmp_path / "in.annotated.json")
    for data in (voc, coco):
        assert [image.path is not None for image in data.images] == [True, True]
        assert data.notes == ()
    assert len(list((tmp_path / "in.annotated.yolo" / "images").iterdir())) == 2


def test_a_folder_of_the_user_is_refused_and_kept(capsys: Capture, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=3)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").write_text("mine")
    code, _, err = run(
        capsys, "annotate", source, "--model", "fake", "--data", tmp_path / "set", "--data-format", "voc"
    )
    assert code == 1
    check_one_line(err, "is there already, with other things in it")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["mine.txt"]
    assert not list(tmp_path.glob("*.mp4.part"))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--pre", "1"), "--pre and --post are about clips"),
        (("--clips", "car", "--pre", "-1"), "--pre cannot be -1"),
        (("--clips", "car", "--post", "nan"), "--post cannot be nan"),
        (("--frames", "1"), "--frames puts images into annotated sets"),
        (("--frames", "x", "--data", ".voc"), "--frames cannot be x"),
        (("--data", "labels.txt", "--data-format", "yolo"), "YOLO is a folder"),
        (("--data", "labels"), "does not say which data format"),
        (("--no-video",), "leaves nothing to write"),
        (("--clips", "person", "--classes", "car"), "--classes leaves person out"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(
    capsys: Capture, tmp_path: Path, flags: tuple[str, ...], said: str
) -> None:
    source = make_video(tmp_path / "in.mp4", frames=3)
    code, _, err = run(capsys, "annotate", source, "--model", "fake", *flags)
    assert code == 2
    check_one_line(err, said)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_class_the_model_does_not_know_is_one_line(capsys: Capture, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=3)
    for flag in ("--clips", "--snapshots"):
        code, _, err = run(capsys, "annotate", source, "--model", "fake", flag, "persn", "--no-cache")
        assert code == 2
        check_one_line(err, "'persn'", "Did you mean person?")
        assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
    code, _, err = run(capsys, "annotate", source, "--model", "fake", "--clips", "all")  # for snapshots only
    assert code == 2
    check_one_line(err, "'all'")
