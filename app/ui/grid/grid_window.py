"""The window of several sources: a bar to add one, the sources, and what to do while there are none. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from app.ui.grid.tiles import Tiles
from app.ui.services.services import Services
from app.ui.services.several_sources import MOST
from app.ui.widgets.icons import icon
from app.ui.widgets.screen_room import resize_on_screen

_EMPTY = (
    f"Add a camera, a stream or a video: up to {MOST} are shown side by side.\n"
    "One detector looks at all of them in turn."
)


class GridWindow(QWidget):
    """Made when it is first asked for. Its sources run while it is open, and come back with it.

    Args:
        services: Sources, settings and colours.
        menu: Offers sources to add.
    """

    def __init__(self, services: Services, menu: QMenu) -> None:
        super().__init__()
        self._sources, self._theme = services.several, services.theme
        self.setObjectName("grid")
        self.setWindowTitle("Several sources — ssd-viewer")
        self.setMinimumSize(480, 360)
        resize_on_screen(self, 1200, 800)
        self.add = QToolButton()
        self.add.setObjectName("menu")
        self.add.setText(" Add source")
        self.add.setAccessibleName("Add source")
        self.add.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.add.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.add.setIconSize(QSize(20, 20))
        self.add.setMenu(menu)
        self.counted = QLabel()
        self.counted.setObjectName("muted")
        self.tiles = Tiles(services.several, services.settings, services.theme)
        self._empty = QLabel(_EMPTY)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setObjectName("muted")
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self.tiles)
        self._lay_out()
        services.several.changed.connect(self._update)
        services.theme.changed.connect(self._apply_theme)
        self._apply_theme()
        self._update()

    def open(self) -> None:
        """Show it, with the sources of last time."""
        if not self.isVisible():
            for uri in self._sources.remembered:
                self._sources.add(uri)
        self.show()
        self.raise_()
        self.activateWindow()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._sources.close()
        super().closeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.tiles.alone is not None:
            self.tiles.enlarge(None)
        else:
            super().keyPressEvent(event)

    def _lay_out(self) -> None:
        bar = QFrame()
        bar.setObjectName("topBar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(8)
        row.addWidget(self.add)
        row.addWidget(self.counted, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(bar)
        box.addWidget(self._pages, 1)

    def _update(self) -> None:
        count = len(self._sources.feeds)
        self._pages.setCurrentWidget(self.tiles if count else self._empty)
        full = f"{count} sources, as many as there is room for" if count == MOST else f"{count} sources"
        self.counted.setText("" if not count else "1 source" if count == 1 else full)

    def _apply_theme(self) -> None:
        colours = self._theme.colours
        self.add.setIcon(icon("camera", colours.text, colours.muted))
