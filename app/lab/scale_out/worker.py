"""Runs one video of a large job, in a worker process on a computer that Ray chose. Running twice leaves one result."""

from __future__ import annotations

import logging
import socket
import threading

from app import __version__
from app.core.candidate_cache.source_content import SourceContent
from app.core.errors import AppError, ExplainedError
from app.core.export.job import ExportJob
from app.core.export.request import ExportReport
from app.core.models import weights_sha256
from app.lab.scale_out.tasks import ExportTask, TaskOutcome, outcome_before, write_result
from detector.file_lock import LockedError

log = logging.getLogger(__name__)

_RETRY_S = 5.0
_TIMEOUT_S = 600.0


def run_task(task: ExportTask) -> TaskOutcome:
    """Runs the task unless it is done; a failure that a user can act on is an outcome, not an exception."""
    node = socket.gethostname()
    try:
        before = outcome_before(task)
        if before is not None:
            return before
        if task.version != __version__:
            raise AppError(
                f"{node} has ssd-viewer {__version__}, and this job was started by {task.version}.",
                "Put the same version on every computer.",
            )
        if weights_sha256(task.request.model) != task.weights:
            raise AppError(
                f"The model {task.request.model.name} on {node} is not the one of the computer that began this.",
                "Put the same model file on every computer.",
            )
        source = SourceContent(task.request.source)
        task.result.parent.mkdir(parents=True, exist_ok=True)
        return write_result(task, source, _export(task), node)
    except ExplainedError as error:
        return TaskOutcome(str(task.request.source), "failed", error=error.message, hint=error.hint, node=node)
    except Exception as error:  # a bug of ours costs this video, not the others
        log.exception("the export of %s broke down", task.request.source)
        message = f"It broke down: {error or type(error).__name__}."
        return TaskOutcome(str(task.request.source), "failed", error=message, node=node)


def _export(task: ExportTask) -> ExportReport:
    """Exports; waits while a worker that Ray gave up, but that still runs, holds the files."""
    waited = 0.0
    while True:
        try:
            return ExportJob(task.request).run()
        except AppError as error:
            if not isinstance(error.__cause__, LockedError) or waited >= _TIMEOUT_S:
                raise
        waited += _RETRY_S
        threading.Event().wait(_RETRY_S)
