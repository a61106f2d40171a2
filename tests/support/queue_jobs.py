"""Export jobs that do what the test says, step by step, so that a queue can be looked at between the steps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from app.core.export.request import ExportCancelledError, ExportProgress, ExportReport, ExportRequest


def request_for(source: Path, folder: Path | None = None) -> ExportRequest:
    """Returns the request that ``annotate`` makes, without looking at what exists."""
    return ExportRequest(source, (folder or source.parent) / f"{source.stem}.annotated.mp4")


def report_for(request: ExportRequest, seconds: float = 2.0, frames: int = 100) -> ExportReport:
    """A report of a plain success."""
    data = tuple(file.path for file in request.data)
    return ExportReport(
        request.source, request.output, data, "demo", "cpu", "fp32", frames, 7, {"car": 7}, seconds, "libx264", 0, ()
    )


class StepJob:
    """Implements ``Job``; runs until ``finish``, ``fail`` or ``cancel``."""

    def __init__(self, request: ExportRequest, on_progress: Callable[[ExportProgress], None]) -> None:
        self.request = request
        self.on_progress = on_progress
        self.started = threading.Event()
        self.ended = threading.Event()
        self.cancelled = False
        self.held = False
        self.calls: list[str] = []
        self._end: ExportReport | BaseException = report_for(request)

    def run(self) -> ExportReport:
        self.started.set()
        assert self.ended.wait(60), "the test forgot this job"
        if self.cancelled:
            raise ExportCancelledError("The export was cancelled.")
        if isinstance(self._end, BaseException):
            raise self._end
        return self._end

    def step(self, done: int, total: int | None = 100, rate: float = 10.0) -> None:
        """Report progress, as the writing thread does."""
        left = None if total is None else (total - done) / rate
        self.on_progress(ExportProgress("running", done, total, rate, left))

    def finish(self, seconds: float = 2.0) -> None:
        self._end = report_for(self.request, seconds)
        self.ended.set()

    def fail(self, error: BaseException) -> None:
        self._end = error
        self.ended.set()

    def cancel(self) -> None:
        self.calls.append("cancel")
        self.cancelled = True
        self.ended.set()

    def pause(self) -> None:
        self.calls.append("pause")
        self.held = True

    def resume(self) -> None:
        self.calls.append("resume")
        self.held = False


class StepJobs:
    """A ``MakeJob`` that hands out ``StepJob``s and lets the test wait for them by the name of their source."""

    def __init__(self) -> None:
        self.made: list[StepJob] = []
        self._more = threading.Condition()

    def __call__(self, request: ExportRequest, on_progress: Callable[[ExportProgress], None]) -> StepJob:
        with self._more:
            self.made.append(StepJob(request, on_progress))
            self._more.notify_all()
            return self.made[-1]

    def get(self, name: str, times: int = 1) -> StepJob:
        """The job made for the source ``name``, for the ``times``-th time, as soon as there is one."""

        def of_name() -> list[StepJob]:
            return [job for job in self.made if job.request.source.name == name]

        with self._more:
            assert self._more.wait_for(lambda: len(of_name()) >= times, 20), f"no job for {name}"
            return of_name()[times - 1]

    @property
    def names(self) -> list[str]:
        """Sources in the order in which their jobs were made."""
        return [job.request.source.name for job in self.made]


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"film")
