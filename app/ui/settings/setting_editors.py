"""Editors of settings, made from their description and kept in step with the settings. GUI thread."""

from __future__ import annotations

from dataclasses import fields

from PySide6.QtCore import QObject

from app.core.settings import Choices, SettingInfo, Settings
from app.ui.services.settings_model import SettingsModel
from app.ui.settings.class_filter import ClassFilter
from app.ui.widgets.editors import ChoiceEditor, Editor, make_editor
from app.ui.widgets.threshold_editor import ThresholdEditor


def visible_settings(section: str, daily: bool) -> dict[str, SettingInfo]:
    """Returns the settings of a section by name: those for every day, or the others."""
    described = {field.name: field.metadata["setting"] for field in fields(getattr(Settings(), section))}
    return {name: info for name, info in described.items() if not info.hidden and info.daily == daily}


class SettingEditors(QObject):
    """Makes editors, writes what they are told into the settings, and shows what the settings become."""

    def __init__(self, model: SettingsModel, parent: QObject) -> None:
        super().__init__(parent)
        self._model = model
        self.by_key: dict[tuple[str, str], Editor] = {}
        """The editors, by (section, name)."""
        model.changed.connect(self._setting_changed)

    def add(self, section: str, name: str, info: SettingInfo, titled: bool) -> Editor:
        """Makes the editor that the setting's type asks for, showing its value."""
        value = self._model.value(section, name)
        editor: Editor
        if info.dynamic == "classes":
            editor = ClassFilter(info)
        elif (section, name) == ("detection", "threshold"):
            editor = ThresholdEditor(info)
        else:
            editor = make_editor(info, value, titled)
        editor.show_value(value)
        self.by_key[section, name] = editor
        editor.setProperty("key", f"{section}.{name}")
        editor.edited.connect(self._edited)
        return editor

    def set_choices(self, dynamic: str, choices: Choices) -> None:
        """Fill the lists that only the running program knows: "models", "devices"."""
        for editor in self.by_key.values():
            if editor.info.dynamic == dynamic and isinstance(editor, ChoiceEditor):
                editor.set_choices(choices)

    def _edited(self, value: object) -> None:
        sender = self.sender()
        assert isinstance(sender, Editor)
        section, name = str(sender.property("key")).split(".")
        self._model.set(section, name, value)

    def _setting_changed(self, section: str, name: str) -> None:
        editor = self.by_key.get((section, name))
        if editor is not None:
            editor.show_value(self._model.value(section, name))
