"""The buttons at the foot of a dialog. GUI thread."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QPushButton


def button_row(*buttons: QPushButton, default: QPushButton | None = None) -> QHBoxLayout:
    """Lays ``buttons`` out at the right; Enter presses ``default``, whatever field is being filled in, or none."""
    row = QHBoxLayout()
    row.setSpacing(8)
    row.addStretch(1)
    for button in buttons:
        button.setAutoDefault(button is default)
        row.addWidget(button)
    return row
