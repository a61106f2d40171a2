"""`annotate` with folders and many videos: what is found, where it goes, what fails, what Ctrl-C leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.annotate_queue import export_all
from app.cli.console import Console
from app.core.export.request import ExportRequest
from tests.support.command_line import Capture, check_one_line, install_fake_model, run
from tests.support.media import make_video, truncate
from tests.support.probe import probe


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model "fake" in the library; whatever is opened is it."""
    install_fake_model(monkeypatch)


def films(folder: Path) -> set[str]:
    """The videos below, as written relative to it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.mp4")}


def make_tree(folder: Path) -> None:
    """Three good clips and a broken one, two of one name."""
    for name in ("a.mp4", "sub/a.mp4", "sub/b c.mp4"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        make_video(folder / name, frames=6, size=(64, 48))
    truncate(folder / "a.mp4", folder / "sub" / "bad.mp4")
    (folder / "notes.txt").write_text("no video")


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_folder_is_worked_off_whatever_fails(capsys: Capture, fake_model: None, tmp_path: Path, jobs: str) -> None:
    tree, out = tmp_path / "in", tmp_path / "out"
    make_tree(tree)
    asked = ("--data", ".csv", "--jobs", jobs, "--json", tmp_path / "j")
    code, said, err = run(capsys, "annotate", tree, "--model", "fake", "-o", out, *asked)
    assert code == 1
    check_one_line(err, "bad.mp4")
    assert films(out) == {"a.annotated.mp4", "sub/a.annotated.mp4", "sub/b c.annotated.mp4"}
    assert {path.relative_to(out).as_posix() for path in out.rglob("*.csv")} == {
        name.replace(".mp4", ".csv") for name in films(out)
    }
    assert said.splitlines()[0] == "4 videos"
    assert said.splitlines()[-1] == "3 of 4 videos done, 1 failed: 36 detections in 18 frames"
    for name in films(out):
        assert len(probe(out / name).pts_s) == 6
    videos = json.loads((tmp_path / "j").read_text())["videos"]
    assert [Path(video["path"]).relative_to(tree).as_posix() for video in videos] == [
        "a.mp4", "sub/a.mp4", "sub/b c.mp4", "sub/bad.mp4",
    ]  # fmt: skip
    assert ["error" in video for video in videos] == [False, False, False, True]


def test_second_run_takes_no_output_for_input_and_numbers_its_own(
    capsys: Capture, fake_model: None, tmp_path: Path
) -> None:
    for name in ("a.mp4", "a.mov"):
        make_video(tmp_path / name, frames=3, size=(64, 48))
    for _ in range(2):
        code, said, _ = run(capsys, "annotate", tmp_path, "--model", "fake")
        assert code == 0
        assert said.splitlines()[0] == "2 videos"
    assert films(tmp_path) == {
        "a.mp4", "a.annotated.mp4", "a.annotated (2).mp4", "a.annotated (3).mp4", "a.annotated (4).mp4",
    }  # fmt: skip


def test_nothing_found_and_wrong_use(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    code, _, err = run(capsys, "annotate", tmp_path, "--model", "fake")
    assert code == 1
    check_one_line(err, "no video", tmp_path.name)
    clip = make_video(tmp_path / "a.mp4", frames=3, size=(64, 48))
    for jobs in ("0", "-1", "two", "1.5", "²"):
        code, _, err = run(capsys, "annotate", clip, "--jobs", jobs)
        assert code == 2
        check_one_line(err, "--jobs")
    make_video(tmp_path / "b.mp4", frames=3, size=(64, 48))
    code, _, err = run(capsys, "annotate", tmp_path, "--model", "fake", "-o", tmp_path / "x.mp4")
    assert code == 2
    check_one_line(err, "folder")


_SLOW = """
import sys, threading
from pathlib import Path
from detector.runtime import open as runtime_open
from detector.library import ModelLibrary
from detector.model_file import ModelEntry
from tests.support.steady_detector import SPEC, FakeDetector
from app.cli import main
from tools.fixtures.coded_images import read_frame_index

entry = ModelEntry("fake", SPEC, None, False)
ModelLibrary.list, ModelLibrary.find = lambda self: [entry], lambda self, name: entry
never, out = threading.Event(), Path(sys.argv[sys.argv.index("-o") + 1])

def work(frames):
    if read_frame_index(frames[0]) < 10:
        return
    if len(list(out.glob("[ab].annotated.mp4"))) == 2:
        print("running", flush=True)  # the short ones are done, and a long one is not
    never.wait(0.25)  # stands for a network that takes its time

runtime_open.open_detector = lambda *a, **k: FakeDetector(work)
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_stops_all_and_the_next_run_makes_the_same(
    capsys: Capture, fake_model: None, repository: Path, tmp_path: Path
) -> None:
    tree, out = tmp_path / "in", tmp_path / "out"
    tree.mkdir()
    for name in "abcd":
        make_video(tree / f"{name}.mp4", frames=120 if name in "cd" else 10, size=(64, 48))
    command = [sys.executable, "-c", _SLOW, "annotate", str(tree), "--model", "fake", "-o", str(out), "--jobs", "2"]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        assert process.stdout is not None
        assert "running\n" in iter(process.stdout.readline, "")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=240)
    assert process.returncode == 130
    kept, last = err.splitlines()
    assert "the same command goes on from there" in kept
    assert last == "ssd-viewer: Interrupted."
    assert films(out) == {"a.annotated.mp4", "b.annotated.mp4"}
    code, said, _ = run(capsys, "annotate", tree / "c.mp4", tree / "d.mp4", "--model", "fake", "-o", out)
    assert code == 0
    assert "2 of 2 videos done: 480 detections in 240 frames" in said
    assert len(probe(out / "c.annotated.mp4").pts_s) == 120


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to itself")
def test_ctrl_c_while_the_videos_are_still_listed_is_not_lost(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", frames=6, size=(64, 48))

    def listed() -> Iterator[ExportRequest]:
        yield ExportRequest(source, tmp_path / "1.mp4")
        os.kill(os.getpid(), signal.SIGINT)
        yield ExportRequest(source, tmp_path / "2.mp4")

    console = Console()
    console.configure(quiet=True, json_target=None)
    with pytest.raises(KeyboardInterrupt):
        export_all(listed(), 1, console)
    assert films(tmp_path) == {"a.mp4"}
