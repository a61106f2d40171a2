"""Keyboard shortcuts, made from the table of actions, and the way to the guides. GUI thread."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.ui.actions import ACTIONS, ActionSpec
from app.ui.guides import GUIDES
from app.ui.widgets.screen_room import resize_on_screen

_GUIDES_ABREAST = 3
_COLUMNS = (("Source", "Playback", "Picture"), ("Detection", "Output", "Events", "Window"))


def _native(key: str) -> str:
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)


def _keys(spec: ActionSpec) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    for key in spec.keys:
        cap = QLabel(_native(key))
        cap.setObjectName("key")
        cap.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row.addWidget(cap)
    row.addStretch(1)
    return holder


def _column(groups: tuple[str, ...]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(20)
    grid.setVerticalSpacing(8)
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

    guide_asked = Signal(str)
    """Name of a guide."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Help")
        body = QWidget()
        body.setObjectName("panelBody")
        columns = QHBoxLayout()
        columns.setSpacing(40)
        for groups in _COLUMNS:
            columns.addLayout(_column(groups), 1)
        whole = QVBoxLayout(body)
        whole.setContentsMargins(24, 24, 24, 24)
        whole.setSpacing(24)
        whole.addLayout(self._guides())
        whole.addLayout(columns, 1)
        scroll = QScrollArea()
        scroll.setWidget(body)
        scroll.setWidgetResizable(True)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(scroll)
        needed = body.sizeHint()
        resize_on_screen(self, needed.width() + 24, needed.height() + 8)

    def _guides(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(4)
        title = QLabel("Guides")
        title.setObjectName("heading")
        grid.addWidget(title, 0, 0, 1, _GUIDES_ABREAST)
        for number, (name, words) in enumerate(GUIDES.items()):
            link = QPushButton(words)
            link.setObjectName("link")
            link.setAutoDefault(False)
            link.clicked.connect(partial(self.guide_asked.emit, name))
            grid.addWidget(link, 1 + number // _GUIDES_ABREAST, number % _GUIDES_ABREAST, Qt.AlignmentFlag.AlignLeft)
        return grid
