"""Says how far the frame is zoomed, and offers the way back. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from app.ui.widgets.quantity_text import TIMES

_MARGIN = 12  # pixels to the edges of the view


class ZoomPlate(QFrame):
    """Lies in the top right corner of the view while the frame is zoomed."""

    fit_asked = Signal()

    def __init__(self, view: QWidget) -> None:
        super().__init__(view)
        self._view = view
        self.setObjectName("notice")
        self.label = QLabel()
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.button = QPushButton("Fit")
        self.button.setToolTip("Show the whole frame (0)")
        self.button.setAccessibleName("Fit the frame")
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the view
        self.button.clicked.connect(self.fit_asked)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 4, 4)
        row.setSpacing(8)
        row.addWidget(self.label)
        row.addWidget(self.button)
        self.hide()

    def show_zoom(self, zoom: float) -> None:
        """Show the factor; 1 hides the plate."""
        if zoom <= 1.0:
            self.hide()
            return
        self.label.setText(f"{zoom:.1f}{TIMES}")
        self.adjustSize()
        self.move(self._view.width() - self.width() - _MARGIN, _MARGIN)
        self.show()
        self.raise_()
