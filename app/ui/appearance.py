"""Gives the window what settings and theme say: colours, look of the boxes, remembered sources. GUI thread."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QColor

from app.ui.actions import apply_theme
from app.ui.camera_menu import CameraMenu
from app.ui.services.services import Services
from app.ui.view.stage import Stage


class Appearance(QObject):
    """Applies everything once, then whatever changes.

    Args:
        services: Settings and theme.
        stage: Shows the frame, and the start page.
        menu: Offers sources.
        actions: Have icons.
        parent: Owns this object.
    """

    def __init__(
        self, services: Services, stage: Stage, menu: CameraMenu, actions: Mapping[str, QAction], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._theme, self._settings = services.theme, services.settings
        self._stage, self._menu, self._actions = stage, menu, actions
        services.settings.changed.connect(self._setting_changed)
        services.theme.changed.connect(self._apply_theme)
        self._apply_theme()
        self._apply_look()
        self._show_recent()

    def _setting_changed(self, section: str, name: str) -> None:
        if section in ("detection", "overlay"):
            self._apply_look()
        elif (section, name) == ("window", "theme"):
            self._theme.choose(self._settings.current.window.theme)
        elif section == "source":
            self._apply_look()
            self._show_recent()

    def _show_recent(self) -> None:
        recent = self._settings.current.source.recent
        self._stage.start.set_recent(recent)
        self._menu.set_recent(recent)

    def _apply_look(self) -> None:
        settings = self._settings.current
        self._stage.view.set_look(settings.detection, settings.overlay)

    def _apply_theme(self) -> None:
        colours = self._theme.colours
        apply_theme(self._actions, colours)
        self._stage.view.canvas = QColor(colours.canvas)
        self._stage.view.update()
