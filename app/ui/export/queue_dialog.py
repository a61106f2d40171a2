"""Export several videos: which and how, then the queue. GUI thread; the work is done by ``QueueRunner``'s queue.

Closing the dialog leaves the queue alone: it goes on, and opening the dialog shows it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QDialog, QStackedWidget, QVBoxLayout, QWidget

from app.core.errors import ExplainedError
from app.core.settings import Settings
from app.ui.export.export_models import ExportModels
from app.ui.export.queue_form import QueueForm
from app.ui.export.queue_view import QueueView
from app.ui.remedies import phrased
from app.ui.services.background import Background
from app.ui.services.queue_runner import QueueRunner, VideoSearch
from app.ui.widgets.drop_target import local_paths
from app.ui.widgets.screen_room import resize_on_screen
from app.ui.widgets.theme import Theme

_WIDTH = 760


class QueueDialog(QDialog):
    """The two pages."""

    def __init__(
        self,
        settings: Settings,
        models: ExportModels,
        theme: Theme,
        background: Background,
        runner: QueueRunner,
        folder: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export several videos")
        self._runner = runner
        self.search = VideoSearch(background)
        self.form = QueueForm(settings, models, theme, self.search, folder)
        self.view = QueueView(runner, theme)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.form)
        self.pages.addWidget(self.view)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.pages)
        self.form.accepted.connect(self._start)
        self.form.rejected.connect(self._leave_form)
        runner.refused.connect(self._refused)
        self.view.add_more.connect(self._to_form)
        self.view.closed.connect(self.hide)
        self.setAcceptDrops(True)
        resize_on_screen(self, _WIDTH, self.form.sizeHint().height() + 20)
        if self._has_items:
            self.pages.setCurrentWidget(self.view)

    def add(self, paths: Iterable[Path]) -> None:
        """Look for videos in these, and show the form for them."""
        self.pages.setCurrentWidget(self.form)
        self.form.add(paths)

    def reject(self) -> None:
        """Hide on Esc; the queue goes on."""
        self.search.stop()
        self.hide()

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        self.reject()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.add(local_paths(event.mimeData()))
        event.acceptProposedAction()

    @property
    def _has_items(self) -> bool:
        return bool(self._runner.queue.snapshot().items)

    def _start(self) -> None:
        found = self.form.found
        if found is None:
            return
        self._runner.add(found.videos, self.form.batch_options())
        self.form.clear()
        self.pages.setCurrentWidget(self.view)
        self.view.list.setFocus()

    def _refused(self, error: ExplainedError) -> None:
        self.form.facts.setText(phrased(error))
        self.pages.setCurrentWidget(self.form)

    def _to_form(self) -> None:
        self.pages.setCurrentWidget(self.form)

    def _leave_form(self) -> None:
        self.form.clear()
        if self._has_items:
            self.pages.setCurrentWidget(self.view)
        else:
            self.hide()
