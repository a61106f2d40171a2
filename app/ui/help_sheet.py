"""The sheet of keyboard shortcuts, made from the table of actions. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from app.ui.actions import ACTIONS, ActionSpec
from app.ui.widgets.screen_room import resize_on_screen

_COLUMNS = (("Source", "Playback"), ("Detection", "Output", "Window"))


def _native(key: str) -> str:
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)


def _keys(spec: ActionSpec) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(5)
    for key in spec.keys:
        cap = QLabel(_native(key))
        cap.setObjectName("key")
        cap.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row.addWidget(cap)
    row.addStretch(1)
    return holder


def _column(groups: tuple[str, ...]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(18)
    grid.setVerticalSpacing(7)
    for group in groups:
        title = QLabel(group)
        title.setObjectName("heading")
        title.setContentsMargins(0, 8 if grid.rowCount() > 1 else 0, 0, 2)
        grid.addWidget(title, grid.rowCount(), 0, 1, 2)
        for spec in ACTIONS:
            if spec.group == group and spec.keys:
                line = grid.rowCount()
                grid.addWidget(_keys(spec), line, 0)
                grid.addWidget(QLabel(spec.text.removesuffix("…")), line, 1)
    grid.setColumnStretch(1, 1)
    grid.setRowStretch(grid.rowCount(), 1)
    return grid


class HelpSheet(QDialog):
    """Esc or F1 closes it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        body = QWidget()
        body.setObjectName("panelBody")
        columns = QHBoxLayout(body)
        columns.setContentsMargins(24, 20, 24, 20)
        columns.setSpacing(44)
        for groups in _COLUMNS:
            columns.addLayout(_column(groups), 1)
        scroll = QScrollArea()
        scroll.setWidget(body)
        scroll.setWidgetResizable(True)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(scroll)
        needed = body.sizeHint()
        resize_on_screen(self, needed.width() + 24, needed.height() + 8)
