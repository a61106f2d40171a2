"""The dialog of licences. GUI thread."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QVBoxLayout, QWidget

from app.core.licences import shown_licences
from app.ui.widgets.screen_room import resize_on_screen


class LicencesDialog(QDialog):
    """Shows all licences as text that can be searched and copied."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Licences")
        self.page = QPlainTextEdit(shown_licences())
        self.page.setReadOnly(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 16, 16, 16)
        box.setSpacing(16)
        box.addWidget(self.page, 1)
        box.addWidget(buttons)
        resize_on_screen(self, 880, 640)
