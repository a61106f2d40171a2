"""What the window contains, from top to bottom, and what of it is shown: the panel, or the video alone. GUI thread."""

from __future__ import annotations

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui.services.settings_model import SettingsModel
from app.ui.view.stage import Stage
from app.ui.widgets.side_panel import SidePanel
from app.ui.widgets.split import Split


class WindowBody(QWidget):
    """Lays a bar above the stage and its panel, another one below; takes them over.

    Args:
        above: The bar at the top.
        stage: Shows the video.
        side: The panel beside it.
        below: The bar at the bottom.
        settings: Remember whether the panel is open.
        panel_action: Checked while it is.
    """

    def __init__(
        self,
        above: QWidget,
        stage: Stage,
        side: SidePanel,
        below: QWidget,
        settings: SettingsModel,
        panel_action: QAction,
    ) -> None:
        super().__init__()
        self._bars = (above, below)
        self._stage, self._side, self._settings, self._panel_action = stage, side, settings, panel_action
        self.split = Split(stage, side)
        """Opens and closes the panel."""
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(above)
        box.addWidget(self.split, 1)
        box.addWidget(below)
        self.split.prefer_open(settings.current.window.show_panel)
        self.split.changed.connect(self._show_panel_state)
        self._show_panel_state()

    def toggle_panel(self) -> None:
        """Show or hide the panel."""
        show = not self.split.panel_open
        self.split.open_panel(show)
        if not self.split.is_narrow:
            self._settings.set("window", "show_panel", show)

    def show_page(self, page: QWidget) -> None:
        """Bring a page of the panel into view, and the panel with it."""
        self._side.show_page(page)
        if not self.split.panel_open:
            self.toggle_panel()

    def set_fullscreen(self, full: bool) -> None:
        """Show the video alone, or everything."""
        for bar in self._bars:
            bar.setVisible(not full)
        self._stage.set_fullscreen(full)
        self.split.prefer_open(not full and self._settings.current.window.show_panel)
        if full:
            self.split.open_panel(False)

    def _show_panel_state(self) -> None:
        self._panel_action.setChecked(self.split.panel_open)
        covers = self.split.is_narrow and self.split.panel_open
        self._stage.set_covered(self._side.width() if covers else 0, self.split if covers else None)
