"""Makes previews of a model file: pictures made on a worker, one way to understand it after the other. GUI thread.

A worker leaves each picture here and wakes this thread; ``stop`` ends it after the way it is at.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.core.errors import ExplainedError
from app.core.frames import ImageBGR
from app.core.preload import preload_openvino
from app.ui.services.background import Background
from app.ui.services.bridge import Wake
from app.ui.services.library_client import Choose

if TYPE_CHECKING:
    from app.core.import_pictures import WayPicture

ReadImage = Callable[[], ImageBGR]
"""Gives the user's image; may read a file, so it is called on a worker."""


class ImportLooks(QObject):
    """Makes the pictures of one file with one set of choices at a time."""

    came = Signal(object)
    """``WayPicture``."""
    ended = Signal()
    failed = Signal(object)
    """``ExplainedError``."""

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._turn = threading.Lock()  # one file at a time, though those that were stopped still end
        self._stop = threading.Event()
        self._pictures: deque[tuple[threading.Event, WayPicture]] = deque()
        self._wake = Wake(self._deliver)
        self.running = False
        """Whether pictures are to come."""

    def start(self, path: Path, choose: Choose, read: ReadImage) -> None:
        """Look once more, in place of what is under way; ``ended`` or ``failed`` follows."""
        self.stop()
        self._stop = stop = threading.Event()
        self.running = True

        def work() -> None:
            from app.core.import_pictures import way_pictures

            with self._turn:
                if stop.is_set():
                    return
                preload_openvino()
                for picture in way_pictures(path, choose(), read()):
                    if stop.is_set():
                        return
                    self._pictures.append((stop, picture))
                    self._wake.post()

        def done(_nothing: None) -> None:
            if not stop.is_set():
                self._deliver()
                self.running = False
                self.ended.emit()

        def failed(error: ExplainedError) -> None:
            if not stop.is_set():
                self.running = False
                self.failed.emit(error)

        self._background.run("look-at-ways", work, done, failed)

    def stop(self) -> None:
        """Want no more of the pictures that are to come."""
        self._stop.set()
        self.running = False

    def close(self) -> None:
        """Stop, and emit nothing more."""
        self._wake.close()
        self.stop()

    def _deliver(self) -> None:
        while self._pictures:
            stop, picture = self._pictures.popleft()
            if not stop.is_set():
                self.came.emit(picture)
