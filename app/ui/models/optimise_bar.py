"""How far the optimising of a model is, and the button that stops it. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.ui.models.optimise_runner import OptimiseRunner

_STEPS = 1000


class OptimiseBar(QWidget):
    """Shown while the model in sight is being optimised."""

    cancel = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Optimising")
        self.bar.setRange(0, _STEPS)
        self.line = QLabel()
        self.line.setObjectName("muted")
        self.line.setWordWrap(True)
        self.line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.button = QPushButton("Cancel")
        self.button.setAutoDefault(False)
        self.button.setAccessibleName("Cancel optimising")
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

    def show_state(self, name: str, optimising: OptimiseRunner) -> None:
        """Show how far the model ``name`` is; hidden while it is not being optimised."""
        self.setVisible(optimising.running == name)
        if optimising.running != name:
            return
        words, share = optimising.progress
        self.button.setEnabled(not optimising.is_stopping)
        self.line.setText("Stopping…" if optimising.is_stopping else f"{words or 'Starting'}…  This takes minutes.")
        self.bar.setValue(round(share * _STEPS))
