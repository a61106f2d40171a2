"""The panel beside the video: the settings that are changed every day. GUI thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.core.settings import Choices
from app.core.thresholds import COMMON
from app.ui.services.settings_model import SettingsModel
from app.ui.settings.class_filter import ClassFilter
from app.ui.settings.setting_editors import SettingEditors, visible_settings
from app.ui.widgets.editors import Editor
from app.ui.widgets.threshold_editor import ThresholdEditor

_SECTIONS = ("model", "detection")
WIDTH = 304


class SettingsPanel(QFrame):
    """Model, threshold and classes; the rest is in the Preferences window."""

    manage_models = Signal()
    """The user wants to see the models dialog."""
    show_preferences = Signal()
    """The user wants to see the other settings."""

    def __init__(self, model: SettingsModel) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setFixedWidth(WIDTH)
        self._model = model
        self._made = SettingEditors(model, self)
        body = QWidget()
        body.setObjectName("panelBody")
        self._box = QVBoxLayout(body)
        self._box.setContentsMargins(16, 16, 16, 16)
        self._box.setSpacing(16)
        for section in _SECTIONS:
            for name, info in visible_settings(section, daily=True).items():
                self._place(self._made.add(section, name, info, titled=True))
        self.threshold = cast("ThresholdEditor", self.editors["detection", "threshold"])
        self.classes = cast("ClassFilter", self.editors["detection", "classes"])
        self.scroll_area = QScrollArea()
        self.scroll_area.setWidget(body)
        self.scroll_area.setWidgetResizable(True)
        self.scroll_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.scroll_area, 1)
        outer.addLayout(self._foot())
        model.changed.connect(self._setting_changed)
        model.recommended.connect(self._show_threshold)
        self._show_threshold()

    @property
    def editors(self) -> Mapping[tuple[str, str], Editor]:
        """The editors, by (section, name)."""
        return self._made.by_key

    def set_choices(self, dynamic: str, choices: Choices) -> None:
        """Fill the lists that only the running program knows: "models"."""
        self._made.set_choices(dynamic, choices)

    def set_classes(self, labels: tuple[str, ...]) -> None:
        """List the running model's classes."""
        self.classes.set_classes(labels, self._model.current.overlay.palette)

    def set_counts(self, counts: Mapping[int, int]) -> None:
        """Show how many of each class are in view; see ``ClassFilter.set_counts``."""
        self.classes.set_counts(counts)

    def _place(self, editor: Editor) -> None:
        """Add an editor, with the link that belongs below it."""
        link = QPushButton()
        link.setObjectName("link")
        if editor.info.dynamic == "models":
            link.setText("Manage models…")
            link.setToolTip("Download, import, rename, remove, and what each detects (M)")
            link.clicked.connect(self.manage_models)
        elif isinstance(editor, ThresholdEditor):
            self.recommended = link
            link.setToolTip("Set the threshold to what the model recommends")
            link.clicked.connect(self._reset_threshold)
            policy = link.sizePolicy()
            policy.setRetainSizeWhenHidden(True)  # what lies below does not move while the slider does
            link.setSizePolicy(policy)
        else:
            self._box.addWidget(editor, 1)
            return
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(editor)
        column.addWidget(link, 0, Qt.AlignmentFlag.AlignLeft)
        self._box.addLayout(column)

    def _foot(self) -> QHBoxLayout:
        button = QPushButton("Preferences…")
        button.setToolTip("Device, boxes, cameras, appearance and everything else (Ctrl+,)")
        button.clicked.connect(self.show_preferences)
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 8, 16, 16)
        foot.addWidget(button)
        foot.addStretch(1)
        return foot

    def _setting_changed(self, section: str, name: str) -> None:
        if (section, name) == ("overlay", "palette"):
            self.classes.set_palette(self._model.current.overlay.palette)
        elif (section, name) == ("detection", "threshold"):
            self._show_threshold()

    def _show_threshold(self) -> None:
        name = self._model.current.model.name
        threshold = self._model.threshold_of(name)
        self.threshold.show_threshold(name, threshold)
        usual = COMMON if threshold.own is None else threshold.own
        self.recommended.setText(f"Reset to {usual:.2f}")
        self.recommended.setVisible(threshold.value != usual)

    def _reset_threshold(self) -> None:
        self._model.reset("detection", ("threshold",))
