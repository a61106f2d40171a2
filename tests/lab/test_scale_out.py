"""Large jobs over many computers: what is done is known from the files; and Ray, with a computer that dies."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import AppError
from app.core.export.request import DataFile, ExportRequest
from app.core.models import weights_sha256
from app.core.settings import DetectionSettings, ModelSettings
from app.lab.scale_out import worker
from app.lab.scale_out.ray_run import is_address
from app.lab.scale_out.tasks import ExportTask, TaskOutcome, outcome_before, plan_tasks, write_summary
from app.lab.scale_out.worker import run_task
from detector.file_lock import LockedError, open_locked
from tests.support.command_line import Capture, check_one_line, run
from tests.support.media import make_video
from tests.support.probe import probe

_DEMO = ModelSettings(name="demo", device="cpu")


def task_for(source: Path, folder: Path, threshold: float = 0.5) -> ExportTask:
    """Returns the request that ``annotate --ray`` makes."""
    data = (DataFile(folder / "any.csv", "csv"),)
    request = ExportRequest(source, folder / "any.mp4", data, _DEMO, DetectionSettings(threshold=threshold))
    return plan_tasks([request], weights_sha256(_DEMO))[0]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_video(tmp_path / "in" / "x.mp4", frames=8, size=(96, 64))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()


def test_names_follow_from_the_source_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    data = (DataFile(out / "q.jsonl", "jsonl"),)
    wanted = [ExportRequest(tmp_path / "in" / name, out / "x (2).mkv", data) for name in ("x.mp4", "x.mov")]
    for tasks in (
        plan_tasks(wanted, ""),
        plan_tasks(wanted[::-1], "")[::-1],
        plan_tasks(wanted[:1], "") + plan_tasks(wanted[1:], ""),
    ):
        outputs = [task.request.output for task in tasks]
        assert outputs == [out / f"x.{ending}.annotated.mkv" for ending in ("mp4", "mov")]
        assert tasks[0].request.data[0].path == out / "x.mp4.annotated.jsonl"
        assert tasks[0].result == out / "x.mp4.result.json"


def test_two_videos_for_one_name_are_refused(tmp_path: Path) -> None:
    wanted = [ExportRequest(tmp_path / side / "x.mp4", tmp_path / "out" / "x.mp4") for side in ("a", "b")]
    with pytest.raises(AppError, match="same file"):
        plan_tasks(wanted, "")


def test_what_is_done_is_not_done_again_until_something_changes(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    task = task_for(clip, out)
    assert outcome_before(task) is None
    first = run_task(task)
    assert first.state == "done", first
    assert first.report["frames"] == 8
    content = {path.name: path.read_bytes() for path in out.iterdir()}
    assert run_task(task) == replace(first, state="known")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == content
    assert outcome_before(task_for(clip, out, threshold=0.6)) is None
    assert outcome_before(replace(task, settings="other")) is None
    os.utime(clip, ns=(1, 1))
    assert outcome_before(task) is not None, "it is the same content"
    output = task.request.output
    assert output is not None
    output.write_bytes(output.read_bytes()[:-1])
    assert outcome_before(task) is None
    assert run_task(task).state == "done"
    make_video(clip, frames=9, size=(96, 64))
    assert outcome_before(task) is None
    assert run_task(task).report["frames"] == 9


def test_a_large_video_that_moved_is_known_and_one_changed_in_place_is_not(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=8, size=(96, 64))
    with source.open("ab") as file:  # a box that readers skip
        file.write((2_000_008).to_bytes(4, "big") + b"free" + bytes(2_000_000))
    task = task_for(source, tmp_path / "out")
    assert run_task(task).state == "done"
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(source.read_bytes())
    copy.replace(source)
    assert outcome_before(task) is not None
    with source.open("r+b") as file:
        file.seek(1_100_000)  # between two samples
        file.write(b"!")
    assert outcome_before(task) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"settings": 1}', b"\xff" * 10, b"[" * 100_000])
def test_result_file_that_is_none_means_work(clip: Path, tmp_path: Path, content: bytes) -> None:
    task = task_for(clip, tmp_path / "out")
    (tmp_path / "out").mkdir()
    task.result.write_bytes(content)
    assert outcome_before(task) is None


def test_failures_are_outcomes_and_leave_no_result(tmp_path: Path, clip: Path) -> None:
    bad = tmp_path / "in" / "bad.mp4"
    bad.write_bytes(b"no video")
    outcome = run_task(task_for(bad, tmp_path / "out"))
    assert outcome.state == "failed"
    assert "bad.mp4" in outcome.error
    gone = run_task(task_for(tmp_path / "in" / "gone.mp4", tmp_path / "out"))
    assert gone.state == "failed"
    other = run_task(replace(task_for(clip, tmp_path / "out"), weights="00"))
    assert "model" in other.error
    older = run_task(replace(task_for(clip, tmp_path / "out"), version="0.0.1"))
    assert "0.0.1" in older.error
    assert not list((tmp_path / "out").glob("*.json"))


def test_worker_waits_for_one_that_still_has_the_file(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = task_for(clip, tmp_path / "out")
    (tmp_path / "out").mkdir()
    assert task.request.output is not None
    held = open_locked(task.request.output.with_name(task.request.output.name + ".part"))
    waits: list[float] = []

    class Dying:
        """Instead of the wait: the other worker comes to its end."""

        def wait(self, seconds: float) -> None:
            waits.append(seconds)
            os.close(held)

    monkeypatch.setattr(worker.threading, "Event", Dying)
    monkeypatch.setattr(worker, "ExportJob", _OneTry)
    assert run_task(task).state == "done"
    assert len(waits) == 1


class _OneTry:
    """An export that needs the lock on its part, as the real one does, and runs on this thread."""

    def __init__(self, request: ExportRequest) -> None:
        self._request = request

    def run(self):  # type: ignore[no-untyped-def] # as ExportJob
        from tests.support.queue_jobs import report_for

        for path in (self._request.output, *(data.path for data in self._request.data)):
            assert path is not None
            try:
                os.close(open_locked(path.with_name(path.name + ".part")))
            except LockedError as error:
                raise AppError("It is being written by another program.") from error
            path.write_bytes(b"film")
        return report_for(self._request)


def test_summary_has_a_row_for_each(tmp_path: Path) -> None:
    outcomes = [
        TaskOutcome("/a é.mp4", "done", {"frames": 3, "detections": 0, "seconds": 1.5, "output": "/o/a.mp4"}),
        TaskOutcome("/b,\n.mp4", "failed", error='It "broke".'),
    ]
    as_json, as_csv = write_summary(tmp_path, outcomes)
    summary = json.loads(as_json.read_text())
    assert (summary["done"], summary["known"], summary["failed"]) == (1, 0, 1)
    assert [video["path"] for video in summary["videos"]] == ["/a é.mp4", "/b,\n.mp4"]
    with as_csv.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["frames"], rows[0]["detections"], rows[0]["output"]) == ("3", "0", "/o/a.mp4")
    assert (rows[1]["path"], rows[1]["state"], rows[1]["error"]) == ("/b,\n.mp4", "failed", 'It "broke".')


def test_no_name_in_a_summary_is_a_formula_to_a_spreadsheet(tmp_path: Path) -> None:
    as_json, as_csv = write_summary(tmp_path, [TaskOutcome("=1+1.mp4", "failed", error="@x: no such file.")])
    with as_csv.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["path"], row["error"]) == ("'=1+1.mp4", "'@x: no such file.")
    assert json.loads(as_json.read_text())["videos"][0]["path"] == "=1+1.mp4"


@pytest.mark.parametrize("good", ["local", "auto", "10.0.0.1:6379", "head.lab.example:1", "[::1]:6379"])
def test_addresses(good: str) -> None:
    assert is_address(good)


@given(st.text(max_size=30) | st.from_regex(r"[a-z0-9.:/@;-]{0,20}", fullmatch=True))
def test_what_is_no_address_is_refused(text: str) -> None:
    if is_address(text) and text not in ("local", "auto"):
        host, _, port = text.rpartition(":")
        assert 0 < int(port) < 65_536
        assert host.strip("[]").replace(".", "").replace("-", "").replace(":", "").isalnum()


@pytest.mark.parametrize(
    "flags",
    [
        ("--ray", "http://head:1", "-o", "out"),
        ("--ray", "head", "-o", "out"),
        ("--ray", "head:99999", "-o", "out"),
        ("--ray", "local"),
        ("--ray", "local", "-o", "film.mp4"),
        ("--ray", "local", "-o", "out", "--jobs", "2"),
        ("--ray-cpus", "2"),
        ("--ray", "local", "-o", "out", "--ray-cpus", "0"),
        ("--ray", "local", "-o", "out", "--ray-gpus", "nan"),
    ],
)
def test_wrong_use_is_one_line(capsys: Capture, clip: Path, flags: tuple[str, ...]) -> None:
    code, _, err = run(capsys, "annotate", clip, *flags)
    assert code == 2
    check_one_line(err)


@pytest.mark.parametrize("command", ["annotate", "analyse"])
def test_without_ray_a_line_says_how_to_get_it(
    capsys: Capture, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, err = run(capsys, command, clip, "--model", "demo", "--quiet", "--ray", "local", "-o", tmp_path / "out")
    assert code == 1
    check_one_line(err.splitlines()[-1] + "\n", "pip install 'ssd-viewer[ray]'")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def cluster(repository: Path) -> Iterator[subprocess.Popen[str]]:
    """Two Ray nodes in a process of their own."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'ssd-viewer[ray]'")
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "tests.support.ray_cluster"]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=repository) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def _until(process: subprocess.Popen[str], words: str) -> str:
    """The first line with ``words`` in it."""
    assert process.stdout is not None
    return next(line for line in process.stdout if words in line).strip()


@pytest.mark.timeout(600)
def test_a_computer_dies_in_the_middle_and_nothing_is_lost_or_doubled(
    repository: Path, tmp_path: Path, cluster: subprocess.Popen[str]
) -> None:
    names = [f"{index}.mp4" for index in range(4)]
    for name in names:
        make_video(tmp_path / "in" / name, frames=40, size=(160, 120))
    address = _until(cluster, "address ").split()[1]
    out = tmp_path / "out"
    command = [
        *(sys.executable, "-m", "app", "annotate", str(tmp_path / "in"), "-o", str(out), "--model", "demo"),
        *("--data", ".jsonl", "--ray", address, "--ray-cpus", "1"),
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=repository, env=environment) as job:
        _until(job, ".mp4: 40 frames")  # one is done, so both nodes are at work
        assert cluster.stdin is not None
        cluster.stdin.write("kill\n")
        cluster.stdin.flush()
        _until(cluster, "killed")
        said, _ = job.communicate(timeout=500)
    assert job.returncode == 0, said
    assert all(".mp4: 40 frames" in line or "4 of 4" in line for line in said.splitlines()), said
    endings = ("annotated.jsonl", "annotated.mp4", "result.json", "ssdv")
    expected = {f"{name}.{ending}" for name in names for ending in endings} | {"summary.json", "summary.csv"}
    assert {path.name for path in out.iterdir()} == expected
    for name in names:
        assert len(probe(out / f"{name}.annotated.mp4").pts_s) == 40
        assert len((out / f"{name}.annotated.jsonl").read_text().splitlines()) == 40
    again = subprocess.run(command, capture_output=True, text=True, cwd=repository, timeout=300, check=True)
    assert "4 of 4 videos were done before" in again.stdout
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["done"], summary["known"], summary["failed"]) == (0, 4, 0)
