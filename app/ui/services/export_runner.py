"""Runs one export on a worker and tells how far it is. GUI thread.

The job reports on its own threads; the newest report is kept and fetched here after one coalesced wake-up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.core.errors import ExplainedError
from app.core.export import job_protocol
from app.core.export.job_protocol import ExportWork, MakeJob
from app.core.export.request import ExportCancelledError, ExportProgress, ExportReport, ExportRequest
from app.core.preload import preload_for
from app.ui.services.background import Background
from app.ui.services.bridge import Wake


def make_job(
    request: ExportRequest, on_progress: Callable[[ExportProgress], None], preview: bool = False
) -> ExportWork:
    """The real job, remembered until it is done; its libraries are loaded first, without stopping the window."""
    from app.core.export_queue.interrupted import MarkedJob

    preload_for(request.model)
    return MarkedJob(request, job_protocol.make_job(request, on_progress, preview))


def make_watched_job(request: ExportRequest, on_progress: Callable[[ExportProgress], None]) -> ExportWork:
    """The same with a preview, for a page that shows it."""
    return make_job(request, on_progress, preview=True)


class ExportRunner(QObject):
    """Runs at most one export at a time."""

    began = Signal()
    progress = Signal(object)
    finished = Signal(object)
    failed = Signal(object)
    """``ExplainedError``."""
    cancelled = Signal()

    def __init__(self, background: Background, make: MakeJob = make_watched_job) -> None:
        super().__init__()
        self._background = background
        self._make = make
        self._wake = Wake(self._tell_progress)
        self._lock = threading.Lock()
        self._latest: ExportProgress | None = None
        self._job: ExportWork | None = None
        self._cancel = False
        self.running = False

    def start(self, request: ExportRequest) -> None:
        """Begin; one of ``finished``, ``failed`` and ``cancelled`` follows."""
        self.running = True
        self._cancel = False
        self._latest = None
        self.began.emit()

        def work() -> ExportReport:
            job = self._make(request, self._report)
            with self._lock:
                self._job = job
                cancelled_before = self._cancel
            if cancelled_before:
                job.cancel()
            return job.run()

        self._background.run("export", _keep_cancel(work), self._ended, self._failed)

    def cancel(self) -> None:
        """Ask the job to stop; it ends soon, leaving nothing under the final names."""
        with self._lock:
            self._cancel = True
            job = self._job
        if job is not None:
            job.cancel()

    def resume(self) -> None:
        """Resume where the disk was full: look for room at once."""
        with self._lock:
            job = self._job
        if job is not None:
            job.resume()

    def close(self) -> None:
        """Cancel, and emit nothing more."""
        self._wake.close()
        if self.running:
            self.cancel()
            self.running = False  # nobody will be told when it ends

    def _report(self, progress: ExportProgress) -> None:
        self._latest = progress
        self._wake.post()

    def _tell_progress(self) -> None:
        if self._latest is not None and self.running:
            self.progress.emit(self._latest)

    def _ended(self, report: ExportReport | None) -> None:
        self._forget()
        if report is None:
            self.cancelled.emit()
        else:
            self.finished.emit(report)

    def _failed(self, error: ExplainedError) -> None:
        self._forget()
        self.failed.emit(error)

    def _forget(self) -> None:
        self.running = False
        with self._lock:
            self._job = None


def _keep_cancel(work: Callable[[], ExportReport]) -> Callable[[], ExportReport | None]:
    """``work``, with a cancel by the user as the result None: it is no failure."""

    def run() -> ExportReport | None:
        try:
            return work()
        except ExportCancelledError:
            return None

    return run
