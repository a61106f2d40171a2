"""Page of a form: rows that scroll, and below them trouble and buttons, always in sight. GUI thread."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)


def new_form() -> QFormLayout:
    """Makes a layout for rows of a name and a field."""
    form = QFormLayout()
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    form.setHorizontalSpacing(16)
    form.setVerticalSpacing(8)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form


def lay_out(page: QWidget, form: QFormLayout, trouble: QLabel, buttons: Iterable[QPushButton]) -> None:
    """Fill ``page``: ``form``, and at the foot ``trouble`` and ``buttons``."""
    row = QHBoxLayout()
    row.addStretch(1)
    for button in buttons:
        row.addWidget(button)
    whole = QWidget()
    inside = QVBoxLayout(whole)
    inside.setContentsMargins(24, 20, 24, 8)
    inside.setSpacing(16)
    inside.addLayout(form)
    inside.addStretch(1)
    foot = QVBoxLayout()
    foot.setContentsMargins(24, 8, 24, 20)
    foot.setSpacing(12)
    foot.addWidget(trouble)
    foot.addLayout(row)
    outer = QVBoxLayout(page)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.setSpacing(0)
    outer.addWidget(FormScroll(whole), 1)
    outer.addLayout(foot)


class FormScroll(QScrollArea):
    """A form that scrolls where the screen is too low for it."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._content = content

    def sizeHint(self) -> QSize:
        return self._content.sizeHint()
