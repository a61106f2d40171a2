"""Asks where a case goes and what is in it, writes it in the background, and says how far that is. GUI thread."""

from __future__ import annotations

import threading
from pathlib import Path

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices
from PySide6.QtWidgets import (
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.core.counts import number_of
from app.core.errors import ExplainedError
from app.core.settings import OverlaySettings
from app.ui.events.case_work import CaseCancelledError, CaseChoice, CaseRequest, write
from app.ui.remedies import hint_of
from app.ui.services.background import Background
from app.ui.services.bridge import Wake
from app.ui.widgets.button_row import button_row
from app.ui.widgets.path_field import PathField
from app.ui.widgets.texts import WrappedLabel

_STEPS = 1000
_CLIPS_SHARE = 0.9  # of the bar; the rest is for pictures, report and checksums
_AROUND_S, _MOST_S = 2.0, 600.0
_EXPLANATION = (
    "A folder that speaks for itself: a clip and a picture of each event, a table, a report to print, and the "
    "SHA-256 of each video, the model and every file. Rejected events are listed as rejected."
)


class CaseDialog(QDialog):
    """Writes one case.

    Args:
        choice: Of which events.
        overlay: How boxes look.
        background: Does the work.
        parent: Over which it opens.
    """

    written = Signal(object)
    """Path of the folder."""

    def __init__(
        self,
        choice: CaseChoice,
        overlay: OverlaySettings,
        background: Background,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Make a case")
        self._choice, self._overlay, self._background = choice, overlay, background
        self._stop = threading.Event()
        self._wake = Wake(self._show_progress)
        self._running = False
        self._folder: Path | None = None
        self._frames = self._total = 0
        self.all = QRadioButton(f"All that are listed: {number_of(choice.listed, 'event')}")
        self.chosen = QRadioButton(f"Only what is selected: {number_of(choice.selected, 'event')}")
        self.folder = PathField("Folder")
        self.folder.line.setText(str(choice.folder))
        self.before, self.after = self._seconds("before"), self._seconds("after")
        self.line = WrappedLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress")
        self.bar.hide()
        self.make = QPushButton("Make the case")
        self.make.setObjectName("primary")
        self.open_folder = QPushButton("Open folder")
        self.open_folder.hide()
        self.cancel = QPushButton("Cancel")
        self._lay_out()
        several = choice.selected > 1 or choice.selected == choice.listed
        (self.chosen if several and choice.selected else self.all).setChecked(True)
        self.chosen.setEnabled(bool(choice.selected))
        self.folder.button.clicked.connect(self._choose_folder)
        self.make.clicked.connect(self._begin)
        self.cancel.clicked.connect(self.reject)
        self.open_folder.clicked.connect(self._open_folder)

    def _seconds(self, side: str) -> QDoubleSpinBox:
        field = QDoubleSpinBox()
        field.setRange(0.0, _MOST_S)
        field.setDecimals(1)
        field.setValue(_AROUND_S)
        field.setSuffix(f" s {side}")
        field.setAccessibleName(f"Seconds {side}")
        return field

    def _lay_out(self) -> None:
        words = WrappedLabel(_EXPLANATION)
        words.setObjectName("muted")
        self._form = QWidget()
        form = QFormLayout(self._form)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        form.addRow("Events", self.all)
        form.addRow("", self.chosen)
        form.addRow("Folder", self.folder)
        around = QHBoxLayout()
        around.setSpacing(8)
        around.addWidget(self.before)
        around.addWidget(self.after)
        around.addStretch(1)
        form.addRow("Clips begin and end", around)
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 20, 24, 20)
        box.setSpacing(16)
        for widget in (words, self._form, self.bar, self.line):
            box.addWidget(widget)
        box.addLayout(button_row(self.cancel, self.open_folder, self.make))
        self.resize(560, 0)

    # Writing it

    def _begin(self) -> None:
        folder = self.folder.path
        if folder is None:
            self.line.setText("Name a folder.")
            return
        before, after = self.before.value(), self.after.value()
        request = CaseRequest(folder, self._choice, self.chosen.isChecked(), before, after, self._overlay)
        self._stop = threading.Event()
        self._frames = self._total = 0
        self._running = True
        stop = self._stop

        def check() -> None:
            if stop.is_set():
                raise CaseCancelledError("The case was cancelled.")

        def begin(frames: int) -> None:
            self._total = frames

        def tick() -> None:
            check()
            self._frames += 1
            self._wake.post()

        self._show_running("Writing the clips…")
        self._background.run("case", lambda: write(request, check, tick, begin), self._done, self._failed)

    def _show_running(self, words: str) -> None:
        self._form.setEnabled(not self._running)
        self.make.setVisible(not self._running)
        self.bar.setVisible(self._running)
        self.bar.setRange(0, _STEPS)
        self.bar.setValue(0)
        self.line.setText(words)

    def _show_progress(self) -> None:
        if self._running and self._total:
            clips = min(1.0, self._frames / self._total)
            self.bar.setValue(round(clips * _CLIPS_SHARE * _STEPS))
            if clips == 1.0 and not self._stop.is_set():
                self.line.setText("Writing pictures and report…")

    def _done(self, folder: Path) -> None:
        self._running, self._folder = False, folder
        self._show_running(f"Done: {folder}. “ssd-viewer verify” with this folder says at any time what changed.")
        self.make.hide()
        self.open_folder.show()
        self.cancel.setText("Close")
        self.written.emit(folder)

    def _failed(self, error: ExplainedError) -> None:
        self._running = False
        if isinstance(error, CaseCancelledError):
            self._show_running("It was cancelled; nothing was left.")
            self.cancel.setText("Close")
            return
        self._show_running(f"{error.message} {hint_of(error)}".strip())

    # Leaving

    def stop(self) -> None:
        """The program ends: stop writing, and tell nobody."""
        self._stop.set()
        self._wake.close()

    def reject(self) -> None:
        """Stop what is being written; otherwise close."""
        if self._running:
            self._stop.set()
            self.line.setText("Stopping…")
            return
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        self.reject()

    def _choose_folder(self) -> None:
        present = self.folder.path
        chosen, _ = QFileDialog.getSaveFileName(self, "Folder of the case", "" if present is None else str(present))
        if chosen:
            self.folder.line.setText(chosen)

    def _open_folder(self) -> None:
        if self._folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))
