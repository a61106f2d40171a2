"""The models and devices there are, and what is done to them: asked on workers, answered by signals. GUI thread."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, Signal

from app.core.live.events import ModelMeasured
from app.core.model_cards import model_cards
from app.core.paths import speeds_file
from app.core.preload import preload_torch
from app.core.settings import Choices
from app.core.speeds import MeasuredSpeed, load_speeds, record_speed
from app.ui.services.background import Background, Failed
from app.ui.widgets.quantity_text import shorten
from detector.errors import DetectorError
from detector.importers.base import Overrides
from detector.library import ModelLibrary
from detector.model_file import IR_BIN, ModelEntry

if TYPE_CHECKING:
    from app.core.model_check import ModelCheck
    from detector.importers.model_writer import RecognisedModel
    from detector.runtime.quantise import OptimisedModel

_NAME_LENGTH = 48
T = TypeVar("T")
Choose = Callable[[], Overrides]
"""Gives what the user says about a file; may read a list of labels, so it is called on a worker."""


def shown_name(entry: ModelEntry) -> str:
    """Returns a model's name for lists; a demo says that it is one."""
    return f"{entry.name} (demo: drawn shapes only)" if entry.spec.demo else entry.name


def free_name(path: Path, taken: set[str]) -> str:
    """Returns a name made from a file's name, or its folder's where all files are named alike; none of ``taken``."""
    word = path.parent.name if path.name == "model.json" else path.stem
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", word).strip("-._")[:_NAME_LENGTH].strip("-._") or "model"
    lowered = {name.lower() for name in taken}
    name, count = base, 1
    while name.lower() in lowered:
        count += 1
        name = f"{base}-{count}"
    return name


def list_devices_now() -> Choices:
    """Returns the devices for the panel; slow, for a worker: it loads torch where there may be a GPU."""
    from detector.runtime.devices import available_devices, may_have_gpu

    if may_have_gpu():
        preload_torch()
    return tuple(available_devices())


class LibraryClient(QObject):
    """Asks the library off the GUI thread."""

    models = Signal(object)
    """Choices for the panel."""
    cards = Signal(object)
    """Every ``ModelCard``, in the library's order."""
    devices = Signal(object)

    def __init__(
        self,
        library: Callable[[], ModelLibrary],
        background: Background,
        list_devices: Callable[[], Choices] = list_devices_now,
    ) -> None:
        super().__init__()
        self._library = library
        self._background = background
        self._list_devices = list_devices
        self._asked = 0

    def refresh_models(self) -> None:
        """List the models; ``models`` and ``cards`` follow."""
        self._asked += 1
        asked = self._asked

        def work() -> tuple[Choices, object]:
            library = self._library()
            choices = tuple((entry.name, shown_name(entry)) for entry in library.list() if entry.path is not None)
            return choices, model_cards(library, load_speeds(speeds_file()))

        def tell(found: tuple[Choices, object]) -> None:
            if asked == self._asked:  # of several answers only the last is not old
                self.models.emit(found[0])
                self.cards.emit(found[1])

        self._background.run("list-models", work, tell)

    def refresh_devices(self) -> None:
        """List the devices; ``devices`` follows."""

        def work() -> Choices:
            found = self._list_devices()
            auto = () if any(device == "auto" for device, _ in found) else (("auto", "auto"),)
            return (*auto, *((device, shorten(words, 60)) for device, words in found))

        self._background.run("list-devices", work, self.devices.emit)

    def record_speed(self, told: ModelMeasured) -> None:
        """Remember how fast a model ran; the cards follow."""

        def work() -> None:
            path = self._library().find(told.name).path
            if path is None:
                return
            today = date.today().isoformat()
            speed = MeasuredSpeed(told.frames_per_s, told.engine, told.device, told.precision, today)
            try:
                record_speed(speeds_file(), path, speed)
            except OSError as error:  # removed at this moment
                raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error

        self._change("record-speed", work, lambda _none: None, None)

    def preview(self, path: Path, choose: Choose, done: Callable[[RecognisedModel], None], failed: Failed) -> None:
        """Find out what model a file would become."""

        def work() -> RecognisedModel:
            from detector.importers.model_writer import preview_model

            _make_ready(path)
            return preview_model(path, choose())

        self._background.run("preview-model", work, done, failed)

    def import_file(self, path: Path, name: str, choose: Choose, done: Callable[[str], None], failed: Failed) -> None:
        """Add a model file to the library; ``done`` gets its name, and the lists follow."""

        def work() -> str:
            _make_ready(path)
            return self._library().import_file(path, name, choose()).entry.name

        self._change("import-model", work, done, failed)

    def rename(self, old: str, new: str, done: Callable[[str], None], failed: Failed) -> None:
        """Give the user's model another name; ``done`` gets it, and the lists follow."""
        self._change("rename-model", lambda: self._library().rename(old, new).name, done, failed)

    def remove(self, name: str, done: Callable[[str], None], failed: Failed) -> None:
        """Delete the user's model; ``done`` gets its name, and the lists follow."""

        def work() -> str:
            self._library().remove(name)
            return name

        self._change("remove-model", work, done, failed)

    def check(self, name: str, done: Callable[[tuple[ModelCheck, ...]], None], failed: Failed) -> None:
        """Run a model on the image whose results it keeps, on every engine there is; takes seconds."""

        def work() -> tuple[ModelCheck, ...]:
            from app.core.model_check import check_model

            preload_torch()
            return tuple(check_model(self._library().find(name)))

        self._background.run("check-model", work, done, failed)

    def optimise(
        self,
        name: str,
        report: Callable[[str, float], None],
        stop: threading.Event,
        done: Callable[[OptimisedModel], None],
        failed: Failed,
    ) -> None:
        """Measure a model in int8; takes minutes, in another process. The lists follow.

        Args:
            name: The model's.
            report: Told on the worker what is being done, and how much of the whole is done.
            stop: Set to give up; ``failed`` is called then, too.
            done: Receives the result.
            failed: Receives what went wrong.
        """

        def work() -> OptimisedModel:
            from app.core.optimise.run import optimise

            return optimise(self._library().find(name), None, report, stop)

        self._change("optimise-model", work, done, failed)

    def hash_file(self, path: Path, done: Callable[[str], None]) -> None:
        """Compute the SHA-256 of a model file; of an IR folder, that of its weights."""

        def work() -> str:
            try:
                with (path / IR_BIN if path.is_dir() else path).open("rb") as file:
                    return hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error

        self._background.run("hash-model", work, done)

    def _change(self, name: str, work: Callable[[], T], done: Callable[[T], None], failed: Failed | None) -> None:
        """Change the library, then list it again."""

        def changed(result: T) -> None:
            self.refresh_models()
            done(result)

        self._background.run(name, work, changed, failed)


def _make_ready(path: Path) -> None:
    if path.suffix.lower() != ".xml":
        preload_torch()
