"""The second page of an export: how far it is, when it ends, what came of it. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.core.counts import number_of
from app.core.export.request import ExportProgress, ExportReport, ExportRequest
from app.core.files.disk import size_text
from app.ui.export.frame_preview import FramePreview
from app.ui.widgets.icons import pixmap
from app.ui.widgets.quantity_text import duration_text, rate_text, wait_text
from app.ui.widgets.theme import Theme

_STEPS = 1000
_TELLING = "The frame with the most detections"
_CLASSES = 6  # named before the rest is counted


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
        self.preview = FramePreview(theme)
        self.found = QLabel()
        self.found.setObjectName("heading")
        self.found.setWordWrap(True)
        self.found.setTextFormat(Qt.TextFormat.PlainText)  # a model file brings its own labels
        self.line = QLabel()
        self.line.setObjectName("muted")
        self.line.setWordWrap(True)
        self.line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.cancel = QPushButton("Cancel")
        self.open_folder = QPushButton("Open folder")
        self.play = QPushButton("Play")
        self.play.setObjectName("primary")
        self.play.setToolTip("Show the finished video in this computer's player")
        self.resume = QPushButton("Resume")
        self.again = QPushButton("Back")
        self.close_button = QPushButton("Close")
        self._lay_out()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self._icon)
        head.addWidget(self.title, 1)
        buttons = QHBoxLayout()
        # Cancel lies far from where "Export" was: the second half of a double click must not stop what the first began.
        buttons.addWidget(self.cancel)
        buttons.addStretch(1)
        for button in (self.resume, self.again, self.close_button, self.open_folder, self.play):
            buttons.addWidget(button)
        for button in (self.cancel, self.resume, self.again, self.close_button, self.open_folder, self.play):
            button.setAutoDefault(False)
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 24, 24, 20)
        box.setSpacing(12)
        box.addLayout(head)
        box.addWidget(self.preview, 1)
        box.addWidget(self.bar)
        box.addWidget(self.found)
        box.addWidget(self.line)
        box.addLayout(buttons)

    def begin(self, request: ExportRequest) -> None:
        """Show that an export starts."""
        self._classes = request.detection.classes
        self._show("film", f"Annotating {request.source.name}", running=True)
        self.setFocus()  # not on Cancel, where a second Enter would press it
        self.bar.setRange(0, 0)
        self.preview.setToolTip("")
        self.preview.clear("The frames appear here as they are written.")
        self.preview.show()
        self.found.hide()
        self.line.setText("Loading the model…")

    def show_progress(self, progress: ExportProgress) -> None:
        """Show how far it is."""
        self.resume.setVisible(progress.stage == "paused")
        self._show_seen(progress)
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

    def _show_seen(self, progress: ExportProgress) -> None:
        if progress.seen is None:
            return
        self.found.setText(f"{_sentence(progress.found)} so far")
        self.found.show()
        if progress.seen.frame is not None:
            self.preview.show_frame(progress.seen.frame, f"The newest frame; found so far: {progress.found}")

    def cancelling(self) -> None:
        """Show that it is being cancelled."""
        self.cancel.setEnabled(False)
        self.line.setText("Stopping…")

    def show_report(self, report: ExportReport) -> None:
        """Show what came of it."""
        files = [path.name for path in (report.output, *report.data, *report.folders) if path is not None]
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        self._show("success", f"Done: {files[0]}{more}", running=False)
        self.title.setToolTip("\n".join(files))
        self.found.setText(_sentence(report.found))
        self.found.show()
        if report.telling_frame is not None:
            self.preview.show_frame(report.telling_frame, _TELLING)
            self.preview.setToolTip(_TELLING)
        self.preview.setVisible(not self.preview.is_empty)
        self.line.setText("\n".join(_report_lines(report, self._classes)))
        self.open_folder.show()
        self.play.setVisible(report.output is not None)

    def show_failure(self, message: str, hint: str, mild: bool = False) -> None:
        """Show that it ended without a result."""
        self._show("info" if mild else "error", message, running=False)
        self.line.setText(hint)
        self.preview.setVisible(not self.preview.is_empty)
        self.again.show()

    def _show(self, icon_name: str, title: str, running: bool) -> None:
        colours = self._theme.colours
        colour = {"success": colours.success, "error": colours.danger}.get(icon_name, colours.accent)
        self._icon.setPixmap(pixmap(icon_name, colour, 26, self.devicePixelRatioF()))
        self.title.setText(title)
        self.title.setToolTip("")
        self.bar.setVisible(running)
        self.cancel.setVisible(running)
        self.cancel.setEnabled(True)
        self.close_button.setVisible(not running)
        for button in (self.open_folder, self.play, self.again, self.resume):
            button.setVisible(False)


def _report_lines(report: ExportReport, classes: tuple[str, ...]) -> list[str]:
    """Says what came of an export, but for what was found."""
    several = len(report.counts) > 1 or report.objects is not None
    by_class = ", ".join(f"{name} {count}" for name, count in list(report.counts.items())[:_CLASSES])
    left = len(report.counts) - _CLASSES
    more = f" and {number_of(left, 'class')} more" if left > 0 else ""
    verb = "was" if len(classes) == 1 else "were"
    return [
        *([f"Detections: {by_class}{more}."] if several and by_class else []),
        *([f"Only {', '.join(classes)} {verb} looked for."] if classes else []),
        f"{number_of(report.frames, 'frame')} in {duration_text(report.seconds)}; "
        f"model {report.model} on {report.device}, {report.precision}.",
        *([f"Kept for another threshold: {size_text(report.cache_bytes)} of detections."] if report.cache else []),
        *report.notes,
    ]


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
