"""`analyse`: the cache is filled, never twice, and an interrupted run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.candidate_cache.store import CandidateStore
from tests.support.command_line import Capture, check_one_line, install_fake_model, run
from tests.support.media import make_video, truncate

# The program with the fake model, which takes its time once it has said that it runs.
_SLOW = """
import sys, time
import pytest
from app.cli import main
from tests.support import command_line
from tests.support.steady_detector import FakeDetector
class Slow(FakeDetector):
    def candidates_batch(self, *arguments):
        print("running", flush=True)
        time.sleep(0.05)
        return super().candidates_batch(*arguments)
with pytest.MonkeyPatch.context() as patch:
    command_line.install_fake_model(patch)
    patch.setattr("detector.runtime.open.open_detector", lambda *_a, **_k: Slow())
    sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model "fake" on the shelf; whatever is opened is it."""
    install_fake_model(monkeypatch)


def test_analyse_keeps_what_is_found_and_writes_nothing_else(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=7)
    code, out, err = run(capsys, "analyse", source, "--model", "fake", "--json", "-")
    assert (code, err) == (0, "")
    result = json.loads(out)
    (video,) = result["videos"]
    assert (result["model"], video["frames"], video["frames_known"], video["output"]) == ("fake", 7, 0, None)
    assert video["cache"] == str(tmp_path / "in.mp4.ssdv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "in.mp4.ssdv"]
    with CandidateStore.open(tmp_path / "in.mp4.ssdv") as store:
        assert (store.frames, store.complete) == (7, True)


def test_what_was_analysed_is_not_analysed_again(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=5)
    run(capsys, "annotate", source, "--model", "fake")  # an export leaves the same behind
    before = (tmp_path / "in.mp4.ssdv").read_bytes()
    code, out, err = run(capsys, "analyse", source, "--model", "fake", "--json", "-")
    (video,) = json.loads(out)["videos"]
    assert (code, err, video["done_before"], video["frames"]) == (0, "", True, 5)
    assert (tmp_path / "in.mp4.ssdv").read_bytes() == before
    code, out, err = run(capsys, "analyse", source, "--model", "fake", "--threshold", "0.01", "--json", "-")
    (video,) = json.loads(out)["videos"]  # what is kept does not reach down so far
    assert (code, video["frames_known"], "done_before" in video) == (0, 0, False)


def test_a_folder_is_analysed_and_a_broken_video_does_not_stop_it(
    capsys: Capture, fake_model: None, tmp_path: Path
) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    good = make_video(folder / "a.mp4", frames=4)
    truncate(good, folder / "b.mp4", 0.5)
    make_video(folder / "c.mp4", frames=6)
    kept = tmp_path / "kept"
    code, out, err = run(capsys, "analyse", folder, "-o", kept, "--model", "fake", "--jobs", "2", "--json", "-")
    assert code == 1
    check_one_line(err, "b.mp4")
    assert [video.get("frames") for video in json.loads(out)["videos"]] == [4, None, 6]
    assert sorted(path.name for path in kept.iterdir()) == ["a.mp4.ssdv", "c.mp4.ssdv"]
    assert len(list(folder.iterdir())) == 3


def test_ctrl_c_keeps_what_was_found_and_the_same_command_goes_on(
    capsys: Capture, fake_model: None, repository: Path, tmp_path: Path
) -> None:
    source = make_video(tmp_path / "in.mp4", frames=400, size=(64, 48))
    with subprocess.Popen(
        [sys.executable, "-c", _SLOW, "analyse", str(source), "--model", "fake"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(repository)},
    ) as process:
        assert process.stdout is not None
        for _ in range(3):
            assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=240)
    assert process.returncode == 130
    assert [line.split(": ")[1].split(" ")[0] for line in err.splitlines()] == ["What", "Interrupted."]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "in.mp4.ssdv.part"]
    code, out, err = run(capsys, "analyse", source, "--model", "fake", "--json", "-")
    (video,) = json.loads(out)["videos"]
    assert (code, video["frames"], video["frames_known"] > 0) == (0, 400, True)


@pytest.mark.parametrize("wrong", [("--jobs", "0"), ("--model", "nobody"), ("--images-per-second", "fast")])
def test_wrong_usage_is_said_in_one_line(
    capsys: Capture, fake_model: None, tmp_path: Path, wrong: tuple[str, str]
) -> None:
    source = make_video(tmp_path / "in.mp4", frames=3)
    code, _, err = run(capsys, "analyse", source, "--model", "fake", *wrong)
    assert code == 2
    check_one_line(err, wrong[1])
    code, _, err = run(capsys, "analyse", "rtsp://camera/1")
    assert code == 2
    check_one_line(err, "analyse")


def test_a_folder_that_refuses_is_said_in_one_line(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=3)
    (tmp_path / "in.mp4.ssdv.part").mkdir()
    code, _, err = run(capsys, "analyse", source, "--model", "fake")
    assert code == 1
    check_one_line(err, "in.mp4.ssdv")
    (tmp_path / "file").write_bytes(b"")
    code, _, err = run(capsys, "analyse", source, "--model", "fake", "-o", tmp_path / "file")
    assert code == 1
    check_one_line(err, "file")


def test_an_analysis_of_some_frames_is_none_of_all(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=9)

    def done_before(*asked: str) -> bool:
        code, out, _ = run(capsys, "analyse", source, "--model", "fake", *asked, "--json", "-")
        assert code == 0
        return "done_before" in json.loads(out)["videos"][0]

    assert not done_before("--detect-every", "3")
    assert done_before("--detect-every", "3")
    assert done_before("--detect-every", "auto")
    assert not done_before()
    assert done_before("--detect-every", "3")  # all frames are more than some
