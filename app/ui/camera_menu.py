"""The menu of things to look at: cameras and screens by name, files, addresses, recent sources. GUI thread.

Cameras are listed on a worker each time the menu opens, because asking some drivers takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from app.core.errors import ExplainedError
from app.core.sources.base import SCREEN
from app.ui.guides import NO_CAMERA
from app.ui.services.background import Background
from app.ui.view.start_page import recent_text, source_icon
from app.ui.widgets.icons import icon
from app.ui.widgets.theme import Theme

if TYPE_CHECKING:
    from app.core.sources.cameras import CameraInfo
    from app.core.sources.screen import ScreenInfo

ListCameras = Callable[[], "Sequence[CameraInfo | ScreenInfo]"]
_RECENT_SHOWN = 8


def list_cameras_now() -> Sequence[CameraInfo | ScreenInfo]:
    """Lists the cameras and screens of this computer; slow, for a worker."""
    from app.core.sources.cameras import list_cameras
    from app.core.sources.screen import list_screens

    return [*list_cameras(), *list_screens()]


class CameraMenu(QMenu):
    """Emits the chosen source's uri."""

    chosen = Signal(str)
    help_asked = Signal(str)
    """The guide, and the heading in it, that says why there is no camera."""

    def __init__(
        self,
        theme: Theme,
        background: Background,
        actions: dict[str, QAction],
        list_cameras: ListCameras = list_cameras_now,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Source", parent)
        self._theme = theme
        self._background = background
        self._list_cameras = list_cameras
        self._asking = False
        self._recent: tuple[str, ...] = ()
        self._first = self.addSeparator()  # cameras stand before it
        for name in ("open_file", "open_folder", "open_address", "sample", "several"):
            if name in actions and actions[name].isVisible():
                self.addAction(actions[name])
        self._recent_menu = self.addMenu("Recent")
        self.addSeparator()
        self.addAction(actions["close_source"])
        self._shown: list[QAction] = []
        self._placeholder("Looking for cameras…")
        self.aboutToShow.connect(self.refresh)
        self.triggered.connect(self._triggered)

    def set_recent(self, uris: tuple[str, ...]) -> None:
        """List the remembered sources, newest first."""
        self._recent = uris

    def refresh(self) -> None:
        """Ask again which cameras there are; the menu fills when the answer comes."""
        self._fill_recent()
        if not self._asking:
            self._asking = True
            self._background.run("list-cameras", self._list_cameras, self._listed, self._failed)

    def _listed(self, found: Sequence[CameraInfo | ScreenInfo]) -> None:
        self._asking = False
        screens = [each for each in found if each.uri.startswith(SCREEN)]
        cameras = [each for each in found if each not in screens]
        self._remove_shown()
        if not cameras:
            self._placeholder("No camera found")
            self._offer_help()
        for camera in cameras:
            self._add(camera.uri, camera.name, "camera")
        for screen in screens:
            self._add(screen.uri, screen.name, "fullscreen")

    def _failed(self, error: ExplainedError) -> None:
        self._asking = False
        self._placeholder(error.message)
        self._offer_help()

    def _placeholder(self, words: str) -> None:
        self._remove_shown()
        action = self._add("", words, "camera")
        action.setEnabled(False)

    def _offer_help(self) -> None:
        self._add("", "What to do…", "help").triggered.connect(self._ask_help)

    def _ask_help(self) -> None:
        self.help_asked.emit(NO_CAMERA)

    def _add(self, uri: str, words: str, icon_name: str) -> QAction:
        colours = self._theme.colours
        action = QAction(icon(icon_name, colours.text, colours.muted), words.replace("&", "&&"), self)
        action.setData(uri)
        self.insertAction(self._first, action)
        self._shown.append(action)
        return action

    def _remove_shown(self) -> None:
        for action in self._shown:
            self.removeAction(action)
            action.deleteLater()
        self._shown = []

    def _fill_recent(self) -> None:
        colours = self._theme.colours
        self._recent_menu.clear()
        self._recent_menu.menuAction().setVisible(bool(self._recent))
        for uri in self._recent[:_RECENT_SHOWN]:
            name, place = recent_text(uri)
            action = self._recent_menu.addAction(icon(source_icon(uri), colours.text), name.replace("&", "&&"))
            action.setToolTip(place)
            action.setData(uri)

    def _triggered(self, action: QAction) -> None:
        uri = action.data()
        if isinstance(uri, str) and uri:
            self.chosen.emit(uri)
