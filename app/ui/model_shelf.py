"""The models and devices there are, and adding one: asked on workers, answered by signals. GUI thread."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.preload import preload_torch
from app.core.settings import Choices
from app.ui.background import Background
from app.ui.figures import shorten
from detector.shelf import Shelf, ShelfEntry

_NAME_LENGTH = 48


def shown_name(entry: ShelfEntry) -> str:
    """How a model stands in the list; a demo says that it is one."""
    return f"{entry.name} (demo: drawn shapes only)" if entry.spec.demo else entry.name


def free_name(path: Path, taken: set[str]) -> str:
    """A name for the shelf made from a file's name, unlike all those ``taken``."""
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._")[:_NAME_LENGTH].strip("-._") or "model"
    lowered = {name.lower() for name in taken}
    name, count = base, 1
    while name.lower() in lowered:
        count += 1
        name = f"{base}-{count}"
    return name


def list_devices_now() -> Choices:
    """Devices for the panel; slow, for a worker: it loads torch where there may be a GPU."""
    from detector.runtime.open import available_devices, may_have_gpu

    if may_have_gpu():
        preload_torch()
    return tuple(available_devices())


class ModelShelf(QObject):
    """Asks the shelf off the GUI thread."""

    models = Signal(object)
    """Choices for the panel."""
    devices = Signal(object)
    imported = Signal(str)
    """Name of the model that was added."""
    import_failed = Signal(str, str)

    def __init__(
        self,
        shelf: Callable[[], Shelf],
        background: Background,
        list_devices: Callable[[], Choices] = list_devices_now,
    ) -> None:
        super().__init__()
        self._shelf = shelf
        self._background = background
        self._list_devices = list_devices

    def refresh_models(self) -> None:
        """List the models; ``models`` follows."""

        def work() -> Choices:
            return tuple((entry.name, shown_name(entry)) for entry in self._shelf().list() if entry.path is not None)

        self._background.run("list-models", work, self.models.emit)

    def refresh_devices(self) -> None:
        """List the devices; ``devices`` follows."""

        def work() -> Choices:
            found = self._list_devices()
            auto = () if any(device == "auto" for device, _ in found) else (("auto", "auto"),)
            return (*auto, *((device, shorten(words, 60)) for device, words in found))

        self._background.run("list-devices", work, self.devices.emit)

    def import_file(self, path: Path) -> None:
        """Check a model file and put it on the shelf; ``imported`` or ``import_failed`` follows."""

        def work() -> str:
            if path.suffix.lower() != ".xml":
                preload_torch()
            shelf = self._shelf()
            taken = {entry.name for entry in shelf.list()} | {entry.name for entry in shelf.broken()}
            return shelf.import_file(path, free_name(path, taken)).entry.name

        self._background.run("import-model", work, self._was_imported, self.import_failed.emit)

    def _was_imported(self, name: str) -> None:
        self.refresh_models()
        self.imported.emit(name)
