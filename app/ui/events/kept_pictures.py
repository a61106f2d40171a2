"""Pictures of kept live events: read on a worker, the last ones kept in memory. GUI thread."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from app.core.errors import AppError, ExplainedError
from app.core.events.listing import ListedEvent
from app.core.events.live_archive import LiveArchive
from app.core.files.atomic_file import write_atomically
from app.ui.services.background import Background

_KEPT = 300  # 400 kB each
_Key = tuple[int, float]


class KeptPictures(QObject):
    """Reads pictures.

    Args:
        archive: Has them.
        background: Runs the worker.
    """

    made = Signal()
    """Some pictures that were asked for are there now."""
    saved = Signal(object)
    """Path of a file that is written."""
    not_saved = Signal(object)
    """``ExplainedError``."""

    def __init__(self, archive: LiveArchive, background: Background) -> None:
        super().__init__()
        self._archive, self._background = archive, background
        self._pictures: OrderedDict[_Key, QImage | None] = OrderedDict()  # None: there is none
        self._wanted: dict[_Key, None] = {}
        self._works = False

    def get(self, row: ListedEvent) -> QImage | None:
        """Returns the picture of an event if it is there; otherwise it is read, and ``made`` tells."""
        if row.live is None or not row.live.kept:
            return None
        key = row.live.kept, row.max_score  # with a better score comes another picture
        if key in self._pictures:
            self._pictures.move_to_end(key)
            return self._pictures[key]
        self._wanted[key] = None
        self._begin()
        return None

    def save(self, row: ListedEvent, target: Path) -> None:
        """Write the picture of an event into a file, as it was kept."""
        number = 0 if row.live is None else row.live.kept

        def work() -> None:
            packed = self._archive.picture(number)
            if packed is None:
                raise AppError("The picture is not kept any more.", "Preferences say how long pictures are kept.")
            write_atomically(target, packed)

        self._background.run("save-picture", work, lambda _: self.saved.emit(target), self.not_saved.emit)

    def _begin(self) -> None:
        if self._works or not self._wanted:
            return
        self._works = True
        wanted, self._wanted = tuple(self._wanted), {}

        def work() -> list[QImage | None]:
            return [picture_from(self._archive.picture(number)) for number, _ in wanted]

        def done(pictures: list[QImage | None]) -> None:
            self._pictures.update(zip(wanted, pictures, strict=True))
            while len(self._pictures) > _KEPT:
                self._pictures.popitem(last=False)
            self._works = False
            self.made.emit()
            self._begin()

        def failed(_error: ExplainedError) -> None:
            done([None] * len(wanted))

        self._background.run("live-pictures", work, done, failed)


def picture_from(packed: bytes | None) -> QImage | None:
    """Returns a picture from the bytes of its file; None where they are none."""
    image = QImage.fromData(packed) if packed else QImage()
    return None if image.isNull() else image
