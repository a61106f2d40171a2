"""The queue of exports: order, states, pause, retry, cancel, names, time left; with stepped jobs, and real clips."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import AppError
from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportProgress, ExportRequest
from app.core.export_queue.queue import ExportQueue
from app.core.export_queue.state import QueueItem, time_left
from app.core.jobs import ENDED, JobState
from tests.support.media import make_video, truncate
from tests.support.probe import probe
from tests.support.queue_jobs import StepJobs, report_for, request_for
from tests.support.steady_detector import FakeDetector, open_fake


class Seen:
    """Collects changes, and lets the test wait for a state."""

    def __init__(self) -> None:
        self.changes: list[QueueItem] = []
        self._more = threading.Condition()

    def __call__(self, item: QueueItem) -> None:
        with self._more:
            self.changes.append(item)
            self._more.notify_all()

    def until(self, number: int, state: JobState, also: Callable[[QueueItem], bool] = lambda item: True) -> QueueItem:
        def last() -> QueueItem | None:
            return next((item for item in reversed(self.changes) if item.number == number), None)

        def there() -> bool:
            item = last()
            return item is not None and item.state == state and also(item)

        with self._more:
            assert self._more.wait_for(there, 60), f"{number} never became {state}"
            found = last()
            assert found is not None
            return found


class Table:
    """A queue over stepped jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs, self.seen = StepJobs(), Seen()
        self.queues: list[ExportQueue] = []

    def queue(self, jobs: int = 1) -> ExportQueue:
        self.queues.append(ExportQueue(jobs, self.jobs, self.seen))
        return self.queues[-1]

    def requests(self, *names: str, size: int = 1000) -> list[ExportRequest]:
        for name in names:
            (self.folder / name).write_bytes(bytes(size))
        return [request_for(self.folder / name) for name in names]


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    made = Table(tmp_path)
    yield made
    for queue in made.queues:
        assert queue.close(20.0)


def states(queue: ExportQueue) -> list[JobState]:
    return [item.state for item in queue.snapshot().items]


def test_one_after_the_other_and_a_failure_stops_nothing(table: Table) -> None:
    queue = table.queue()
    first, second, third = queue.add(table.requests("a.mp4", "b.mp4", "c.mp4"))
    table.jobs.get("a.mp4").finish()
    table.jobs.get("b.mp4").fail(AppError("b.mp4 is not a video.", "Choose another."))
    table.seen.until(third, "running")
    assert states(queue) == ["done", "failed", "running"]
    table.jobs.get("c.mp4")
    assert table.jobs.names == ["a.mp4", "b.mp4", "c.mp4"]
    table.jobs.get("c.mp4").finish()
    items = queue.wait().items
    assert [item.state for item in items] == ["done", "failed", "done"]
    assert (items[1].message, items[1].hint) == ("b.mp4 is not a video.", "Choose another.")
    assert items[0].report is not None
    assert items[0].number == first
    assert items[0].part_done == 1.0
    assert items[1].number == second
    assert not queue.busy
    assert queue.snapshot().eta_s == 0.0


@pytest.mark.expects_log
def test_a_job_that_breaks_down_costs_its_own_file_only(table: Table) -> None:
    queue = table.queue()
    queue.add(table.requests("a.mp4", "b.mp4"))
    table.jobs.get("a.mp4").fail(ZeroDivisionError("what a bug"))
    table.jobs.get("b.mp4").finish()
    items = queue.wait().items
    assert [item.state for item in items] == ["failed", "done"]
    assert "what a bug" in items[0].message


def test_several_at_once_and_no_more(table: Table) -> None:
    queue = table.queue(jobs=2)
    numbers = queue.add(table.requests("a.mp4", "b.mp4", "c.mp4", "d.mp4"))
    table.seen.until(numbers[0], "running")
    table.seen.until(numbers[1], "running")
    assert states(queue) == ["running", "running", "waiting", "waiting"]
    table.jobs.get("b.mp4").finish()
    table.seen.until(numbers[2], "running")
    assert states(queue) == ["running", "done", "running", "waiting"]
    queue.set_jobs(1)
    table.jobs.get("c.mp4").finish()
    table.seen.until(numbers[2], "done")
    table.jobs.get("a.mp4").finish()
    table.seen.until(numbers[3], "running")
    table.jobs.get("d.mp4").finish()
    queue.wait()


def test_more_places_take_up_what_waits(table: Table) -> None:
    queue = table.queue()
    numbers = queue.add(table.requests("a.mp4", "b.mp4", "c.mp4"))
    table.seen.until(numbers[0], "running")
    queue.set_jobs(3)
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        table.jobs.get(name)
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        table.jobs.get(name).finish()
    assert queue.wait().counts == {"done": 3}


def test_what_is_added_later_runs_too(table: Table) -> None:
    queue = table.queue()
    queue.add(table.requests("a.mp4"))
    table.jobs.get("a.mp4").finish()
    queue.wait()
    queue.add(table.requests("b.mp4"))
    table.jobs.get("b.mp4").finish()
    assert queue.wait().counts == {"done": 2}


def test_order_can_be_changed_while_it_runs(table: Table) -> None:
    queue = table.queue()
    numbers = queue.add(table.requests("a.mp4", "b.mp4", "c.mp4", "d.mp4"))
    table.jobs.get("a.mp4")
    queue.move(numbers[3], 1)
    queue.move(numbers[1], 99)
    assert [item.number for item in queue.snapshot().items] == [numbers[i] for i in (0, 3, 2, 1)]
    for name in ("a.mp4", "d.mp4", "c.mp4", "b.mp4"):
        table.jobs.get(name).finish()
    queue.wait()
    assert table.jobs.names == ["a.mp4", "d.mp4", "c.mp4", "b.mp4"]


def test_pause_holds_the_running_job_and_keeps_waiting_ones_back(table: Table) -> None:
    queue = table.queue()
    numbers = queue.add(table.requests("a.mp4", "b.mp4", "c.mp4"))
    table.seen.until(numbers[0], "running")
    job = table.jobs.get("a.mp4")
    assert job.started.wait(60)
    queue.pause(numbers[1])
    queue.pause(numbers[0])
    queue.pause(numbers[0])
    assert states(queue) == ["paused", "paused", "waiting"]
    assert job.held
    queue.resume(numbers[0])
    assert states(queue) == ["running", "paused", "waiting"]
    assert job.calls == ["pause", "resume"]
    job.finish()
    table.jobs.get("c.mp4").finish()
    table.seen.until(numbers[2], "done")
    assert states(queue) == ["done", "paused", "done"]
    assert table.jobs.names == ["a.mp4", "c.mp4"]
    queue.resume()
    table.jobs.get("b.mp4").finish()
    assert queue.wait().counts == {"done": 3}


def test_pause_before_the_job_is_made_reaches_it(tmp_path: Path) -> None:
    making, go, jobs = threading.Event(), threading.Event(), StepJobs()

    def slow(request: ExportRequest, on_progress: Callable[[ExportProgress], None]) -> object:
        making.set()
        assert go.wait(60)
        return jobs(request, on_progress)

    queue = ExportQueue(1, slow)  # type: ignore[arg-type] # a StepJob, which is a Job
    (number,) = queue.add([request_for(tmp_path / "a.mp4")])
    assert making.wait(60)
    queue.pause(number)
    queue.cancel(number)
    go.set()
    assert [item.state for item in queue.wait().items] == ["cancelled"]
    assert jobs.get("a.mp4").calls == ["pause", "cancel"]


def test_cancel_one_or_all_and_retry(table: Table) -> None:
    queue = table.queue()
    numbers = queue.add(table.requests("a.mp4", "b.mp4", "c.mp4", "d.mp4"))
    table.seen.until(numbers[0], "running")
    queue.cancel(numbers[1])
    assert states(queue) == ["running", "cancelled", "waiting", "waiting"]
    table.jobs.get("a.mp4")
    queue.cancel(numbers[0])
    table.seen.until(numbers[0], "cancelled")
    table.seen.until(numbers[2], "running")
    queue.cancel()
    assert queue.wait().counts == {"cancelled": 4}
    queue.retry(numbers[1])
    table.jobs.get("b.mp4").finish()
    table.seen.until(numbers[1], "done")
    queue.retry(numbers[1])  # nothing to try again
    assert queue.wait().counts == {"cancelled": 3, "done": 1}
    queue.forget_ended()
    assert queue.snapshot().items == ()


def test_a_retried_failure_starts_clean(table: Table) -> None:
    queue = table.queue()
    (number,) = queue.add(table.requests("a.mp4"))
    table.jobs.get("a.mp4").step(50)
    table.jobs.get("a.mp4").fail(AppError("The disk is full."))
    table.seen.until(number, "failed")
    queue.retry(number)
    again = table.seen.until(number, "running")
    assert (again.message, again.progress) == ("", None)
    table.jobs.get("a.mp4", times=2).finish()
    assert queue.wait().counts == {"done": 1}


def test_close_cancels_and_tells_nobody(table: Table) -> None:
    queue = table.queue()
    numbers = queue.add(table.requests("a.mp4", "b.mp4"))
    table.seen.until(numbers[0], "running")
    table.jobs.get("a.mp4")
    told = len(table.seen.changes)
    assert queue.close(20.0)
    assert len(table.seen.changes) == told
    assert set(states(queue)) == {"cancelled"}
    assert table.jobs.names == ["a.mp4"]


def test_no_two_exports_share_a_file(table: Table, tmp_path: Path) -> None:
    queue = table.queue()
    out = tmp_path / "out"
    out.mkdir()
    (out / "x.annotated (2).csv").write_bytes(b"somebody's")
    sources = [tmp_path / folder / "x.mp4" for folder in ("one", "two", "three")]
    wanted = [
        ExportRequest(source, out / "x.annotated.mp4", (DataFile(out / "x.annotated.csv", "csv"),))
        for source in sources
    ]
    queue.add(wanted)
    outputs = [(i.request.output, i.request.data[0].path) for i in queue.snapshot().items]
    assert [(video.name if video else "", data.name) for video, data in outputs] == [
        ("x.annotated.mp4", "x.annotated.csv"),
        ("x.annotated (3).mp4", "x.annotated (3).csv"),
        ("x.annotated (4).mp4", "x.annotated (4).csv"),
    ]


def test_a_name_stays_with_an_item_that_may_be_tried_again(table: Table, tmp_path: Path) -> None:
    queue = table.queue()
    (first,) = queue.add(table.requests("a.mp4"))
    table.jobs.get("a.mp4")
    queue.cancel()
    queue.wait()
    queue.add(table.requests("a.mp4"))
    queue.retry(first)
    names = [item.request.output for item in queue.snapshot().items]
    assert names == [tmp_path / "a.annotated.mp4", tmp_path / "a.annotated (2).mp4"]


def test_names_stay_apart_when_many_add_at_once(table: Table, tmp_path: Path) -> None:
    queue = table.queue()
    start = threading.Barrier(8)

    def add() -> None:
        start.wait(60)
        queue.add([request_for(tmp_path / "a.mp4")] * 3)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    outputs = {item.request.output for item in queue.snapshot().items}
    assert len(outputs) == len(queue.snapshot().items) == 24


def test_a_source_is_neither_overwritten_nor_read_while_it_is_made(table: Table, tmp_path: Path) -> None:
    queue = table.queue()
    a, b = tmp_path / "a.mp4", tmp_path / "b.mp4"
    queue.add([ExportRequest(a, b), ExportRequest(b, tmp_path / "c.mp4")])
    assert [item.request.output for item in queue.snapshot().items] == [tmp_path / "b (2).mp4", tmp_path / "c.mp4"]
    (late,) = queue.add([ExportRequest(tmp_path / "c.mp4", tmp_path / "d.mp4")])
    assert states(queue)[-1] == "failed"
    assert "about to be written" in queue.snapshot().items[-1].message
    for name in ("a.mp4", "b.mp4"):
        table.jobs.get(name).finish()
    queue.wait()
    queue.retry(late)
    table.jobs.get("c.mp4").finish()
    assert queue.wait().counts == {"done": 3}


def test_a_source_that_is_called_like_an_unfinished_file_is_left_alone(table: Table, tmp_path: Path) -> None:
    queue = table.queue()
    download = tmp_path / "b.mp4.part"
    queue.add([ExportRequest(tmp_path / "a.mp4", tmp_path / "b.mp4"), ExportRequest(download, tmp_path / "c.mp4")])
    assert queue.snapshot().items[0].request.output == tmp_path / "b (2).mp4"
    for name in ("a.mp4", "b.mp4.part"):
        table.jobs.get(name).finish()
    assert queue.wait().counts == {"done": 2}


def test_a_file_that_came_while_it_waited_is_left_alone(table: Table, tmp_path: Path) -> None:
    queue = table.queue()
    first, second, third = table.requests("a.mp4", "b.mp4", "c.mp4")
    assert third.output is not None
    third.output.write_text("to be replaced: that was asked for")
    queue.add([first, second, third])
    job = table.jobs.get("a.mp4")
    (tmp_path / "b.annotated.mp4").write_text("another program's")
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        job = table.jobs.get(name)
        job.finish()
    written = [item.request.output for item in queue.wait().items]
    assert written == [first.output, tmp_path / "b.annotated (2).mp4", third.output]
    assert job.request.output == third.output
    assert table.jobs.get("b.mp4").request.output == written[1]


def test_links_to_one_folder_are_one_place(table: Table, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    queue = table.queue()
    queue.add(
        [
            ExportRequest(tmp_path / "a.mp4", tmp_path / "real" / "x.mp4"),
            ExportRequest(tmp_path / "b.mp4", tmp_path / "link" / "x.mp4"),
        ]
    )
    assert queue.snapshot().items[1].request.output == tmp_path / "link" / "x (2).mp4"


def test_time_left_counts_what_runs_by_frames_and_the_rest_by_size(table: Table, tmp_path: Path) -> None:
    queue = table.queue(jobs=2)
    for name, size in (("a.mp4", 1000), ("b.mp4", 2000), ("c.mp4", 4000)):
        (tmp_path / name).write_bytes(bytes(size))
    numbers = queue.add([request_for(tmp_path / name) for name in ("a.mp4", "b.mp4", "c.mp4")])
    table.seen.until(numbers[1], "running")
    assert queue.snapshot().eta_s is None
    table.jobs.get("a.mp4").step(50, 100, rate=10.0)  # 10 s in all, 5 left: 10 ms a byte
    table.jobs.get("b.mp4").step(50, 200, rate=10.0)  # 20 s in all, 15 left: the same
    assert queue.snapshot().eta_s == pytest.approx(5 + 40)  # c follows a, and takes 4000 times 10 ms
    assert queue.snapshot().items[1].part_done == 0.25


@given(
    sizes=st.lists(st.integers(1, 10**9), min_size=1, max_size=30),
    done=st.integers(0, 30),
    jobs=st.integers(1, 8),
)
def test_time_left_is_never_less_than_the_work_shared_out(sizes: list[int], done: int, jobs: int) -> None:
    request = request_for(Path("x.mp4"))
    pace = 1e-6
    items = [
        QueueItem(i, request, size, "done", report=report_for(request, size * pace)) if i < done
        else QueueItem(i, request, size)
        for i, size in enumerate(sizes)
    ]  # fmt: skip
    left = time_left(items, jobs)
    rest = [size * pace for size in sizes[done:]]
    if not rest:
        assert left == 0.0
    elif done == 0:
        assert left is None
    else:
        assert left is not None
        assert left >= max(sum(rest) / jobs, *rest) * (1 - 1e-9)
        assert left <= sum(rest) * (1 + 1e-9)


@given(st.lists(st.sampled_from(["finish", "fail", "cancel", "pause", "resume", "retry", "move"]), max_size=25))
def test_whatever_is_pressed_every_item_ends(presses: list[str]) -> None:
    jobs = StepJobs()
    queue = ExportQueue(2, jobs)
    numbers = queue.add(request_for(Path(f"/nowhere/{i}.mp4")) for i in range(5))
    for index, press in enumerate(presses):
        number = numbers[index % len(numbers)]
        if press in ("finish", "fail"):
            for job in list(jobs.made)[-1:]:
                job.finish() if press == "finish" else job.fail(AppError("No."))
        elif press == "move":
            queue.move(number, index % 3)
        else:
            getattr(queue, press)(number)
    queue.resume()
    while queue.busy:
        for job in list(jobs.made):
            job.ended.set()
    snapshot = queue.wait()
    assert sorted(item.number for item in snapshot.items) == sorted(numbers)
    assert all(item.state in ENDED for item in snapshot.items)
    outputs = [item.request.output for item in snapshot.items]
    assert len(set(outputs)) == len(outputs)


def test_real_clips_a_broken_one_among_them(tmp_path: Path) -> None:
    sources = [make_video(tmp_path / f"{i}.mp4", frames=8, size=(64, 48)) for i in range(3)]
    sources.insert(1, truncate(sources[0], tmp_path / "bad.mp4"))
    requests = [request_for(source, tmp_path / "out") for source in sources]
    queue = ExportQueue(2, lambda request, tell: ExportJob(request, tell, open_fake))
    queue.add(requests)
    items = queue.wait().items
    assert [item.state for item in items] == ["done", "failed", "done", "done"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.suffix == ".mp4") == [
        "0.annotated.mp4", "1.annotated.mp4", "2.annotated.mp4",
    ]  # fmt: skip
    for item in items:
        if item.report is not None:
            assert item.request.output is not None
            assert len(probe(item.request.output).pts_s) == item.report.frames == 8


def test_a_paused_real_export_stands_still_and_its_result_is_that_of_any_other(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", frames=60, size=(64, 48))
    seen, looked = Seen(), threading.Event()
    batches: list[int] = []

    def on_batch(frames: Sequence[object]) -> None:
        batches.append(len(frames))
        if len(batches) == 5:
            queue.pause()
            looked.set()

    queue = ExportQueue(
        1, lambda request, tell: ExportJob(request, tell, lambda _model: FakeDetector(on_batch)), on_change=seen
    )
    (number,) = queue.add([ExportRequest(source, tmp_path / "out.mp4", (DataFile(tmp_path / "out.csv", "csv"),))])
    assert looked.wait(60)
    held = seen.until(number, "paused", lambda item: item.progress is not None and item.progress.stage == "paused")
    assert held.progress is not None
    assert held.progress.frames_done <= 5
    assert len(batches) == 5
    queue.resume()
    (item,) = queue.wait().items
    assert item.state == "done", item.message
    assert item.report is not None
    assert (item.report.frames, sum(batches)) == (60, 60)
    queue.add([ExportRequest(source, tmp_path / "plain.mp4", (DataFile(tmp_path / "plain.csv", "csv"),), cache="drop")])
    queue.wait()
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()
    assert probe(tmp_path / "out.mp4").pts_s == probe(tmp_path / "plain.mp4").pts_s
