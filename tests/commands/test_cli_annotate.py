"""`annotate`: names, data, failures, Ctrl-C and kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.export import history
from tests.support.command_line import Capture, check_one_line, install_fake_model, run
from tests.support.media import make_video, truncate
from tests.support.probe import probe


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model "fake" in the library; whatever is opened is it."""
    install_fake_model(monkeypatch)


def test_annotate_names_its_files_and_never_an_existing_one(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = make_video(tmp_path / "clip é.mp4", frames=12, audio=True)
    for said in ("", "ssd-viewer: clip é.mp4: 12 frames were analysed before; the network runs on the others only.\n"):
        code, out, err = run(capsys, "annotate", source, "--model", "fake", "--data", ".csv", "--data", ".jsonl")
        assert (code, err) == (0, said)
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
    assert "24 detections in 12 frames (car 12, person 12)" in out
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


def test_annotate_never_writes_over_its_source_nor_somewhere_else_instead(
    capsys: Capture, fake_model: None, tmp_path: Path
) -> None:
    source = make_video(tmp_path / "in.mp4", frames=5)
    before = source.read_bytes()
    links = [tmp_path / "soft.mp4", tmp_path / "hard.mp4"]
    links[0].symlink_to(source)
    links[1].hardlink_to(source)
    for name in (source, *links):
        code, _, err = run(capsys, "annotate", source, "--model", "fake", "-o", name)
        assert code == 1
        check_one_line(err, f"{name.name} is the file to be read; it is never overwritten")
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hard.mp4", "in.mp4", "soft.mp4"]


_SLOW = """
import sys, threading
from detector.runtime import open as runtime_open
from detector.library import ModelLibrary
from detector.model_file import ModelEntry
from tests.support.steady_detector import SPEC, FakeDetector
from app.cli import main

started, never = [], threading.Event()

def work(_):
    started.append(1)
    if len(started) == 5:
        print("running", flush=True)
    if len(started) >= 5:
        never.wait(0.25)  # stands for a network that takes its time

entry = ModelEntry("fake", SPEC, None, False)
ModelLibrary.list, ModelLibrary.find = lambda self: [entry], lambda self, name: entry
runtime_open.open_detector = lambda *a, **k: FakeDetector(work)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_leaves_a_resumable_job_and_exits_with_130(repository: Path, tmp_path: Path, presses: int) -> None:
    source = make_video(tmp_path / "in.mp4", frames=400, size=(64, 48))
    with _start(repository, source) as process:
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=240)
    assert process.returncode == 130
    kept, last = err.splitlines()
    assert "the same command goes on from there" in kept
    assert last == "ssd-viewer: Interrupted."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "in.mp4.ssdv.part"]


def test_kill_leaves_nothing_under_the_final_name_and_the_next_run_succeeds(
    capsys: Capture, fake_model: None, repository: Path, tmp_path: Path
) -> None:
    source = make_video(tmp_path / "in.mp4", frames=400, size=(64, 48))
    with _start(repository, source) as process:
        process.kill()
        process.communicate(timeout=240)
    left = {path.name for path in tmp_path.iterdir()}  # the video's part is there or not, as its thread was quick
    assert left - {"in.annotated.mp4.part"} == {"in.mp4", "in.mp4.ssdv.part"}
    assert run(capsys, "annotate", source, "--model", "fake")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.annotated.mp4", "in.mp4", "in.mp4.ssdv"]
    assert len(probe(tmp_path / "in.annotated.mp4").pts_s) == 400


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


def test_resume_passes_over_what_is_done_and_does_the_rest(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    first = make_video(tmp_path / "a.mp4", frames=5)
    second = make_video(tmp_path / "b.mp4", frames=6)
    asked = ("--model", "fake", "-o", f"{tmp_path / 'out'}/", "--data", ".csv")
    assert run(capsys, "annotate", first, *asked)[0] == 0
    code, out, err = run(capsys, "annotate", first, second, *asked, "--resume")
    assert (code, err) == (0, "")
    assert "a.mp4: done already" in out
    names = ["a.annotated.csv", "a.annotated.mp4", "a.mp4.ssdv", "b.annotated.csv", "b.annotated.mp4", "b.mp4.ssdv"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    run(capsys, "annotate", first, *asked, "--resume", "--threshold", "0.7")  # other wishes are other files
    assert (tmp_path / "out" / "a.annotated (2).mp4").exists()
    again = run(capsys, "annotate", first, *asked, "--resume", "--threshold", "0.7")[1]
    assert "a.mp4: done already" in again  # also under the number it was given
    (tmp_path / "out" / "b.annotated.csv").write_text("changed")
    assert "done already" not in run(capsys, "annotate", second, *asked, "--resume")[1]


def test_resume_tells_of_the_whole_result(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    videos = [make_video(tmp_path / f"{name}.mp4", frames=frames) for name, frames in (("a", 5), ("b", 6), ("c", 7))]
    asked = ("--model", "fake", "-o", f"{tmp_path / 'out'}/", "--data", ".csv", "--tracks", "--json", "-")
    whole = json.loads(run(capsys, "annotate", videos[1], *asked)[1])
    result = json.loads(run(capsys, "annotate", *videos, *asked, "--resume")[1])
    assert [Path(video["path"]).name for video in result["videos"]] == ["a.mp4", "b.mp4", "c.mp4"]
    assert [video["frames"] for video in result["videos"]] == [5, 6, 7]
    assert [video.pop("done_before", False) for video in result["videos"]] == [False, True, False]
    for video in (result["videos"][1], whole["videos"][0]):
        del video["cache_bytes"]  # grows by what is remembered of each export
    assert result["videos"][1] == whole["videos"][0]
    assert result["videos"][1]["tracks"]
    done = json.loads(run(capsys, "annotate", *videos, *asked, "--resume")[1])  # nothing is left to do
    assert [video["frames"] for video in done["videos"]] == [5, 6, 7]
    assert (done["model"], done["device"], done["precision"]) == ("fake", "cpu", "fp32")
    said = run(capsys, "annotate", *videos, *asked[:-2], "--resume")[1].splitlines()
    assert said[-1] == "3 of 3 videos done, 3 of them before: 3 cars, 3 persons"


def test_resume_knows_what_was_rendered_from_detections_kept_elsewhere(
    capsys: Capture, fake_model: None, tmp_path: Path
) -> None:
    source = make_video(tmp_path / "a.mp4", frames=5)
    assert run(capsys, "annotate", source, "--model", "fake")[0] == 0
    asked = ("annotate", source, "--from-cache", "-o", f"{tmp_path / 'out'}/", "--resume")
    assert run(capsys, *asked)[0] == 0
    assert "a.mp4: done already" in run(capsys, *asked)[1]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.annotated.mp4"]


def test_resume_knows_what_was_rendered_from_detections_that_may_only_be_read(
    capsys: Capture, fake_model: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_video(tmp_path / "a.mp4", frames=5)
    assert run(capsys, "annotate", source, "--model", "fake")[0] == 0
    append = history.append_entry

    def guarded(file: Path, line: str) -> None:
        if file.suffix == ".ssdv":
            raise PermissionError(13, "Permission denied", str(file))
        append(file, line)

    monkeypatch.setattr(history, "append_entry", guarded)  # root, which may run this, is refused nothing
    asked = ("annotate", source, "--from-cache", "-o", f"{tmp_path / 'out'}/", "--resume")
    assert run(capsys, *asked)[0] == 0
    assert "a.mp4: done already" in run(capsys, *asked)[1]


def test_resume_tells_formats_of_one_name_apart(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source, data = make_video(tmp_path / "a.mp4", frames=5), tmp_path / "a.json"
    asked = ("annotate", source, "--model", "fake", "--no-video", "--data", data, "--resume")
    assert run(capsys, *asked)[0] == 0
    assert "done already" in run(capsys, *asked)[1]
    assert "done already" not in run(capsys, *asked, "--data-format", "jsonl")[1]
    assert len(data.read_text().splitlines()) == 5


def test_the_result_is_not_written_over_the_data(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", frames=5)
    for data, result in ((tmp_path / "r.json", tmp_path / "r.json"), (".json", tmp_path / "a.annotated.json")):
        code, _, err = run(capsys, "annotate", source, "--model", "fake", "--data", data, "--json", result)
        assert code == 1
        check_one_line(err, f"{result.name} is named twice")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_from_cache_renders_without_a_model(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=12)
    code, _, err = run(capsys, "annotate", source, "--from-cache")
    assert code == 1
    check_one_line(err, "No detections are kept of in.mp4", "Run the network on it (without --from-cache)")
    code, out, _ = run(capsys, "annotate", source, "--model", "fake")
    assert code == 0
    assert "of detections kept, for --from-cache" in out
    for wish in (("--threshold", "0.7"), ("--iou", "0.9"), ("--classes", "person")):
        kept, fresh = tmp_path / "kept.jsonl", tmp_path / "fresh.jsonl"
        code, out, err = run(
            capsys, "annotate", source, "--from-cache", "-o", tmp_path / "k.mp4", *wish, "--data", kept
        )
        assert (code, err) == (0, "")
        again = ("annotate", source, "--model", "fake", "--no-cache", "-o", tmp_path / "f.mp4", *wish, "--data", fresh)
        assert run(capsys, *again)[0] == 0
        assert kept.read_bytes() == fresh.read_bytes()
        assert probe(tmp_path / "k.mp4") == probe(tmp_path / "f.mp4")
    check_one_line(run(capsys, "annotate", source, "--from-cache", "--threshold", "0.01")[2], "0.05 only")
    check_one_line(run(capsys, "annotate", source, "--from-cache", "--model", "other")[2], "some by fake")
    check_one_line(run(capsys, "annotate", source, "--from-cache", "--classes", "cat")[2], "knows no class 'cat'")
    assert run(capsys, "annotate", source, "--from-cache", "--no-cache")[0] == 2


def test_no_cache_keeps_nothing(capsys: Capture, fake_model: None, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=5)
    assert run(capsys, "annotate", source, "--model", "fake", "--no-cache")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.annotated.mp4", "in.mp4"]
    code, out, _ = run(capsys, "annotate", source, "--model", "fake", "--no-cache", "--resume", "--json", "-")
    assert (code, json.loads(out)["videos"][0]["done_before"]) == (0, True)  # all the same it is not done twice
    source.write_bytes(make_video(tmp_path / "other.mp4", frames=6).read_bytes())
    assert "done already" not in run(capsys, "annotate", source, "--model", "fake", "--no-cache", "--resume")[1]


def test_no_cache_goes_on_only_when_asked_to(
    capsys: Capture, fake_model: None, repository: Path, tmp_path: Path
) -> None:
    source = make_video(tmp_path / "in.mp4", frames=400, size=(64, 48))
    with _start(repository, source) as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=240)
    left = (tmp_path / "in.mp4.ssdv.part").read_bytes()
    code, out, err = run(capsys, "annotate", source, "--model", "fake", "--no-cache", "--json", "-")
    assert (code, json.loads(out)["videos"][0]["frames_known"]) == (0, 0)
    assert "frames of an interrupted run stay in in.mp4.ssdv.part" in err
    assert (tmp_path / "in.mp4.ssdv.part").read_bytes() == left
    asked = ("--model", "fake", "--no-cache", "--resume", "--json", "-", "-o", tmp_path / "two.mp4")
    code, out, err = run(capsys, "annotate", source, *asked)
    assert (code, json.loads(out)["videos"][0]["frames_known"] >= 4) == (0, True)
    names = ["in.annotated.mp4", "in.mp4", "two.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
