"""A job: paused and cancelled at any time, and however it ends, its state says so."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from app.core.errors import AppError, ExplainedError
from app.core.jobs import Job, JobState


class StoppedError(ExplainedError):
    """The work was cancelled."""


class Steps:
    """Work that tells one step, then ends as it was told to: when it is cancelled, by ``StoppedError``."""

    def __init__(self, on_progress: Callable[[int], None], end: str | BaseException = "result") -> None:
        self.calls: list[str] = []
        self._on_progress = on_progress
        self._end = end

    def run(self) -> str:
        self._on_progress(1)
        if "cancel" in self.calls:
            raise StoppedError("Stopped.")
        if isinstance(self._end, BaseException):
            raise self._end
        return self._end

    def cancel(self) -> None:
        self.calls.append("cancel")

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")


class Desk:
    """A job, its work, and the states that were told, in order."""

    def __init__(self, end: str | BaseException = "result", meanwhile: Callable[[Desk], None] | None = None) -> None:
        self.told: list[JobState] = []
        self.work: Steps | None = None
        self._end = end
        self._meanwhile = meanwhile
        self.job: Job[int, str] = Job(
            "it", self._make, StoppedError, on_change=lambda: self.told.append(self.job.state)
        )

    def _make(self, on_progress: Callable[[int], None]) -> Steps:
        if self._meanwhile is not None:
            self._meanwhile(self)
        self.work = Steps(on_progress, self._end)
        return self.work

    def run(self) -> None:
        self.job.begin()
        self.job.run()


def test_what_is_done_has_its_result_and_the_newest_progress() -> None:
    desk = Desk()
    desk.run()
    assert (desk.job.state, desk.job.result, desk.job.progress, desk.job.begun) == ("done", "result", 1, False)
    assert desk.told == ["running", "running", "done"]


def test_a_failure_keeps_its_two_lines() -> None:
    error = AppError("It failed.", "Do it better.")
    desk = Desk(error)
    desk.run()
    assert desk.job.state == "failed"
    assert desk.job.error is error
    desk.job.retry()
    assert (desk.job.state, desk.job.error, desk.job.progress) == ("waiting", None, None)


@pytest.mark.expects_log
def test_a_bug_costs_this_job_only(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(ZeroDivisionError("division by zero"))
    desk.run()
    assert desk.job.state == "failed"
    assert str(desk.job.error) == "It broke down: division by zero."
    assert "it broke down" in caplog.text


def test_cancel_before_it_begins_ends_it_at_once() -> None:
    desk = Desk()
    desk.job.cancel()
    assert desk.told == ["cancelled"]
    assert desk.work is None
    desk.job.cancel()
    assert desk.told == ["cancelled"]


@pytest.mark.parametrize("ask", ["cancel", "pause"])
def test_what_is_asked_for_while_the_work_is_made_reaches_it(ask: str) -> None:
    desk = Desk(meanwhile=lambda desk: getattr(desk.job, ask)())
    desk.run()
    assert desk.work is not None
    assert desk.work.calls == [ask]
    assert desk.job.state == ("cancelled" if ask == "cancel" else "done")


def test_a_pause_before_it_begins_holds_it_until_it_is_resumed() -> None:
    desk = Desk()
    desk.job.pause()
    desk.job.pause()
    desk.job.resume()
    assert desk.told == ["paused", "waiting"]


def test_what_has_ended_is_neither_paused_nor_cancelled() -> None:
    desk = Desk()
    desk.run()
    desk.job.pause()
    desk.job.cancel()
    desk.job.retry()
    assert desk.job.state == "done"


def test_another_thread_pauses_and_resumes_it() -> None:
    reached, go_on = threading.Event(), threading.Event()

    def wait(_desk: Desk) -> None:
        reached.set()
        assert go_on.wait(60)

    desk = Desk(meanwhile=wait)
    worker = threading.Thread(target=desk.run, daemon=True)
    worker.start()
    assert reached.wait(60)
    desk.job.pause()
    assert (desk.job.state, desk.job.begun) == ("paused", True)
    desk.job.resume()
    go_on.set()
    worker.join(60)
    assert desk.told == ["running", "paused", "running", "running", "done"]
