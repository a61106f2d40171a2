"""An export job as those see it who only run it: a queue, a mark of what was begun. The real one is ``ExportJob``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from app.core.export.request import ExportProgress, ExportReport, ExportRequest


class Job(Protocol):
    """``app.core.export.job.ExportJob``."""

    def run(self) -> ExportReport: ...

    def cancel(self) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


MakeJob = Callable[[ExportRequest, Callable[[ExportProgress], None]], Job]


def make_job(request: ExportRequest, on_progress: Callable[[ExportProgress], None]) -> Job:
    """The real job; loads what it needs, so on its own thread."""
    from app.core.export.job import ExportJob

    return ExportJob(request, on_progress)
