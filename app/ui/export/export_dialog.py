"""Annotate a video into a new file: what it is, where to, with which model; then progress, then the result.

GUI thread. The file is looked into on a worker; the work is done by ``ExportRunner``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices
from PySide6.QtWidgets import QDialog, QStackedWidget, QVBoxLayout, QWidget

from app.core.errors import ExplainedError
from app.core.events.scene import IgnoreMask
from app.core.events.scene_store import SceneStore
from app.core.export.request import ExportProgress, ExportReport
from app.core.export_queue.interrupted import InterruptedExport, interrupted_export_of
from app.core.settings import Settings
from app.ui.export.export_form import ExportForm
from app.ui.export.export_models import ExportModels
from app.ui.export.export_progress import ExportProgressPage
from app.ui.export.media_text import media_text
from app.ui.remedies import hint_of, phrased
from app.ui.services.background import Background
from app.ui.services.export_runner import ExportRunner
from app.ui.widgets.ask import confirmed
from app.ui.widgets.screen_room import resize_on_screen
from app.ui.widgets.theme import Theme

_WIDTH = 720


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """Facts about a video.

    Attributes:
        words: In one line, for people.
        kept_bytes: About how much its detections will take in the cache; None when that cannot be told.
        interrupted: Its export that was stopped and can be gone on with.
        masks: Drawn on it.
    """

    words: str
    kept_bytes: int | None = None
    interrupted: InterruptedExport | None = None
    masks: tuple[IgnoreMask, ...] = ()


ReadFacts = Callable[[Path], VideoFacts]


def read_facts(path: Path) -> VideoFacts:
    """Looks into a video; for a worker.

    Raises:
        AppError: It is no video.
    """
    from app.core.export.disk_space import kept_bytes
    from app.core.media_facts import media_facts

    facts = media_facts(path)
    frames = facts.info.frames_expected
    size = None if frames is None else kept_bytes(frames)
    masks = SceneStore().scene_of(str(path)).masks
    return VideoFacts(media_text(facts), size, interrupted_export_of(path), masks)


class ExportDialog(QDialog):
    """Carries one export from start to end; the live view goes on behind it."""

    def __init__(
        self,
        source: Path | None,
        settings: Settings,
        models: ExportModels,
        theme: Theme,
        background: Background,
        runner: ExportRunner,
        read: ReadFacts = read_facts,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export annotated video")
        self._background = background
        self._runner = runner
        self._read = read
        self._inspected: Path | None = None
        self._made: Path | None = None
        self.folder: Path | None = None
        """Where the files of the export that was started go."""
        self.form = ExportForm(settings, models, theme)
        self.page = ExportProgressPage(theme)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.form)
        self.pages.addWidget(self.page)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.pages)
        self._connect()
        self.setAcceptDrops(False)
        resize_on_screen(self, _WIDTH, self.form.sizeHint().height())
        if source is not None:
            self.form.set_source(source)

    def _connect(self) -> None:
        runner = self._runner
        self.form.source_changed.connect(self._inspect)
        self.form.accepted.connect(self._start)
        self.form.rejected.connect(self.reject)
        self.page.cancel.clicked.connect(self._cancel)
        self.page.resume.clicked.connect(runner.resume)
        self.page.close_button.clicked.connect(self.reject)
        self.page.open_folder.clicked.connect(self._open_folder)
        self.page.play.clicked.connect(self._play)
        self.page.again.clicked.connect(self._back_to_form)
        runner.progress.connect(self._progressed)
        runner.finished.connect(self._finished)
        runner.failed.connect(self._failed)
        runner.cancelled.connect(self._cancelled)

    @property
    def has_ended(self) -> bool:
        """Returns whether it shows what came of an export."""
        return self.pages.currentWidget() is self.page and not self._runner.running

    def reject(self) -> None:
        """Close; while an export runs, ask first."""
        if self._runner.running:
            if not confirmed(
                self,
                "Stop the export?",
                "It is still running. What was found is kept: it can be resumed later from where it is now.",
                yes="Stop it",
                no="Keep exporting",
            ):
                return
            self._runner.cancel()
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        self.reject()

    def _inspect(self, path: Path) -> None:
        self._inspected = path
        self.form.show_facts("Looking into the file…", ok=False)

        def show(facts: VideoFacts) -> None:
            if self._inspected == path:
                self.form.show_facts(facts.words, ok=True, kept_bytes=facts.kept_bytes)
                self.form.masks.show_masks(facts.masks)
                self.form.show_interrupted(facts.interrupted)
                self._grow()

        def refuse(error: ExplainedError) -> None:
            if self._inspected == path:
                self.form.show_facts(phrased(error), ok=False, failed=True)

        self._background.run("look-into", lambda: self._read(path), show, refuse)

    def _grow(self) -> None:
        """Show all of the form, as far as the screen is high enough."""
        resize_on_screen(self, self.width(), max(self.height(), self.form.sizeHint().height()))

    def _start(self) -> None:
        request = self.form.request()
        if request is None:
            return
        taken = [path for path in request.targets() if path.exists()]
        if taken and not self._may_replace(taken):
            return
        self.folder = next(request.targets()).parent
        self.page.begin(request)
        self.pages.setCurrentWidget(self.page)
        self._runner.start(request)

    def _may_replace(self, taken: list[Path]) -> bool:
        names = ", ".join(path.name for path in taken)
        return confirmed(
            self,
            "Replace what is there?",
            f"{names} exists already. It stays until the export is done, and is replaced then.",
            yes="Replace",
            no="Choose another name",
        )

    def _progressed(self, progress: ExportProgress) -> None:
        self.page.show_progress(progress)

    def _finished(self, report: ExportReport) -> None:
        self._made = report.output
        self.page.show_report(report)

    def _failed(self, error: ExplainedError) -> None:
        self.page.show_failure(error.message, hint_of(error))

    def _cancelled(self) -> None:
        kept = "What was found is kept: started again, it goes on from there."
        self.page.show_failure("The export was cancelled.", kept, mild=True)

    def _cancel(self) -> None:
        self.page.cancelling()
        self._runner.cancel()

    def _back_to_form(self) -> None:
        self.pages.setCurrentWidget(self.form)
        if self._inspected is not None:
            self._inspect(self._inspected)  # which now may be gone on with

    def _play(self) -> None:
        if self._made is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._made)))

    def _open_folder(self) -> None:
        if self.folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.folder)))
