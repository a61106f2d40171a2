"""Analyses the video that is looked at, in the background, and has the view show what any export leaves. GUI thread.

The live detector rests meanwhile (``LiveRest``), and what is found stays on the disk from one second to the next: an
analysis that is cancelled or interrupted goes on from there.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.errors import ExplainedError
from app.core.export.request import ExportReport, ExportRequest
from app.core.export_queue.state import QueueSnapshot
from app.core.muxing.video_options import VideoOptions
from app.core.settings import Settings
from app.ui.services.services import Services

TOPIC = "analysis"


class Analyser(QObject):
    """Starts analyses and says what came of them.

    Args:
        services: ``analyses`` does the work.
        parent: Owns this object.
    """

    began = Signal(object)
    """``ExportRequest`` of an analysis that begins."""
    ended = Signal()
    """It is over, however it ended."""
    available = Signal(bool)
    """Whether there is a video to analyse, and no analysis goes on."""
    left = Signal(object)
    """``ExportReport`` of an export or analysis that has left what it found."""
    known = Signal()
    """The video was analysed before: there is nothing to do."""

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._services, self._runner = services, services.analyses
        self._looking = False
        self._done: set[int] = set()  # exports of the queue that ended
        self._runner.finished.connect(self._finished)
        self._runner.failed.connect(self._failed)
        self._runner.cancelled.connect(self._cancelled)
        services.exports.finished.connect(self._export_finished)
        services.queue.changed.connect(self._queue_changed)
        controller = services.controller
        for changes in (controller.opening, controller.opened, controller.closed):
            changes.connect(self._tell_available)

    @property
    def is_available(self) -> bool:
        """Returns whether an analysis can be started now."""
        return self._services.controller.video_file is not None and not (self._looking or self._runner.running)

    def start(self) -> None:
        """Analyse the video that is looked at; one that was analysed before is left as it is."""
        video = self._services.controller.video_file
        if video is None or not self.is_available:
            return
        settings = self._services.settings.current
        self._looking = True
        self._tell_available()

        def looked(request: ExportRequest | None) -> None:
            self._looking = False
            if request is None:
                self.known.emit()
            else:
                self._runner.start(request)
                self.began.emit(request)
            self._tell_available()

        self._services.background.run("analysed-before", lambda: needed(video, settings), looked, self._not_looked)

    def cancel(self) -> None:
        """Stop; what was found stays."""
        self._runner.cancel()

    def _not_looked(self, error: ExplainedError) -> None:
        self._looking = False
        self._failed(error)

    def _tell_available(self, *_about: object) -> None:
        self.available.emit(self.is_available)

    # How it ends

    def _finished(self, report: ExportReport) -> None:
        self._end()
        self._services.banner.tell(
            "success",
            f"{report.source.name} is analysed.",
            " ".join((f"{report.found[:1].upper()}{report.found[1:]}.", *report.notes)),
            topic=TOPIC,
        )
        self._look_again(report)

    def _failed(self, error: ExplainedError) -> None:
        self._end()
        self._services.banner.tell_error(error, topic=TOPIC)

    def _cancelled(self) -> None:
        self._end()
        hint = "What was found is kept: Analyse goes on from there."
        self._services.banner.tell("info", "The analysis was stopped.", hint, topic=TOPIC)

    def _end(self) -> None:
        self.ended.emit()
        self._tell_available()

    # Exports leave the same

    def _export_finished(self, report: ExportReport) -> None:
        if report.cache is not None:
            self._look_again(report)

    def _look_again(self, report: ExportReport) -> None:
        self._services.controller.look_again(report.source)
        self.left.emit(report)

    def _queue_changed(self, snapshot: QueueSnapshot) -> None:
        done = {item.number: item.report for item in snapshot.items if item.report is not None}
        for number in done.keys() - self._done:
            self._export_finished(done[number])
        self._done = set(done)


def needed(video: Path, settings: Settings) -> ExportRequest | None:
    """Returns the analysis of ``video`` by the model in use, kept beside it; None where there is one. For a worker."""
    from app.core.export.analysis import analysed_before, analysis_of, saw_enough

    every = settings.source.analyse_every
    request = analysis_of(video, None, settings.model, settings.detection, VideoOptions(), every)
    kept = analysed_before(request)
    return None if kept is not None and saw_enough(kept.facts, request) else request
