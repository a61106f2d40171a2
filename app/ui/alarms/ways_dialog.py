"""Asks for the command and the addresses by which events are told. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QFormLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.core.alarms.mqtt import is_installed
from app.core.alarms.ways import NAMED, AlarmWays, action_of
from app.core.errors import AppError
from app.ui.alarms.rule_text import WAY_NAMES
from app.ui.widgets.button_row import button_row
from app.ui.widgets.texts import WrappedLabel

_WORDS = (
    "Nothing is sent anywhere unless a rule says so. What is named here holds for all sources, and is kept in a file "
    "that only you may read. The command is given {label}, {time}, {clip}, {snapshot} and {source}; no shell runs."
)
_EXAMPLES = {"command": "program --title {label} {snapshot}", "post": "https://host/hook", "mqtt": "mqtts://host/topic"}
_MAX_LENGTH = 2000


class WaysDialog(QDialog):
    """Changes them.

    Args:
        ways: Those in force.
        parent: Over which it opens.
    """

    made = Signal(object)
    """``AlarmWays``."""

    def __init__(self, ways: AlarmWays, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Ways to tell")
        words = WrappedLabel(_WORDS)
        words.setObjectName("muted")
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        self.fields = {way: QLineEdit(getattr(ways, way)) for way in NAMED}
        """By ``Action.key``."""
        for way, field in self.fields.items():
            field.setMaxLength(_MAX_LENGTH)
            field.setAccessibleName(WAY_NAMES[way])
            field.setPlaceholderText(f"such as {_EXAMPLES[way]}")
            if way != "command":
                field.setEchoMode(QLineEdit.EchoMode.PasswordEchoOnEdit)
            form.addRow(WAY_NAMES[way], field)
        form.setRowVisible(self.fields["mqtt"], is_installed() or bool(ways.mqtt))
        self.trouble = WrappedLabel()
        self.trouble.hide()
        self.save = QPushButton("Save")
        self.save.setObjectName("primary")
        self.cancel = QPushButton("Cancel")
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 20, 24, 20)
        box.setSpacing(16)
        box.addWidget(words)
        box.addLayout(form)
        box.addWidget(self.trouble)
        box.addLayout(button_row(self.cancel, self.save, default=self.save))
        self.resize(560, 0)
        self.save.clicked.connect(self._done)
        self.cancel.clicked.connect(self.reject)

    def _done(self) -> None:
        ways = AlarmWays(**{way: field.text().strip() for way, field in self.fields.items()})
        try:
            for way in NAMED:
                if ways.has(way):
                    action_of(way, ways)
        except AppError as error:
            self.trouble.setText(f"{error.message} {error.hint}".strip())
            self.trouble.show()
            return
        self.made.emit(ways)
        self.accept()
