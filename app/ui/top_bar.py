"""The bar at the top: what to look at on the left, what to do with it on the right. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QToolButton, QWidget

from app.ui.widgets.icons import icon
from app.ui.widgets.theme import Theme

_MENU = (
    "snapshot", "record", "virtual_camera", "analyse", "export", "export_many", "",
    "several", "events", "zones", "alarms", "arm", "",
    "models", "import_model", "",
    "panel", "preferences", "fullscreen", "", "help", "guides", "diagnostics", "about", "", "quit",
)  # fmt: skip
_LABELLED = ("snapshot", "record", "analyse", "export")
_WORDS_FROM = 760  # pixels of width
_IN_MENU_BELOW = 520  # ... under which the menu alone has these
_SPARED = ("zones", "alarms", "record", "analyse")


class TopBar(QFrame):
    """Buttons for the commonest actions and two menus."""

    def __init__(self, theme: Theme, actions: dict[str, QAction], sources: QMenu) -> None:
        super().__init__()
        self.setObjectName("topBar")
        self._theme = theme
        self.labelled: list[QToolButton] = []
        """Buttons with words beside their icons, where there is room."""
        self._spared: list[QToolButton] = []
        self.source = QToolButton()
        self.source.setObjectName("menu")
        self.source.setText(" Source")
        self.source.setAccessibleName("Source")
        self.source.setToolTip("Choose a camera, file or stream (C)")
        self.source.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.source.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.source.setMenu(sources)
        self.more = QToolButton()
        self.more.setObjectName("flat")
        self.more.setToolTip("Menu")
        self.more.setAccessibleName("Menu")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setMenu(self._menu(actions))
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(4)
        row.addWidget(self.source)
        row.addStretch(1)
        for name in ("zones", "alarms", "snapshot", "record", "analyse", "export", "fullscreen", "panel"):
            button = _button(actions[name])
            row.addWidget(button)
            if name in _LABELLED:
                self.labelled.append(button)
            if name in _SPARED:
                self._spared.append(button)
        row.addWidget(self.more)
        for button in self.findChildren(QToolButton):
            button.setIconSize(QSize(20, 20))
        theme.changed.connect(self._apply_theme)
        self._apply_theme()

    def show_sources(self, below: QWidget | None = None) -> None:
        """Open the menu of sources below ``below``, or else below its button, and return at once.

        ``QToolButton.showMenu`` called from Python returns when the menu is closed, and until then no other thread runs
        Python: cameras are not listed, frames not detected.
        """
        anchor = below or self.source
        self.source.menu().popup(anchor.mapToGlobal(QPoint(0, anchor.height())))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside, alone = Qt.ToolButtonStyle.ToolButtonTextBesideIcon, Qt.ToolButtonStyle.ToolButtonIconOnly
        for button in self.labelled:
            button.setToolButtonStyle(beside if event.size().width() >= _WORDS_FROM else alone)
        for button in self._spared:
            button.setVisible(event.size().width() >= _IN_MENU_BELOW)

    def _menu(self, actions: dict[str, QAction]) -> QMenu:
        menu = QMenu(self)
        for name in _MENU:
            if name:
                menu.addAction(actions[name])
            else:
                menu.addSeparator()
        return menu

    def _apply_theme(self) -> None:
        colours = self._theme.colours
        self.source.setIcon(icon("camera", colours.text, colours.muted))
        self.more.setIcon(icon("menu", colours.text, colours.muted))


def _button(action: QAction) -> QToolButton:
    button = QToolButton()
    button.setObjectName("flat")
    button.setDefaultAction(action)
    button.setAccessibleName(action.text())
    return button
