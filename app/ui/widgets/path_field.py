"""A path that is typed, or chosen by the button beside it. GUI thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget


class PathField(QWidget):
    """A path with a button that chooses it."""

    changed = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setAccessibleName(name)
        self.button = QPushButton("Choose…")
        self.button.setAccessibleName(f"Choose {name}")
        self.button.setAutoDefault(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.line, 1)
        row.addWidget(self.button)
        self.line.textChanged.connect(self.changed)

    @property
    def path(self) -> Path | None:
        """The path typed; None for nothing."""
        text = self.line.text().strip()
        return Path(text).expanduser() if text else None
