"""The two ways to export, one video or a queue of them: their dialogs, and what is said when they end. GUI thread."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject

from app.core.export.request import ExportReport
from app.core.export_queue.state import QueueSnapshot
from app.ui.export.export_dialog import ExportDialog
from app.ui.export.queue_dialog import QueueDialog
from app.ui.export.queue_text import summary_text
from app.ui.export.unfinished_exports import Unfinished
from app.ui.services.export_runner import ExportRunner
from app.ui.services.queue_runner import QueueRunner
from app.ui.widgets.notify import Notifier

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow


class ExportWindows(QObject):
    """Makes the dialogs when they are first asked for."""

    def __init__(self, window: MainWindow, one: ExportRunner, many: QueueRunner) -> None:
        super().__init__(window)
        self._window, self._one, self._many = window, one, many
        self.dialog: ExportDialog | None = None
        """For one video, the one last opened."""
        self.queue: QueueDialog | None = None
        """For several, likewise."""
        self.notifier = Notifier(window, lambda: window.settings.current.window.notify)
        one.finished.connect(self._one_done)
        one.failed.connect(self._one_failed)
        many.ended.connect(self._many_ended)
        self.unfinished = Unfinished(window.stage.banner, window.background, many, self.show_many, self)

    @property
    def running(self) -> bool:
        """Whether anything is being exported."""
        return self._one.running or self._many.running

    def show_one(self, source: Path | None) -> None:
        """Open the dialog for one video, or bring it back while it runs."""
        if self.dialog is not None and (self.dialog.isVisible() or self._one.running):
            self.dialog.show()
            self.dialog.raise_()
            if source is not None and not self._one.running:
                self.dialog.form.set_source(source)
            return
        if self.dialog is not None:
            self.dialog.deleteLater()
        window = self._window
        self.dialog = ExportDialog(
            *(source, window.settings.current, window.models, window.theme, window.settings.threshold_of),
            *(window.background, self._one),
            parent=window,
        )
        self.dialog.show()

    def show_many(self, paths: Iterable[Path] = ()) -> None:
        """Open the queue, or bring it back; look for videos in ``paths``."""
        window, wanted = self._window, tuple(paths)
        if self.queue is None or not (self.queue.isVisible() or self._many.running):
            if self.queue is not None:
                self.queue.deleteLater()
            self.queue = QueueDialog(
                *(window.settings.current, window.models, window.theme, window.settings.threshold_of),
                *(window.background, self._many, window.last_folder()),
                parent=window,
            )
        self.queue.show()
        self.queue.raise_()
        if wanted:
            self.queue.add(wanted)

    def hide(self) -> None:
        """The program ends: otherwise Qt closes a dialog as the last window, and it asks once more."""
        for dialog in (self.dialog, self.queue):
            if dialog is not None:
                dialog.hide()

    def close(self, deadline_s: float) -> None:
        """Stop everything; nothing unfinished stays under its final name."""
        self._one.close()
        self._many.close(deadline_s if self._many.running else 0.0)

    def _one_done(self, report: ExportReport) -> None:
        self.notifier.tell("Export done", report.source.name)

    def _one_failed(self, message: str, _hint: str) -> None:
        self.notifier.tell("Export failed", message)

    def _many_ended(self, snapshot: QueueSnapshot) -> None:
        words = summary_text(snapshot)
        self.notifier.tell("Exports ended", words)
        if self.queue is None or not self.queue.isVisible():
            kind: Literal["success", "warning"] = "warning" if "failed" in snapshot.counts else "success"
            self._window.stage.banner.tell(kind, "Exports ended.", words, action=("Show", self.show_many))
