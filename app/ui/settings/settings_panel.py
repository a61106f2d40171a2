"""The settings panel, generated from the settings dataclasses: a new setting appears here by itself. GUI thread."""

from __future__ import annotations

from dataclasses import fields

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.core.settings import Choices, SettingInfo
from app.ui.services.settings_model import SettingsModel
from app.ui.settings.class_filter import ClassFilter
from app.ui.widgets.editors import ChoiceEditor, Editor, make_editor
from app.ui.widgets.threshold_editor import ThresholdEditor

TITLES = {
    "detection": "Detection",
    "model": "Model",
    "overlay": "Boxes",
    "source": "Source",
    "window": "Window",
    "network": "Downloads of models",
}
"""Sections in the order they are shown; the ones changed most come first."""

WIDTH = 304


class SettingsPanel(QFrame):
    """All visible settings, each with the editor its type asks for."""

    manage_models = Signal()
    """The user wants to see the models dialog."""

    def __init__(self, model: SettingsModel) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setFixedWidth(WIDTH)
        self._model = model
        self.editors: dict[tuple[str, str], Editor] = {}
        """The editors, by (section, name)."""
        body = QWidget()
        body.setObjectName("panelBody")
        self._box = QVBoxLayout(body)
        self._box.setContentsMargins(18, 14, 18, 18)
        self._box.setSpacing(12)
        for section, title in TITLES.items():
            self._add_section(section, title)
        self._box.addStretch(1)
        self.scroll_area = QScrollArea()
        self.scroll_area.setWidget(body)
        self.scroll_area.setWidgetResizable(True)
        self.scroll_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 0, 0, 0)
        outer.addWidget(self.scroll_area)
        model.changed.connect(self._setting_changed)
        model.recommended.connect(self._show_threshold)
        self._show_threshold()

    def set_choices(self, dynamic: str, choices: Choices) -> None:
        """Fill the lists that only the running program knows: "models", "devices"."""
        for editor in self.editors.values():
            if editor.info.dynamic == dynamic and isinstance(editor, ChoiceEditor):
                editor.set_choices(choices)

    def set_classes(self, labels: tuple[str, ...]) -> None:
        """List the running model's classes."""
        for editor in self.editors.values():
            if isinstance(editor, ClassFilter):
                editor.set_classes(labels, self._model.current.overlay.palette)

    def _add_section(self, section: str, title: str) -> None:
        words = QLabel(title)
        words.setObjectName("heading")
        reset = QPushButton("Reset")
        reset.setObjectName("link")
        reset.setProperty("section", section)
        reset.setToolTip(f"Reset “{title}” to defaults")
        reset.setAccessibleName(f"Reset {title}")
        reset.clicked.connect(self._reset_clicked)
        head = QHBoxLayout()
        head.addWidget(words, 1)
        head.addWidget(reset)
        if self.editors:
            self._box.addSpacing(12)
        self._box.addLayout(head)
        for field in fields(getattr(self._model.current, section)):
            info: SettingInfo = field.metadata["setting"]
            if not info.hidden:
                self._add_editor(section, field.name, info)

    def _add_editor(self, section: str, name: str, info: SettingInfo) -> None:
        value = self._model.value(section, name)
        editor: Editor
        if info.dynamic == "classes":
            editor = ClassFilter(info)
            editor.show_value(value)
        elif (section, name) == ("detection", "threshold"):
            editor = self.threshold = ThresholdEditor(info)
        else:
            editor = make_editor(info, value)
        self.editors[section, name] = editor
        editor.setProperty("key", f"{section}.{name}")
        editor.edited.connect(self._edited)
        self._box.addWidget(editor)
        if info.dynamic == "models":
            manage = QPushButton("Manage models…")
            manage.setObjectName("link")
            manage.setToolTip("Download, import, rename, remove, and what each detects (M)")
            manage.clicked.connect(self.manage_models)
            self._box.addWidget(manage, 0, Qt.AlignmentFlag.AlignLeft)

    def _edited(self, value: object) -> None:
        sender = self.sender()
        assert isinstance(sender, Editor)
        section, name = str(sender.property("key")).split(".")
        self._model.set(section, name, value)

    def _setting_changed(self, section: str, name: str) -> None:
        editor = self.editors.get((section, name))
        if editor is not None:
            editor.show_value(self._model.value(section, name))
        if (section, name) == ("overlay", "palette"):
            for other in self.editors.values():
                if isinstance(other, ClassFilter):
                    other.set_palette(self._model.current.overlay.palette)

    def _show_threshold(self) -> None:
        name = self._model.current.model.name
        self.threshold.show_threshold(name, self._model.threshold_of(name))

    def _reset_clicked(self) -> None:
        sender = self.sender()
        if sender is not None:
            self._model.reset(str(sender.property("section")))
