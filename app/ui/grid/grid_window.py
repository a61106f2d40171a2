"""The window of several sources: a bar to add one, the sources, and what to do while there are none. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from app.ui.grid.dropped import sources_in
from app.ui.grid.tiles import Tiles
from app.ui.services.services import Services
from app.ui.services.several_sources import MOST
from app.ui.widgets.icons import icon
from app.ui.widgets.key_guard import keeps_key
from app.ui.widgets.screen_room import resize_on_screen

_EMPTY = (
    "Add a camera, a stream or a video, or drop some here.\n"
    f"Up to {MOST} are shown side by side.\n"
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
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        for key, act in (("Ctrl+W", self._close), ("Space", services.several.toggle_pause)):
            QShortcut(QKeySequence(key), self).activated.connect(act)
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
        self.setFocus()  # not a button, which the space bar would press

    def closeEvent(self, event: QCloseEvent) -> None:
        self._sources.close()
        super().closeEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and keeps_key(self.focusWidget(), event):
            event.accept()  # a button that has the focus is pressed by the space bar
            return True
        return super().event(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if sources_in(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for uri in sources_in(event.mimeData()):
            self._sources.add(uri)
        event.acceptProposedAction()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.tiles.alone is not None:
            self.tiles.enlarge(None)
        else:
            super().keyPressEvent(event)

    def _close(self) -> None:
        """Closes the source that is enlarged, or else the window."""
        alone = self.tiles.alone
        if alone is not None:
            self._sources.remove(alone.feed)
        else:
            self.close()

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
