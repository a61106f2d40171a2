"""Zones from a file or another source, and into a file. GUI thread; reading and writing on a worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPoint
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from app.core.counts import counted
from app.core.errors import ExplainedError
from app.core.events.scene import Scene, read_scene
from app.core.events.scene_edit import shapes_of
from app.core.events.scene_store import KeptScene
from app.core.files.atomic_file import write_atomically
from app.ui.services.services import Services

_FILES = "Zones (*.json);;All files (*)"
_OFFERED = 20
_TOPIC = "zones"


class ZoneFiles(QObject):
    """Asks which file or source, and hands over what was found.

    Args:
        services: Where scenes are kept, and who is told.
        parent: Over which dialogs open.
        take: Takes a scene over.
    """

    def __init__(self, services: Services, parent: QWidget, take: Callable[[Scene], None]) -> None:
        super().__init__(parent)
        self._services, self._parent, self._take = services, parent, take
        self.menu: QMenu | None = None
        """The sources to copy from, once asked for."""

    def ask_import(self) -> None:
        """Ask for a file, and take its zones over."""
        folder = self._services.settings.last_folder()
        chosen, _ = QFileDialog.getOpenFileName(self._parent, "Import zones", folder, _FILES)
        if chosen:
            self.import_from(Path(chosen))

    def import_from(self, path: Path) -> None:
        """Take the zones of a file over."""
        taken = partial(self._taken, path.name, self._services.controller.uri)
        self._services.background.run("read-zones", lambda: read_scene(path), taken, self._failed)

    def ask_export(self) -> None:
        """Ask for a name, and write the zones there."""
        info = self._services.controller.info
        name = f"{Path(info.name).stem if info is not None and info.kind == 'video' else 'zones'}.zones.json"
        proposal = str(Path(self._services.settings.last_folder()) / name)
        chosen, _ = QFileDialog.getSaveFileName(self._parent, "Export zones", proposal, _FILES)
        if chosen:
            self.export_to(Path(chosen))

    def export_to(self, path: Path) -> None:
        """Write the zones of the present source to a file."""
        content = json.dumps(self._services.scenes.scene.as_dict(), indent=1, ensure_ascii=False).encode() + b"\n"
        self._services.background.run(
            "write-zones", lambda: write_atomically(path, content), lambda _nothing: self._written(path), self._failed
        )

    def ask_copy(self, at: QPoint) -> None:
        """Offer the other sources that have zones.

        Args:
            at: Where on the screen.
        """
        offer = partial(self._offer, at, self._services.controller.uri)
        self._services.background.run("list-zones", self._services.scenes.others, offer)

    def _offer(self, at: QPoint, source: str, others: tuple[KeptScene, ...]) -> None:
        if not others:
            self._services.banner.tell("info", "Nothing is drawn on any other source.", topic=_TOPIC)
            return
        self.menu = QMenu(self._parent)
        for kept in others[:_OFFERED]:
            action = self.menu.addAction(f"{kept.name.replace('&', '&&')} — {_what(kept.scene)}")
            action.triggered.connect(partial(self._taken, kept.name, source, kept.scene))
        self.menu.popup(at)

    def _taken(self, name: str, source: str, scene: Scene) -> None:
        if source != self._services.controller.uri:
            return  # another one was opened meanwhile
        self._take(scene)
        words = f"{_what(scene)} from {name}."
        self._services.banner.tell("success", words, "Undo brings back those before.", topic=_TOPIC)

    def _written(self, path: Path) -> None:
        self._services.banner.tell("success", f"Saved {path.name}.", f"In {path.parent}.", topic=_TOPIC)

    def _failed(self, error: ExplainedError) -> None:
        self._services.banner.tell_error(error, topic=_TOPIC)


def _what(scene: Scene) -> str:
    """Returns what there is, such as "2 zones, 1 line"."""
    return counted(shape.kind for shape in shapes_of(scene)) or "Nothing"
