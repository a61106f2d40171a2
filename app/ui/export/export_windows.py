"""The dialogs for exporting one video and a queue of them, and the notice when exports end. GUI thread."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.core.errors import ExplainedError
from app.core.export.request import ExportReport
from app.core.export_queue.state import QueueSnapshot
from app.core.settings import Choices
from app.ui.export.export_models import ExportModels
from app.ui.export.queue_text import notes_of, summary_text
from app.ui.export.unfinished_exports import UnfinishedExports
from app.ui.services.services import Services
from app.ui.widgets.ask import confirmed
from app.ui.widgets.notify import Notifier

if TYPE_CHECKING:
    from app.core.model_cards import ModelCard
    from app.ui.export.export_dialog import ExportDialog
    from app.ui.export.queue_dialog import QueueDialog


class ExportWindows(QObject):
    """Makes the dialogs when they are first asked for.

    Args:
        services: Runs the exports.
        parent: Over which the dialogs open; owns this object.
    """

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._services, self._parent = services, parent
        self._choices: Choices = ()
        self._labels: dict[str, tuple[str, ...]] = {}
        self.dialog: ExportDialog | None = None
        """The dialog for one video that was opened last."""
        self.queue: QueueDialog | None = None
        """The queue that was opened last."""
        self.notifier = Notifier(parent, lambda: services.settings.current.window.notify)
        services.library.models.connect(self._models_listed)
        services.library.cards.connect(self._cards_listed)
        services.exports.finished.connect(self._one_done)
        services.exports.failed.connect(self._one_failed)
        services.analyses.finished.connect(self._analysis_done)
        services.analyses.failed.connect(self._analysis_failed)
        services.queue.ended.connect(self._queue_ended)
        self.unfinished = UnfinishedExports(services.banner, services.background, services.queue, self)
        self.unfinished.resumed.connect(self.show_many)

    def show_one(self, source: Path | None) -> None:
        """Open the dialog for one video, or bring it back while it runs."""
        from app.ui.export.export_dialog import ExportDialog

        services, running = self._services, self._services.exports.running
        if self.dialog is not None and (running or (self.dialog.isVisible() and not self.dialog.has_ended)):
            self.dialog.show()
            self.dialog.raise_()
            if source is not None and not running:
                self.dialog.form.set_source(source)
            return
        if self.dialog is not None:
            self.dialog.hide()
            self.dialog.deleteLater()
        self.dialog = ExportDialog(
            source,
            services.settings.current,
            self._export_models(),
            services.theme,
            services.background,
            services.exports,
            parent=self._parent,
        )
        self.dialog.show()

    def show_many(self, paths: Iterable[Path] = ()) -> None:
        """Open the queue, or bring it back; look for videos in ``paths``."""
        from app.ui.export.queue_dialog import QueueDialog

        services, chosen = self._services, tuple(paths)
        if self.queue is None or not (self.queue.isVisible() or services.queue.running):
            if self.queue is not None:
                self.queue.deleteLater()
            self.queue = QueueDialog(
                services.settings.current,
                self._export_models(),
                services.theme,
                services.background,
                services.queue,
                services.settings.last_folder(),
                parent=self._parent,
            )
        self.queue.show()
        self.queue.raise_()
        if chosen:
            self.queue.add(chosen)

    def may_quit(self) -> bool:
        """Returns whether the program may end: nothing is exported, or the user gives that up."""
        return not self._services.exporting or confirmed(
            self._parent,
            "Stop the export and quit?",
            "An export is still running. Nothing unfinished is left under the final names.",
            yes="Stop it and quit",
            no="Keep exporting",
        )

    def hide(self) -> None:
        """Hide the dialogs when the program ends: else Qt closes one as the last window, and it asks once more."""
        for dialog in (self.dialog, self.queue):
            if dialog is not None:
                dialog.hide()

    def _export_models(self) -> ExportModels:
        settings = self._services.settings
        return ExportModels(self._choices, settings.threshold_of, settings.classes_of, self._labels, settings.iou_of)

    def _models_listed(self, choices: Choices) -> None:
        self._choices = choices

    def _cards_listed(self, cards: tuple[ModelCard, ...]) -> None:
        self._labels = {card.name: card.spec.labels for card in cards if card.spec is not None}

    def _one_done(self, report: ExportReport) -> None:
        self.notifier.tell("Export done", " ".join((f"{report.source.name}: {report.found}.", *report.notes)))

    def _one_failed(self, error: ExplainedError) -> None:
        self.notifier.tell("Export failed", error.message)

    def _analysis_done(self, report: ExportReport) -> None:
        self.notifier.tell("Analysis done", f"{report.source.name}: {report.found}.")

    def _analysis_failed(self, error: ExplainedError) -> None:
        self.notifier.tell("Analysis failed", error.message)

    def _queue_ended(self, snapshot: QueueSnapshot) -> None:
        words = summary_text(snapshot)
        self.notifier.tell("Exports ended", words)
        if self.queue is None or not self.queue.isVisible():
            noted = any(map(notes_of, snapshot.items))
            kind: Literal["success", "warning"] = "warning" if "failed" in snapshot.counts or noted else "success"
            self._services.banner.tell(kind, "Exports ended.", words, action=("Show", self.show_many))
