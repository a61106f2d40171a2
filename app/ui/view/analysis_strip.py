"""How far the analysis of a video is, above its timeline; hidden while none goes on. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QToolButton

from app.core.export.request import ExportProgress, ExportRequest
from app.ui.widgets.quantity_text import rate_text, wait_text
from app.ui.widgets.texts import ElidedLabel

_STEPS = 1000


class AnalysisStrip(QFrame):
    """A line of words, a bar, and a button to stop."""

    cancelled = Signal()
    resumed = Signal()
    """The disk was full, and the user made room."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("bottomBar")
        self._allowed, self._runs = True, False
        self.name = ElidedLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the analysis")
        self.words = QLabel()
        self.words.setObjectName("muted")
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.stop = QToolButton()
        self.stop.setText("Stop")
        self.stop.setToolTip("Stop the analysis; what was found is kept")
        self.resume = QToolButton()
        self.resume.setText("Resume")
        self.resume.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(8)
        row.addWidget(self.name, 2)
        row.addWidget(self.bar, 3)
        for widget in (self.words, self.resume, self.stop):
            row.addWidget(widget)
        self.stop.clicked.connect(self._stop)
        self.resume.clicked.connect(self.resumed)
        self.hide()

    def begin(self, request: ExportRequest) -> None:
        """Show that an analysis begins."""
        self._runs = True
        self.name.set_text(f"Analysing {request.source.name}")
        self.words.setText("Loading the model…")
        self.bar.setRange(0, 0)
        self.stop.setEnabled(True)
        self.resume.hide()
        self._show_or_hide()

    def show_progress(self, progress: ExportProgress) -> None:
        """Show how far it is."""
        if not self.stop.isEnabled():
            return
        self.resume.setVisible(progress.stage == "paused")
        self.words.setText(_words(progress))
        self.words.setToolTip(progress.remark)
        if progress.frames_total and progress.stage != "opening":
            self.bar.setRange(0, _STEPS)
            self.bar.setValue(min(_STEPS, round(progress.frames_done / progress.frames_total * _STEPS)))

    def end(self) -> None:
        """Hide: it is over."""
        self._runs = False
        self._show_or_hide()

    def allow(self, allowed: bool) -> None:
        """Sets whether it may be shown: not on a full screen."""
        self._allowed = allowed
        self._show_or_hide()

    def _stop(self) -> None:
        self.stop.setEnabled(False)
        self.words.setText("Stopping…")
        self.cancelled.emit()

    def _show_or_hide(self) -> None:
        self.setVisible(self._allowed and self._runs)


def _words(progress: ExportProgress) -> str:
    if progress.stage == "paused":
        return progress.remark or "Paused."
    if progress.stage != "running":
        return "Loading the model…" if progress.stage == "opening" else "Finishing…"
    parts = [f"{progress.frames_done} frames"]
    if progress.frames_total:
        parts = [f"{min(100, progress.frames_done * 100 // progress.frames_total)} %"]
    if progress.frames_per_s:
        parts.append(f"{rate_text(progress.frames_per_s)} fps")
    if progress.eta_s is not None:
        parts.append(f"{wait_text(progress.eta_s)} left")
    return "  ·  ".join(parts)
