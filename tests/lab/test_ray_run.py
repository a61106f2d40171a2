"""How tasks are handed to Ray and taken back, over a stand-in for it: what it is asked, and every way it can end."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.core.errors import AppError
from app.core.export.request import ExportRequest
from app.lab.scale_out.ray_run import run_on_ray
from app.lab.scale_out.tasks import ExportTask, TaskOutcome, plan_tasks


class RayError(Exception):
    """Stands for ``ray.exceptions.RayError``."""


class FakeRay:
    """Runs nothing; each task ends as the test says, the last one first."""

    def __init__(self, nodes: list[dict[str, float]], end: Callable[[ExportTask], TaskOutcome]) -> None:
        self.exceptions = SimpleNamespace(RayError=RayError)
        self.node_list, self.end = nodes, end
        self.options: dict[str, Any] = {}
        self.task_options: dict[str, Any] = {}
        self.cancelled: list[int] = []
        self.begun: dict[int, ExportTask] = {}
        self.down = False
        self.refuses: Exception | None = None

    def init(self, **options: Any) -> None:
        self.options = options
        if self.refuses is not None:
            raise self.refuses

    def shutdown(self) -> None:
        self.down = True

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": node} for node in self.node_list] + [{"Alive": False, "Resources": {}}]

    def remote(self, **options: Any) -> Callable[[Any], Any]:
        self.task_options = options
        return lambda _work: SimpleNamespace(remote=self._begin)

    def _begin(self, task: ExportTask) -> int:
        self.begun[len(self.begun)] = task
        return len(self.begun) - 1

    def wait(self, references: list[int], num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        chatter = threading.Thread(target=print, args=("(raylet) a node died",))
        chatter.start()
        chatter.join()
        return references[-1:], references[:-1]

    def get(self, reference: int) -> TaskOutcome:
        return self.end(self.begun[reference])

    def cancel(self, reference: int) -> None:
        self.cancelled.append(reference)


def done(task: ExportTask) -> TaskOutcome:
    return TaskOutcome(str(task.request.source), "done")


@pytest.fixture
def tasks(tmp_path: Path) -> tuple[ExportTask, ...]:
    return plan_tasks((ExportRequest(tmp_path / f"{i}.mp4", tmp_path / "out" / "x.mp4") for i in range(4)), "")


def put(monkeypatch: pytest.MonkeyPatch, fake: FakeRay) -> FakeRay:
    monkeypatch.setitem(sys.modules, "ray", fake)  # type: ignore[arg-type] # stands in for the module
    return fake


def test_outcomes_come_as_they_end_and_ray_stays_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tasks: tuple[ExportTask, ...]
) -> None:
    fake = put(monkeypatch, FakeRay([{"CPU": 8.0}, {"CPU": 1.0}], done))
    came: list[TaskOutcome] = []

    def take(outcome: TaskOutcome) -> None:
        came.append(outcome)
        print("ours")  # noqa: T201 - what is tested

    assert run_on_ray(tasks, "local", take)
    assert [Path(outcome.path).name for outcome in came] == ["3.mp4", "2.mp4", "1.mp4", "0.mp4"]
    assert capsys.readouterr().out == "ours\n" * 4
    assert fake.down
    assert fake.options["include_dashboard"] is False
    assert fake.options["log_to_driver"] is False
    assert (fake.task_options["num_cpus"], fake.task_options["num_gpus"]) == (2.0, 0.0)
    assert fake.task_options["max_retries"] == 5


def test_statistics_are_off_before_ray_is_there(monkeypatch: pytest.MonkeyPatch, tasks: tuple[ExportTask, ...]) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    put(monkeypatch, FakeRay([{"CPU": 1.0}], done))
    assert run_on_ray(tasks, "auto", lambda _: None)
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "taken"),
    [
        ([{"CPU": 1.0}], None, 0.0, 1.0),
        ([{"CPU": 16.0}, {"CPU": 4.0, "GPU": 1.0}], None, 0.5, 2.0),
        ([{"CPU": 16.0}], 8.0, 0.0, 8.0),
        ([{"CPU": 16.0}], 17.0, 0.0, None),
        ([{"CPU": 16.0}, {"CPU": 4.0, "GPU": 1.0}], 8.0, 1.0, None),
        ([{"CPU": 16.0}], None, 1.0, None),
        ([{}], None, 0.0, None),
    ],
)
def test_what_no_computer_has_is_refused_instead_of_waited_for(
    monkeypatch: pytest.MonkeyPatch,
    tasks: tuple[ExportTask, ...],
    nodes: list[dict[str, float]],
    cpus: float | None,
    gpus: float,
    taken: float | None,
) -> None:
    fake = put(monkeypatch, FakeRay(nodes, done))
    if taken is None:
        with pytest.raises(AppError, match="No computer of the cluster"):
            run_on_ray(tasks, "auto", lambda _: None, cpus, gpus)
        assert fake.begun == {}
    else:
        assert run_on_ray(tasks, "auto", lambda _: None, cpus, gpus)
        assert fake.task_options["num_cpus"] == taken
    assert fake.down


def test_what_ray_gives_up_is_a_failure_of_that_video(
    monkeypatch: pytest.MonkeyPatch, tasks: tuple[ExportTask, ...]
) -> None:
    def end(task: ExportTask) -> TaskOutcome:
        if task is tasks[1]:
            raise RayError("\n  The worker died unexpectedly.\n" + "page after page\n" * 50)
        return done(task)

    put(monkeypatch, FakeRay([{"CPU": 4.0}], end))
    came: list[TaskOutcome] = []
    assert run_on_ray(tasks, "auto", came.append)
    assert [outcome.state for outcome in came] == ["done", "done", "failed", "done"]
    assert came[2].error == "Ray gave it up: The worker died unexpectedly."


def test_stopped_means_the_rest_is_cancelled(monkeypatch: pytest.MonkeyPatch, tasks: tuple[ExportTask, ...]) -> None:
    fake = put(monkeypatch, FakeRay([{"CPU": 4.0}], done))
    came: list[TaskOutcome] = []
    assert not run_on_ray(tasks, "auto", came.append, stopped=lambda: len(came) == 1)
    assert len(came) == 1
    assert fake.cancelled == [0, 1, 2]
    assert fake.down


@pytest.mark.parametrize("error", [ConnectionError("nobody there"), ValueError("bad"), Exception("timed out\nand on")])
@pytest.mark.parametrize("address", ["local", "head:6379"])
def test_no_cluster_is_a_line(
    monkeypatch: pytest.MonkeyPatch, tasks: tuple[ExportTask, ...], error: Exception, address: str
) -> None:
    put(monkeypatch, FakeRay([], done)).refuses = error
    with pytest.raises(AppError) as caught:
        run_on_ray(tasks, address, lambda _: None)
    assert "\n" not in str(caught.value)
