"""Opens the window of several sources, and asks what to add to it. GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.sources.base import CAMERA
from app.ui.camera_menu import CameraMenu, ListCameras
from app.ui.camera_permission import when_allowed
from app.ui.services.services import Services
from app.ui.view.address_dialog import AddressDialog
from app.ui.widgets.drops import VIDEOS

if TYPE_CHECKING:
    from app.ui.grid.grid_window import GridWindow


class SeveralSourcesWindows(QObject):
    """Makes the window when it is first asked for.

    Args:
        services: As for ``GridWindow``.
        list_cameras: As for ``CameraMenu``.
        parent: Owns this object.
    """

    def __init__(self, services: Services, list_cameras: ListCameras, parent: QWidget) -> None:
        super().__init__(parent)
        self._services, self._list_cameras = services, list_cameras
        self.window: GridWindow | None = None
        """None before it is first asked for."""
        self._offers: CameraMenu

    def show(self) -> None:
        """Open the window, or bring it back."""
        from app.ui.grid.grid_window import GridWindow

        if self.window is None:
            self._offers = self._menu()
            self.window = GridWindow(self._services, self._offers)
        self._offers.set_recent(self._services.settings.current.source.recent)
        self.window.open()

    def close(self) -> None:
        """Close it: the program ends."""
        if self.window is not None:
            self.window.close()

    def _menu(self) -> CameraMenu:
        actions = {
            name: QAction(text, self)
            for name, text in (
                ("open_file", "Open video…"),
                ("open_address", "Open stream address…"),
                ("close_source", "Close all"),
            )
        }
        actions["open_file"].triggered.connect(self._open_file)
        actions["open_address"].triggered.connect(self._open_address)
        actions["close_source"].triggered.connect(self._close_all)
        menu = CameraMenu(self._services.theme, self._services.background, actions, self._list_cameras)
        menu.chosen.connect(self._add)
        return menu

    def _add(self, uri: str) -> None:
        if uri.startswith(CAMERA):
            when_allowed(self, lambda: self._open(uri), self._refused)
        else:
            self._open(uri)

    def _open(self, uri: str) -> None:
        self._services.several.add(uri)

    def _refused(self) -> None:
        hint = "Allow it in System Settings, Privacy & Security, Camera; then choose the camera again."
        self._services.banner.tell("error", "The system does not let ssd-viewer use the camera.", hint, topic="source")

    def _open_file(self) -> None:
        kinds = f"Videos ({' '.join(f'*{suffix}' for suffix in VIDEOS)});;All files (*)"
        folder = self._services.settings.last_folder()
        chosen, _ = QFileDialog.getOpenFileName(self.window, "Add a video", folder, kinds)
        if chosen:
            self._open(chosen)

    def _open_address(self) -> None:
        assert self.window is not None  # whose menu it is
        dialog = AddressDialog(self._services.settings.current.source.recent, self.window)
        dialog.chosen.connect(self._open)
        dialog.open()

    def _close_all(self) -> None:
        for feed in tuple(self._services.several.feeds):
            self._services.several.remove(feed)
