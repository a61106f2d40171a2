"""The sources side by side, as near to a square as they go; or one of them alone. GUI thread."""

from __future__ import annotations

import math
from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QGridLayout, QWidget

from app.ui.grid.tile import Tile
from app.ui.services.settings_model import SettingsModel
from app.ui.services.several_sources import MOST, SeveralSources
from app.ui.widgets.theme import Theme

_FIGURES_EVERY_MS = 500
_MOST_COLUMNS = math.isqrt(MOST)


class Tiles(QWidget):
    """A tile for each source, in the order in which they were added.

    Args:
        sources: The sources.
        settings: Threshold, classes and colours.
        theme: The colours in force.
    """

    def __init__(self, sources: SeveralSources, settings: SettingsModel, theme: Theme) -> None:
        super().__init__()
        self._sources, self._settings, self._theme = sources, settings, theme
        self.tiles: list[Tile] = []
        self.alone: Tile | None = None
        """The one that is enlarged; None where all are shown."""
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self._timer = QTimer(self)
        self._timer.setInterval(_FIGURES_EVERY_MS)
        self._timer.timeout.connect(self._show_figures)
        sources.changed.connect(self._rebuild)
        settings.changed.connect(self._setting_changed)
        theme.changed.connect(self._apply_theme)

    def enlarge(self, tile: Tile | None) -> None:
        """Show one alone, or all again."""
        self.alone = tile if tile is not self.alone else None
        self._arrange()

    def _rebuild(self) -> None:
        feeds = self._sources.feeds
        for tile in [tile for tile in self.tiles if tile.feed not in feeds]:
            self.tiles.remove(tile)
            self._grid.removeWidget(tile)
            tile.hide()
            tile.deleteLater()
            if tile is self.alone:
                self.alone = None
        known = [tile.feed for tile in self.tiles]
        for feed in feeds:
            if feed not in known:
                tile = Tile(feed, self._settings, self._theme)
                tile.enlarge_asked.connect(partial(self.enlarge, tile))
                tile.close_asked.connect(partial(self._sources.remove, feed))
                self.tiles.append(tile)
        self._arrange()
        if feeds:
            self._timer.start()
        else:
            self._timer.stop()

    def _arrange(self) -> None:
        columns = max(1, math.ceil(math.sqrt(len(self.tiles))))
        rows = math.ceil(len(self.tiles) / columns)
        for number in range(_MOST_COLUMNS):
            self._grid.setColumnStretch(number, int(self.alone is None and number < columns))
            self._grid.setRowStretch(number, int(self.alone is None and number < rows))
        for number, tile in enumerate(self.tiles):
            self._grid.removeWidget(tile)
            shown = self.alone in (None, tile)
            tile.setVisible(shown)
            if shown:
                row, column = divmod(number, columns) if self.alone is None else (0, 0)
                self._grid.addWidget(tile, row, column)

    def _show_figures(self) -> None:
        for tile in self.tiles:
            tile.show_figures()

    def _setting_changed(self, section: str, _name: str) -> None:
        if section in ("detection", "overlay"):
            for tile in self.tiles:
                tile.apply_look()

    def _apply_theme(self) -> None:
        for tile in self.tiles:
            tile.apply_theme()
