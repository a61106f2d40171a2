"""The second page of an export: how far it is, when it ends, what came of it. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.core.counts import number_of
from app.core.export.request import ExportProgress, ExportReport, ExportRequest
from app.ui.widgets.icons import pixmap
from app.ui.widgets.quantity_text import duration_text, rate_text, size_text, wait_text
from app.ui.widgets.theme import Theme

_STEPS = 1000


class ExportProgressPage(QWidget):
    """Progress, then a report or a failure."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._classes: tuple[str, ...] = ()
        self._icon = QLabel()
        self.title = QLabel()
        self.title.setObjectName("heading")
        self.title.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress")
        self.line = QLabel()
        self.line.setObjectName("muted")
        self.line.setWordWrap(True)
        self.line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.cancel = QPushButton("Cancel")
        self.open_folder = QPushButton("Open folder")
        self.open_folder.setObjectName("primary")
        self.resume = QPushButton("Resume")
        self.again = QPushButton("Back")
        self.close_button = QPushButton("Close")
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self._icon)
        head.addWidget(self.title, 1)
        buttons = QHBoxLayout()
        # Cancel lies far from where "Export" was: the second half of a double click must not stop what the first began.
        buttons.addWidget(self.cancel)
        buttons.addStretch(1)
        for button in (self.resume, self.again, self.close_button, self.open_folder):
            buttons.addWidget(button)
        for button in (self.cancel, self.resume, self.again, self.close_button, self.open_folder):
            button.setAutoDefault(False)
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 22, 24, 20)
        box.setSpacing(14)
        box.addLayout(head)
        box.addWidget(self.bar)
        box.addWidget(self.line)
        box.addStretch(1)
        box.addLayout(buttons)

    def begin(self, request: ExportRequest) -> None:
        """Show that an export starts."""
        self._classes = request.detection.classes
        self._show("film", f"Annotating {request.source.name}", running=True)
        self.setFocus()  # not on Cancel, where a second Enter would press it
        self.bar.setRange(0, 0)
        self.line.setText("Loading the model…")

    def show_progress(self, progress: ExportProgress) -> None:
        """Show how far it is."""
        self.resume.setVisible(progress.stage == "paused")
        if progress.stage == "paused":
            self.line.setText(progress.remark or "Paused.")
            return
        if progress.stage == "opening":
            self.line.setText("Loading the model…")
            return
        if progress.stage == "finishing":
            self.line.setText("Finishing the files…")
            return
        parts = [f"{progress.frames_done} frames"]
        if progress.frames_total:
            self.bar.setRange(0, _STEPS)
            self.bar.setValue(min(_STEPS, round(progress.frames_done / progress.frames_total * _STEPS)))
            parts = [f"{progress.frames_done} of {progress.frames_total} frames"]
        if progress.frames_per_s:
            parts.append(f"{rate_text(progress.frames_per_s)} fps")
        if progress.eta_s is not None:
            parts.append(f"{wait_text(progress.eta_s)} left")
        words = "  ·  ".join(parts)
        self.line.setText(f"{words}\n{progress.remark}" if progress.remark else words)

    def cancelling(self) -> None:
        """Show that it is being cancelled."""
        self.cancel.setEnabled(False)
        self.line.setText("Stopping…")

    def show_report(self, report: ExportReport) -> None:
        """Show what came of it."""
        files = [path.name for path in (report.output, *report.data) if path is not None]
        self._show("success", f"Done: {', '.join(files)}", running=False)
        verb = "was" if len(self._classes) == 1 else "were"
        lines = [
            f"{report.found[0].upper()}{report.found[1:]}.",
            f"{number_of(report.frames, 'frame')} in {duration_text(report.seconds)}.",
            *([f"Only {', '.join(self._classes)} {verb} looked for."] if self._classes else []),
            f"Model {report.model} on {report.device}, {report.precision}.",
            *([f"Kept for another threshold: {size_text(report.cache_bytes)} of detections."] if report.cache else []),
            *report.notes,
        ]
        self.line.setText("\n".join(lines))
        self.open_folder.show()
        self.again.hide()

    def show_failure(self, message: str, hint: str, mild: bool = False) -> None:
        """Show that it ended without a result."""
        self._show("info" if mild else "error", message, running=False)
        self.line.setText(hint)
        self.open_folder.hide()
        self.again.show()

    def _show(self, icon_name: str, title: str, running: bool) -> None:
        colours = self._theme.colours
        colour = {"success": colours.success, "error": colours.danger}.get(icon_name, colours.accent)
        self._icon.setPixmap(pixmap(icon_name, colour, 26, self.devicePixelRatioF()))
        self.title.setText(title)
        self.bar.setVisible(running)
        self.cancel.setVisible(running)
        self.cancel.setEnabled(True)
        self.close_button.setVisible(not running)
        for button in (self.open_folder, self.again, self.resume):
            button.setVisible(False)
