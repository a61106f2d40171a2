"""`annotate`: names, data, failures, Ctrl-C and kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import Capture, check_one_line, install_fake_model, run
from tests.support.media import make_video, truncate
from tests.support.probe import probe


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model "fake" on the shelf; whatever is opened is it."""
    install_fake_model(monkeypatch)


def test_annotate_names_its_files_and_never_an_existing_one(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = make_video(tmp_path / "clip é.mp4", frames=12, audio=True)
    for _ in range(2):
        code, out, err = run(capsys, "annotate", source, "--model", "fake", "--data", ".csv", "--data", ".jsonl")
        assert (code, err) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "clip é.annotated (2).csv",
        "clip é.annotated (2).jsonl",
        "clip é.annotated (2).mp4",
        "clip é.annotated.csv",
        "clip é.annotated.jsonl",
        "clip é.annotated.mp4",
        "clip é.mp4",
        "clip é.mp4.ssdv",
    ]
    assert "12 frames" in out
    assert "12 car, 12 person" in out
    assert "(libx264)" in out
    assert len(probe(tmp_path / "clip é.annotated.mp4").pts_s) == 12


def test_annotate_json_and_named_files(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=5)
    data = tmp_path / "found.txt"
    code, out, err = run(
        capsys,
        *("annotate", source, "--model", "fake", "--classes", "dog,car", "--threshold", "0.7"),
        *("-o", tmp_path / "sub" / "out.mp4", "--data", data, "--data-format", "csv", "--json", "-"),
    )
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["model"], result["device"], result["precision"]) == ("fake", "cpu", "fp32")
    (video,) = result["videos"]
    assert video["output"] == str(tmp_path / "sub" / "out.mp4")
    assert (video["frames"], video["detections"], video["counts"]) == (5, 5, {"car": 5})
    assert len(data.read_text().splitlines()) == 6


def test_annotate_goes_on_after_a_video_that_fails(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    good = make_video(tmp_path / "good.mp4", frames=5)
    bad = truncate(good, tmp_path / "bad.mp4", 0.5)  # its index is gone
    code, out, err = run(capsys, "annotate", bad, good, "--model", "fake", "-o", tmp_path / "o", "--json", "-")
    assert code == 1
    check_one_line(err, "bad.mp4")
    assert ["error" in video for video in json.loads(out)["videos"]] == [True, False]
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == ["good.annotated.mp4", "good.mp4.ssdv"]


def test_annotate_without_a_video_writes_data_alone(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=5)
    code, _, _ = run(capsys, "annotate", source, "--model", "fake", "--no-video", "--data", tmp_path / "x.jsonl")
    assert code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "in.mp4.ssdv", "x.jsonl"]


_SLOW = """
import sys, threading
from detector.runtime import open as runtime_open
from detector.shelf import Shelf, ShelfEntry
from tests.support.steady_detector import SPEC, FakeDetector
from app.cli import main

started, never = [], threading.Event()

def work(_):
    started.append(1)
    if len(started) == 5:
        print("running", flush=True)
    if len(started) >= 5:
        never.wait(0.05)  # stands for a network that takes its time

entry = ShelfEntry("fake", SPEC, None, False)
Shelf.list, Shelf.find = lambda self: [entry], lambda self, name: entry
runtime_open.open_detector = lambda *a, **k: FakeDetector(work)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_leaves_a_resumable_job_and_exits_with_130(repository: Path, tmp_path: Path, presses: int) -> None:
    source = make_video(tmp_path / "in.mp4", frames=2000, size=(64, 48))
    with _start(repository, source) as process:
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    check_one_line(err, "Interrupted")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "in.mp4.ssdv.part"]


def test_kill_leaves_nothing_under_the_final_name_and_the_next_run_succeeds(
    capsys: Capture, fake_model: None, repository: Path, tmp_path: Path
) -> None:
    source = make_video(tmp_path / "in.mp4", frames=2000, size=(64, 48))
    with _start(repository, source) as process:
        process.kill()
        process.communicate(timeout=60)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.annotated.mp4.part", "in.mp4", "in.mp4.ssdv.part"]
    assert run(capsys, "annotate", source, "--model", "fake")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.annotated.mp4", "in.mp4", "in.mp4.ssdv"]
    assert len(probe(tmp_path / "in.annotated.mp4").pts_s) == 2000


def _start(repository: Path, source: Path) -> subprocess.Popen[str]:
    """An export in a process of its own, once it has done its first frames."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SLOW, "annotate", str(source), "--model", "fake"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(repository)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    return process
