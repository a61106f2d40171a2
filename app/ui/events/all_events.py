"""One list over all videos that were looked at or analysed. GUI thread; the index is read and written on workers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.candidate_cache.store_facts import StoreFacts
from app.core.errors import AppError, ExplainedError
from app.core.events.index import IndexContent, IndexedVideo, find_moved, with_live
from app.core.events.index_filling import IndexSettings, analysed_below, entry_of, indexed
from app.core.events.judgements import Verdict
from app.core.events.listing import ListedEvent, ListQuery, listed
from app.core.events.saying import EventStores
from app.core.events.scene_store import SceneStore
from app.core.export.request import ExportReport
from app.ui.events.all_case import AllAnswers
from app.ui.events.event_work import EventList
from app.ui.services.background import Background
from app.ui.services.bridge import Wake
from app.ui.services.renewal import Renewal
from app.ui.services.settings_model import SettingsModel

_PUT_AFTER_MS = 1500


class FillingStoppedError(AppError):
    """The user stopped looking for analysed videos; those found so far stay."""


@dataclass(frozen=True, slots=True, eq=False)
class AllList:
    """What is listed of all videos.

    Attributes:
        content: All that there is.
        listed: Those that were asked for.
    """

    content: IndexContent
    listed: tuple[ListedEvent, ...]


class AllEvents(QObject):
    """Keeps the index, and lists what is in it.

    Args:
        settings: Thresholds and overlap limit.
        background: Runs the workers.
        stores: The index, the events of live sources, and what was said of events.
    """

    made = Signal(object)
    """``AllList``."""
    filled = Signal(int, str)
    """How many videos were found so far, and the one at work; "" at the end."""
    failed = Signal(object)
    """``ExplainedError``."""
    said = Signal()
    """Something was said of events, and is kept."""
    not_kept = Signal(object)
    """``ExplainedError``: what was said of an event cannot be remembered."""
    found = Signal(object, object)
    """Where a video lies now (None for nowhere), and the ``ListedEvent`` for which it was looked for."""

    def __init__(self, settings: SettingsModel, background: Background, stores: EventStores) -> None:
        super().__init__()
        self._settings, self._background, self._stores = settings, background, stores
        self._index = stores.index
        self._query = ListQuery()
        self._content: IndexContent | None = None  # None: to be read again
        self._active = False
        self._renewal = Renewal(background, "all-events", self._begin, self._done, self.failed.emit)
        self._stop = threading.Event()
        self._waiting: EventList | None = None
        self._put_rows: tuple[ListedEvent, ...] | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_PUT_AFTER_MS)
        self._later.timeout.connect(self._put)
        self._progress: tuple[int, str] = (0, "")
        self._wake = Wake(self._tell_filled)

    def close(self) -> None:
        """The window closes: what waits is lost, and made again when its video is looked at."""
        self._later.stop()
        self._stop.set()
        self._wake.close()

    # Listing

    def show(self, active: bool) -> None:
        """Make lists from now on, or not: nobody looks."""
        if active and not self._active:
            self._content = None  # live sources may have more by now
        self._active = active
        self._list()

    def ask(self, query: ListQuery) -> None:
        """List what ``query`` asks for."""
        self._query = query
        self._list()

    def _list(self) -> None:
        self._renewal.ask()

    def _begin(self) -> Callable[[], AllList] | None:
        if not self._active:
            return None
        content, query = self._content, self._query

        def work() -> AllList:
            known = with_live(self._index.read(), self._stores.archive.of()) if content is None else content
            return AllList(known, listed(known.events, known.labels, query))

        return work

    def _done(self, made: AllList, again: bool) -> None:
        if not again:  # otherwise the content may be another by now
            self._content = made.content
            self.made.emit(made)

    def _changed(self, _nothing: None = None) -> None:
        self._content = None
        self._list()

    # Filling

    def remember(self, made: EventList) -> None:
        """Put the events of a video into the index, once its list has stood for a moment."""
        if made.rows is not self._put_rows:
            self._put_rows, self._waiting = made.rows, made
            self._later.start()

    def _put(self) -> None:
        made, self._waiting = self._waiting, None
        if made is not None:
            entry = entry_of(made.followed, made.wanted.detection.threshold)
            self._background.run("index", lambda: self._index.put(entry, made.rows), self._changed, self.failed.emit)

    def add_export(self, report: ExportReport) -> None:
        """Put the events of a video into the index that an export has found."""
        video, store, settings = report.source, report.cache, self._index_settings()
        if store is not None:
            self._background.run(
                "index", lambda: self._index.put(*indexed(video, store, settings)), self._changed, self.failed.emit
            )

    def add_folder(self, folder: Path) -> None:
        """Look for analysed videos below ``folder``, and put their events into the index."""
        self._stop = threading.Event()
        stop, settings = self._stop, self._index_settings()

        def check() -> None:
            if stop.is_set():
                raise FillingStoppedError("It was stopped.")

        def work() -> int:
            count = 0
            for video, store in analysed_below(folder, check):
                self._progress = count, video.name
                self._wake.post()
                self._index.put(*indexed(video, store, settings, check))
                count += 1
            return count

        self._background.run("index-folder", work, self._folder_done, self._folder_failed)

    def stop_filling(self) -> None:
        """Look no further."""
        self._stop.set()

    @property
    def answers(self) -> AllAnswers:
        """Finds the events of the list again, for a case."""
        videos = () if self._content is None else self._content.videos
        settings = self._index_settings()
        return AllAnswers(videos, self._query.question, settings.iou_threshold, settings.scene_of, settings.said)

    def _index_settings(self) -> IndexSettings:
        current, settings = self._settings.current, self._settings
        scenes, judgements = SceneStore(), self._stores.judgements

        def threshold_of(facts: StoreFacts) -> float:
            return settings.threshold_of(facts.model).value

        return IndexSettings(
            threshold_of, current.detection.iou, lambda video: scenes.scene_of(str(video)), judgements.of
        )

    def _tell_filled(self) -> None:
        self.filled.emit(*self._progress)

    def _folder_done(self, count: int) -> None:
        self._changed()
        self.filled.emit(count, "")

    def _folder_failed(self, error: ExplainedError) -> None:
        self._folder_done(self._progress[0])
        if not isinstance(error, FillingStoppedError):
            self.failed.emit(error)

    # Saying something of events

    def say(self, said: Sequence[tuple[ListedEvent, Verdict]]) -> None:
        """Remember what a person said of events of the list."""
        content = self._content
        if content is None or not said:
            return

        def kept(_: None) -> None:
            self._changed()
            self.said.emit()

        self._background.run("judgements", lambda: self._stores.say(said, content.videos), kept, self.not_kept.emit)

    # Going there

    def look_for(self, row: ListedEvent) -> None:
        """Find out where the video of an event lies now; ``found`` tells."""
        content = self._content
        if content is None or row.video is None:
            return
        path = row.video
        entry = next((video for video in content.videos if video.path == path), None)
        folders = tuple(dict.fromkeys(video.path.parent for video in content.videos))

        def work() -> Path | None:
            if entry is None or path.is_file():
                return path
            return self._moved(entry, folders)

        def done(place: Path | None) -> None:
            if place != path and place is not None:
                self._changed()
            self.found.emit(place, row)

        self._background.run("find-video", work, done, self.failed.emit)

    def _moved(self, entry: IndexedVideo, folders: tuple[Path, ...]) -> Path | None:
        nearby = [entry.path.parent, *folders]
        place = find_moved(entry, [*nearby, *(folder.parent for folder in nearby)])
        if place is not None:
            self._index.move(entry.fingerprint, place)
        return place
