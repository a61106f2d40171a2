"""An export as those see it who only run it: a queue, a mark of what was begun. The real one is ``ExportJob``."""

from __future__ import annotations

from collections.abc import Callable

from app.core.export.request import ExportProgress, ExportReport, ExportRequest
from app.core.jobs import Work

ExportWork = Work[ExportReport]
"""``app.core.export.job.ExportJob``."""

MakeJob = Callable[[ExportRequest, Callable[[ExportProgress], None]], ExportWork]


def make_job(
    request: ExportRequest, on_progress: Callable[[ExportProgress], None], preview: bool = False
) -> ExportWork:
    """The real job, with a preview if wanted; loads what it needs, so on its own thread."""
    from app.core.export.job import ExportJob

    return ExportJob(request, on_progress, preview=preview)
