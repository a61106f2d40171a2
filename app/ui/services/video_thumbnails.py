"""Small pictures out of videos for lists and timelines: made on a worker, the newest request first, the last ones kept.

GUI thread. One worker at a time opens a video, makes what is wanted of it, and closes it when nothing is left.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from app.core.errors import ExplainedError
from app.core.frames import ImageBGRA
from app.ui.services.background import Background
from app.ui.services.bridge import Wake

_KEPT = 800  # pictures in memory, 30 kB each
_WANTED = 48  # more have scrolled out of sight again before they could be made

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ThumbnailKey:
    """A picture that is wanted.

    Attributes:
        video: The file.
        pts_s: The moment.
        box: What to show of the frame, pixels; None for all of it.
        size: (width, height), pixels.
    """

    video: Path
    pts_s: Fraction
    box: Box | None
    size: tuple[int, int]


class ThumbnailReader(Protocol):
    """Reads pictures of one video; opened, used and closed on one thread."""

    def read(self, pts_s: Fraction, box: Box | None, size: tuple[int, int]) -> ImageBGRA: ...
    def close(self) -> None: ...


def open_thumbnails_now(video: Path) -> ThumbnailReader:
    """Opens a video for its pictures; on a worker."""
    from app.core.preload import preload_media
    from app.core.sources.video_thumbnails import VideoThumbnails

    preload_media()
    return VideoThumbnails(video)


class VideoThumbnailMaker(QObject):
    """Makes pictures and keeps the last of them.

    Args:
        background: Runs the worker.
        open_reader: Opens a video.
    """

    made = Signal()
    """Some pictures that were asked for are there now."""

    def __init__(
        self, background: Background, open_reader: Callable[[Path], ThumbnailReader] = open_thumbnails_now
    ) -> None:
        super().__init__()
        self._background, self._open = background, open_reader
        self._lock = threading.Lock()
        self._wanted: OrderedDict[ThumbnailKey, None] = OrderedDict()
        self._at_work: set[ThumbnailKey] = set()  # not wanted any more, and not kept yet
        self._ready: list[tuple[ThumbnailKey, QImage | None]] = []
        self._kept: OrderedDict[ThumbnailKey, QImage | None] = OrderedDict()  # None: it cannot be made
        self._wake = Wake(self._take)
        self._works = False

    def get(self, key: ThumbnailKey) -> QImage | None:
        """Returns the picture if it is there; otherwise it is made, and ``made`` tells."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        with self._lock:
            if key in self._at_work:
                return None
            self._wanted[key] = None
            self._wanted.move_to_end(key)
            if len(self._wanted) > _WANTED:
                self._wanted.popitem(last=False)
        self._begin()
        return None

    def forget_wishes(self) -> None:
        """Forget what was asked for: nobody looks at it any more."""
        with self._lock:
            self._wanted.clear()

    def close(self) -> None:
        """Make no more, and tell nobody."""
        self.forget_wishes()
        self._wake.close()

    def _begin(self) -> None:
        if not self._works:
            self._works = True
            self._background.run("thumbnails", self._work, self._ended, self._failed)

    def _ended(self, _nothing: None) -> None:
        self._works = False
        with self._lock:
            more = bool(self._wanted)
        if more:
            self._begin()

    def _failed(self, _error: ExplainedError) -> None:
        with self._lock:
            self._at_work.clear()
        self._ended(None)

    def _take(self) -> None:
        with self._lock:
            ready, self._ready = self._ready, []
            self._at_work.difference_update(key for key, _ in ready)
        for key, image in ready:
            self._kept[key] = image
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        self.made.emit()

    # On the worker

    def _work(self) -> None:
        key = self._next(None)
        while key is not None:
            video = key.video
            try:
                reader = self._open(video)
            except ExplainedError:
                while key is not None and key.video == video:
                    self._give(key, None)
                    key = self._next(video)
                continue
            try:
                while key is not None and key.video == video:
                    self._give(key, _image(reader, key))
                    key = self._next(video)
            finally:
                reader.close()

    def _next(self, video: Path | None) -> ThumbnailKey | None:
        """The newest request, of ``video`` if there is one."""
        with self._lock:
            key = next((key for key in reversed(self._wanted) if key.video == video), None)
            if key is None and self._wanted:
                key = next(reversed(self._wanted))
            if key is not None:
                del self._wanted[key]
                self._at_work.add(key)
            return key

    def _give(self, key: ThumbnailKey, image: QImage | None) -> None:
        with self._lock:
            self._ready.append((key, image))
        self._wake.post()


def _image(reader: ThumbnailReader, key: ThumbnailKey) -> QImage | None:
    try:
        bgra = reader.read(key.pts_s, key.box, key.size)
    except ExplainedError:
        return None
    rows, columns = bgra.shape[:2]
    return QImage(bgra.data, columns, rows, bgra.strides[0], QImage.Format.Format_RGB32).copy()
