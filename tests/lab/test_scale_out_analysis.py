"""Analyses over many computers: one is done if its kept detections are there, of this very video and model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.candidate_cache.store import CandidateStore
from app.core.errors import AppError
from app.core.export.analysis import analysis_of
from app.core.models import weights_sha256
from app.core.muxing.video_options import VideoOptions
from app.core.settings import DetectionSettings, ModelSettings
from app.lab.scale_out import ray_run
from app.lab.scale_out.tasks import ExportTask, TaskOutcome, outcome_before, plan_tasks
from app.lab.scale_out.worker import run_task
from tests.support.command_line import Capture, check_one_line, run
from tests.support.media import make_video

_DEMO = ModelSettings(name="demo", device="cpu")


def task_for(source: Path, folder: Path, threshold: float = 0.5, detect_every: int = 1) -> ExportTask:
    """Returns the request that ``analyse --ray`` makes."""
    detection = DetectionSettings(threshold=threshold)
    request = analysis_of(source, folder, _DEMO, detection, VideoOptions(), detect_every)
    return plan_tasks([request], weights_sha256(_DEMO))[0]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return make_video(tmp_path / "in" / "x.mp4", frames=8, size=(96, 64))


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_analysis_leaves_its_detections_and_a_result_and_is_not_done_again(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    task = task_for(clip, out)
    assert outcome_before(task) is None
    first = run_task(task)
    assert (first.state, first.report["frames"], first.report["frames_known"]) == ("done", 8, 0), first
    files = _files(out)
    assert sorted(files) == ["x.mp4.analysis.json", "x.mp4.ssdv"]
    assert run_task(task) == replace(first, state="known")
    assert _files(out) == files
    assert outcome_before(task_for(clip, out, threshold=0.4)) is None
    assert [path.name for path in clip.parent.iterdir()] == ["x.mp4"]


def test_without_its_result_nothing_is_detected_anew(clip: Path, tmp_path: Path) -> None:
    task = task_for(clip, tmp_path / "out")
    run_task(task)
    task.result.unlink()
    again = run_task(task)
    assert (again.state, again.report["frames_known"]) == ("done", 8)


def test_detections_beside_the_video_are_not_those_in_the_folder(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    task = task_for(clip, out)
    run_task(task)
    shutil.move(out / "x.mp4.ssdv", clip.parent)
    assert outcome_before(task) is None
    assert run_task(task).state == "done"
    assert (out / "x.mp4.ssdv").is_file()


def _cut(store: Path, _: Path) -> None:
    store.write_bytes(store.read_bytes()[:-1])


def _damage(store: Path, _: Path) -> None:
    store.write_bytes(bytes(store.stat().st_size))


def _of_another_video(store: Path, scratch: Path) -> None:
    other = make_video(scratch / "x.mp4", frames=8, size=(64, 96))
    run_task(task_for(other, scratch / "out"))
    _take(scratch / "out" / "x.mp4.ssdv", store)


def _of_every_third_frame(store: Path, scratch: Path) -> None:
    video = Path(shutil.copy(store.parent.parent / "in" / "x.mp4", scratch))
    run_task(task_for(video, scratch / "out", detect_every=3))
    _take(scratch / "out" / "x.mp4.ssdv", store)


def _take(other: Path, store: Path) -> None:
    """Puts another store in its place, and lets the result name its size: the content has to tell."""
    result = store.with_name("x.mp4.analysis.json")
    kept = json.loads(result.read_text())
    shutil.copy(other, store)
    result.write_text(json.dumps({**kept, "files": {store.name: store.stat().st_size}}))


@pytest.mark.parametrize("change", [_cut, _damage, _of_another_video, _of_every_third_frame])
def test_only_complete_detections_of_this_very_video_count(
    clip: Path, tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    task = task_for(clip, tmp_path / "out")
    run_task(task)
    (tmp_path / "scratch").mkdir()
    change(tmp_path / "out" / "x.mp4.ssdv", tmp_path / "scratch")
    assert outcome_before(task) is None
    outcome = run_task(task)
    assert (outcome.state, outcome.report["frames"]) == ("done", 8)
    assert outcome_before(task) is not None
    with CandidateStore.open(Path(outcome.report["cache"])) as store:
        assert (store.complete, store.facts.detect_every) == (True, 1)


def test_a_changed_video_or_model_is_work(clip: Path, tmp_path: Path) -> None:
    task = task_for(clip, tmp_path / "out")
    run_task(task)
    assert outcome_before(replace(task, settings="of another model")) is None
    make_video(clip, frames=9, size=(96, 64))
    assert outcome_before(task) is None
    assert run_task(task).report["frames"] == 9


@pytest.mark.parametrize("cache", [None, 7, "", "../x.mp4.ssdv", "\0"])
def test_a_result_that_names_no_store_means_work(clip: Path, tmp_path: Path, cache: object) -> None:
    task = task_for(clip, tmp_path / "out")
    run_task(task)
    shutil.move(tmp_path / "out" / "x.mp4.ssdv", tmp_path)
    kept = json.loads(task.result.read_text())
    task.result.write_text(json.dumps({**kept, "report": {**kept["report"], "cache": cache}}))
    assert outcome_before(task) is None


def test_two_videos_of_one_name_are_refused(tmp_path: Path) -> None:
    wanted = [task_for(tmp_path / side / "x.mp4", tmp_path / "out").request for side in ("a", "b")]
    with pytest.raises(AppError, match="same file"):
        plan_tasks(wanted, "")


@pytest.fixture
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of a cluster: this thread, one task after the other."""

    def work(tasks: Sequence[ExportTask], address: str, on_outcome: Callable[[TaskOutcome], None], *_: object) -> bool:
        assert address == "head:6379"
        for task in tasks:
            on_outcome(run_task(task))
        return True

    monkeypatch.setattr(ray_run, "load_ray", lambda: None)
    monkeypatch.setattr(ray_run, "run_on_ray", work)


@pytest.mark.usefixtures("_here")
def test_the_command_does_what_is_missing_and_names_what_fails(capsys: Capture, clip: Path, tmp_path: Path) -> None:
    make_video(clip.parent / "y.mp4", frames=6, size=(96, 64))
    (clip.parent / "z.mp4").write_bytes(b"no video")
    out = tmp_path / "out"
    command = ("analyse", clip.parent, "--model", "demo", "--device", "cpu", "--ray", "head:6379", "-o", out)
    code, said, err = run(capsys, *command)
    assert code == 1
    check_one_line(err.splitlines()[-1] + "\n", "z.mp4")
    assert "x.mp4: 8 frames in" in said
    assert str(out / "y.mp4.ssdv") in said
    names = {f"{name}.mp4.{ending}" for name in "xy" for ending in ("ssdv", "analysis.json")}
    assert {path.name for path in out.iterdir()} == names | {"summary.json", "summary.csv"}
    (clip.parent / "z.mp4").unlink()
    code, said, _ = run(capsys, *command, "--json", "-")
    result = json.loads(said)
    assert (code, [video["state"] for video in result["videos"]]) == (0, ["known", "known"])
    code, said, _ = run(capsys, "analyse", clip, "--model", "demo", "-o", out, "--json", "-")
    assert json.loads(said)["videos"][0]["done_before"]


@pytest.mark.parametrize(
    "flags",
    [
        ("--ray", "head", "-o", "out"),
        ("--ray", "local"),
        ("--ray", "local", "-o", "out", "--jobs", "2"),
        ("--ray-gpus", "1"),
    ],
)
def test_wrong_use_is_one_line(capsys: Capture, clip: Path, flags: tuple[str, ...]) -> None:
    code, _, err = run(capsys, "analyse", clip, *flags)
    assert code == 2
    check_one_line(err)


def test_a_video_of_which_nothing_can_be_kept_fails_with_the_reason(clip: Path, tmp_path: Path) -> None:
    playlist = clip.with_name("list.m3u8")
    make_video(clip.with_name("part.ts"), frames=8, size=(96, 64))
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.3,\npart.ts\n#EXT-X-ENDLIST\n")
    outcome = run_task(task_for(playlist, tmp_path / "out"))
    assert (outcome.state, "list.m3u8" in outcome.error, "playlist" in outcome.hint) == ("failed", True, True), outcome
    assert not list((tmp_path / "out").iterdir())
