"""Progress of long work in a bar and a line, and the button that stops it. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

STEPS = 1000
"""Steps of the bar, from nothing to all."""


class WorkBar(QWidget):
    """Base of the bars for downloads and optimising."""

    cancel = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(name)
        self.bar.setRange(0, STEPS)
        self.line = QLabel()
        self.line.setObjectName("muted")
        self.line.setWordWrap(True)
        self.line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.button = QPushButton("Cancel")
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self.cancel)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.bar, 1)
        row.addWidget(self.button)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2)
        box.addLayout(row)
        box.addWidget(self.line)
