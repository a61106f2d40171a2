"""The appearance in force: light or dark, applied to the whole application. GUI thread.

Fusion with a palette of our own, because the platform's style ignores colour-scheme requests on several systems. Every
widget takes its colours from the ``Colours`` in force.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from app.ui.widgets.colours import DARK, LIGHT, Colours
from app.ui.widgets.style_sheet import style_sheet


def make_palette(colours: Colours) -> QPalette:
    """Returns the palette in these colours, for what the sheet does not reach."""
    palette = QPalette()
    role = QPalette.ColorRole
    for which, colour in (
        (role.Window, colours.window),
        (role.WindowText, colours.text),
        (role.Base, colours.surface),
        (role.AlternateBase, colours.raised),
        (role.Text, colours.text),
        (role.Button, colours.raised),
        (role.ButtonText, colours.text),
        (role.BrightText, colours.danger),
        (role.ToolTipBase, colours.surface),
        (role.ToolTipText, colours.text),
        (role.PlaceholderText, colours.muted),
        (role.Highlight, colours.accent),
        (role.HighlightedText, colours.on_accent),
        (role.Link, colours.link),
        (role.Mid, colours.border),
        (role.Dark, colours.border),
        (role.Light, colours.raised),
    ):
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(colours.muted))
    return palette


class Theme(QObject):
    """The appearance in force; follows the system while the choice is "system"."""

    changed = Signal()

    def __init__(self, application: QApplication, choice: str = "system") -> None:
        super().__init__()
        self._application = application
        self._choice = choice
        self.colours = DARK
        application.setStyle("Fusion")
        application.styleHints().colorSchemeChanged.connect(self._system_changed)
        self._apply()

    def choose(self, choice: str) -> None:
        """Switch to "light", "dark" or "system"."""
        if choice != self._choice:
            self._choice = choice
            self._apply()

    def _system_changed(self, _scheme: Qt.ColorScheme) -> None:
        if self._choice == "system":
            self._apply()

    def _apply(self) -> None:
        system_is_light = self._application.styleHints().colorScheme() == Qt.ColorScheme.Light
        light = self._choice == "light" or (self._choice == "system" and system_is_light)
        self.colours = LIGHT if light else DARK
        self._application.setPalette(make_palette(self.colours))
        self._application.setStyleSheet(style_sheet(self.colours))
        self.changed.emit()
