"""A report to read, copy and find: of a fault of the program, or of a crash of an earlier run. GUI thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.ui.widgets.screen_room import resize_on_screen


class ReportDialog(QDialog):
    """Stands beside the window and stops nothing.

    Args:
        title: What happened, in a few words.
        explanation: What that means for the user.
        report: For whoever looks for the cause.
        file: Where more is to be found.
        parent: The window.
    """

    def __init__(self, title: str, explanation: str, report: str, file: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)  # the program ends with its window
        self._file = file
        heading, words, place = QLabel(title), QLabel(explanation), QLabel(str(file))
        heading.setObjectName("heading")
        place.setObjectName("muted")
        for label in (heading, words, place):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.report = QPlainTextEdit(report)
        self.report.setReadOnly(True)
        self.report.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.report.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.report.setAccessibleName("Report")
        self.copy, folder, close = QPushButton("Copy"), QPushButton("Open folder"), QPushButton("Close")
        self.copy.clicked.connect(self._copy)
        folder.clicked.connect(self._open_folder)
        close.clicked.connect(self.reject)
        close.setDefault(True)
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy)
        buttons.addWidget(folder)
        buttons.addStretch(1)
        buttons.addWidget(close)
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 20, 24, 16)
        box.setSpacing(12)
        for label in (heading, words):
            box.addWidget(label)
        box.addWidget(self.report, 1)
        box.addWidget(place)
        box.addLayout(buttons)
        resize_on_screen(self, 640, 420)

    def add(self, report: str) -> None:
        """Add a report below."""
        self.report.appendPlainText("\n" + report)
        self.copy.setText("Copy")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.report.toPlainText())
        self.copy.setText("Copied")

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._file.parent)))
