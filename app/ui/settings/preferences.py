"""The Preferences window, generated from the settings dataclasses: a new setting appears here by itself. GUI thread."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.core.settings import Choices, SettingInfo
from app.ui.services.settings_model import SettingsModel
from app.ui.settings.setting_editors import SettingEditors, visible_settings
from app.ui.widgets.editors import Editor, NumberEditor
from app.ui.widgets.screen_room import resize_on_screen

TITLES = {
    "model": "Model",
    "detection": "Detection",
    "overlay": "Boxes",
    "source": "Cameras and videos",
    "recording": "Recording",
    "window": "Window",
    "network": "Downloads of models",
}
"""Sections in the order they are shown."""

_SIZE = (600, 680)


class Preferences(QDialog):
    """All settings but those of the panel, on one grid: names on the left, fields and what they do on the right."""

    def __init__(self, model: SettingsModel, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Preferences")
        self._model = model
        self._made = SettingEditors(model, self)
        body = QWidget()
        body.setObjectName("panelBody")
        self._grid = QGridLayout(body)
        self._grid.setContentsMargins(24, 16, 24, 24)
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnMinimumWidth(0, 144)
        self._grid.setColumnStretch(1, 1)
        for section, title in TITLES.items():
            self._add_section(section, title)
        self._grid.setRowStretch(self._grid.rowCount(), 1)
        model.recommended.connect(self._mark_overlaps)
        self._mark_overlaps()
        scroll = QScrollArea()
        scroll.setWidget(body)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        close = QPushButton("Close")
        close.clicked.connect(self.reject)
        foot = QHBoxLayout()
        foot.setContentsMargins(24, 8, 24, 16)
        foot.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(scroll, 1)
        box.addLayout(foot)
        next(iter(self.editors.values())).setFocus(Qt.FocusReason.OtherFocusReason)
        resize_on_screen(self, *_SIZE)

    @property
    def editors(self) -> Mapping[tuple[str, str], Editor]:
        """The editors, by (section, name)."""
        return self._made.by_key

    def set_choices(self, dynamic: str, choices: Choices) -> None:
        """Fill the lists that only the running program knows: "devices"."""
        self._made.set_choices(dynamic, choices)

    def _mark_overlaps(self) -> None:
        """Mark the limit of overlaps that the model in use has of its own."""
        name, editor = self._model.current.model.name, self.editors["detection", "iou"]
        assert isinstance(editor, NumberEditor)
        own = self._model.iou_of(name).own
        editor.set_mark(own, "" if own is None else f"Own limit of {Path(name).name}: {own:.2f}")

    def _add_section(self, section: str, title: str) -> None:
        described = visible_settings(section, daily=False)
        words = QLabel(title)
        words.setObjectName("heading")
        reset = QPushButton("Reset")
        reset.setObjectName("link")
        reset.setToolTip(f"Reset “{title}” to defaults")
        reset.setAccessibleName(f"Reset {title}")
        reset.setAutoDefault(False)
        reset.clicked.connect(partial(self._model.reset, section, tuple(described)))
        row = self._grid.rowCount()
        if self.editors:
            self._grid.setRowMinimumHeight(row - 1, 32)
        self._grid.addWidget(words, row, 0)
        self._grid.addWidget(reset, row, 1, Qt.AlignmentFlag.AlignRight)
        for name, info in described.items():
            self._add_row(self._made.add(section, name, info, titled=False), info)

    def _add_row(self, editor: Editor, info: SettingInfo) -> None:
        row = self._grid.rowCount()
        explained = QLabel(info.help)
        explained.setObjectName("muted")
        explained.setWordWrap(True)
        self._grid.addWidget(editor.title, row, 0, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._grid.addWidget(editor, row, 1)
        self._grid.addWidget(explained, row + 1, 1)
        self._grid.setRowMinimumHeight(row + 2, 8)
