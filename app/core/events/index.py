"""Remembers the events of every video that was looked at or analysed, so that one list has all of them. Any thread.

One SQLite database in the data folder. Nothing in it is known from here alone: it can be removed and filled again from
the kept detections beside the videos. A video is known by the fingerprint of its content, so one that was moved stays
one; where it lies is remembered from when it was last seen.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from app.core.candidate_cache.source_content import SourceContent
from app.core.errors import AppError
from app.core.events.judgements import MAX_NAME, Verdict
from app.core.events.kept_event import KeptEvent
from app.core.events.listing import ListedEvent
from app.core.events.where_json import where_json, where_of
from app.core.files.write_errors import explain_write_error

_APPLICATION, _VERSION = 0x53534549, 2  # "SSEI"
_WITH_FRAME = """ALTER TABLE videos ADD COLUMN width INTEGER NOT NULL DEFAULT 0;
ALTER TABLE videos ADD COLUMN height INTEGER NOT NULL DEFAULT 0;"""
"""Makes version 2 of version 1."""
_SCHEMA = f"""
CREATE TABLE videos (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, path TEXT NOT NULL,
  size INTEGER NOT NULL, model TEXT NOT NULL, threshold REAL NOT NULL);
CREATE TABLE events (video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE, number INTEGER NOT NULL,
  label TEXT NOT NULL, "start" REAL NOT NULL, "end" REAL NOT NULL, score REAL NOT NULL, still REAL NOT NULL,
  pts_num INTEGER NOT NULL, pts_den INTEGER NOT NULL, x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL,
  y2 REAL NOT NULL, "where" TEXT NOT NULL, marked INTEGER NOT NULL, rejected INTEGER NOT NULL, name TEXT NOT NULL);
CREATE INDEX events_of_video ON events (video);
{_WITH_FRAME}
"""
_UNREADABLE = (sqlite3.Error, ValueError, TypeError, KeyError, RecursionError, OverflowError)
_MAX_LOOKED_AT = 2000  # files, for a video that was moved


@dataclass(frozen=True, slots=True)
class IndexedVideo:
    """A video of the index.

    Attributes:
        fingerprint: Its content, as ``SourceKey.sha256``.
        path: Where it was last seen.
        size: Bytes.
        model: Whose detections its events are of.
        threshold: At which.
        frame: (width, height) of its upright frames, pixels; zeros where an older program listed it.
    """

    fingerprint: str
    path: Path
    size: int
    model: str
    threshold: float
    frame: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class IndexContent:
    """All that is in the index.

    Attributes:
        videos: By path.
        events: By video, in the order in which they begin; ``class_id`` counts in ``labels``.
        labels: The classes of all of them.
    """

    videos: tuple[IndexedVideo, ...] = ()
    events: tuple[ListedEvent, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def sources(self) -> int:
        """Number of live sources of which there are events."""
        return len({event.live.source for event in self.events if event.live is not None})


def with_live(content: IndexContent, kept: Sequence[KeptEvent]) -> IndexContent:
    """Returns ``content`` and after it what is kept of live sources, numbered in the order in which it ended."""
    labels = tuple(sorted({*content.labels, *(one.event.label for one in kept)}))
    class_of = {label: place for place, label in enumerate(labels)}
    events = (replace(event, class_id=class_of[event.label]) for event in content.events)
    live = (
        one.listed(number, class_of[one.event.label], one.session.day, one.session.name)
        for number, one in enumerate(kept, 1)
    )
    return IndexContent(content.videos, (*events, *live), labels)


class EventIndex:
    """The index.

    Args:
        path: The database; made when something is first put into it. One that is damaged or of another version is
            replaced: all of it is known from elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, video: IndexedVideo, events: Sequence[ListedEvent]) -> None:
        """Remembers the events of a video in place of those before.

        Raises:
            AppError: The file cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._put(video, events)
        except OSError as error:
            raise explain_write_error(error, self._path) from error
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise self._refused(error) from error
            with contextlib.suppress(OSError):  # another program has it open
                self._path.unlink(missing_ok=True)
            try:
                self._put(video, events)
            except sqlite3.Error as again:
                raise self._refused(again) from again

    def _put(self, video: IndexedVideo, events: Sequence[ListedEvent]) -> None:
        with self._database() as database, database:
            known = (video.fingerprint, _text(video.path))
            database.execute("DELETE FROM videos WHERE fingerprint = ? OR path = ?", known)
            about = (*known, video.size, video.model, video.threshold, *video.frame)
            names = "fingerprint, path, size, model, threshold, width, height"
            insert = f"INSERT INTO videos ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)"
            number = database.execute(insert, about).lastrowid
            rows = [(number, *_row(event)) for event in events]
            database.executemany(f"INSERT INTO events VALUES ({', '.join('?' * 17)})", rows)

    def move(self, fingerprint: str, path: Path) -> None:
        """Remembers that a video lies elsewhere now; raises as ``put``."""
        with self._explained(), self._database() as database, database:
            database.execute("UPDATE videos SET path = ? WHERE fingerprint = ?", (_text(path), fingerprint))

    def say(self, fingerprint: str, verdicts: Sequence[tuple[int, Verdict]]) -> None:
        """Remembers what is said of events of a video, by their numbers; raises as ``put``."""
        which = "number = ? AND video = (SELECT id FROM videos WHERE fingerprint = ?)"
        rows = [(said.marked, said.rejected, said.name, number, fingerprint) for number, said in verdicts]
        with self._explained(), self._database() as database, database:
            database.executemany(f"UPDATE events SET marked = ?, rejected = ?, name = ? WHERE {which}", rows)

    def read(self) -> IndexContent:
        """Returns all of it; nothing where there is none, or it is damaged."""
        if not self._path.exists():
            return IndexContent()
        with (
            contextlib.suppress(*_UNREADABLE),
            self._database() as database,
        ):
            select = "SELECT id, fingerprint, path, size, model, threshold, width, height FROM videos ORDER BY path"
            videos = {int(row[0]): _video(row[1:]) for row in database.execute(select).fetchall()}
            order = 'events JOIN videos ON videos.id = video ORDER BY videos.path, "start", number'
            rows = database.execute(f"SELECT events.* FROM {order}").fetchall()
            labels = {label: place for place, label in enumerate(sorted({str(row[2]) for row in rows}))}
            events = tuple(_event(row, videos[row[0]].path, labels) for row in rows)
            return IndexContent(tuple(videos.values()), events, tuple(labels))
        return IndexContent()

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path)) as database:
            database.execute("PRAGMA foreign_keys = ON")
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                marks = f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {_VERSION};"
                database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {marks} COMMIT;")
            elif version == 1:
                database.executescript(f"BEGIN IMMEDIATE; {_WITH_FRAME} PRAGMA user_version = {_VERSION}; COMMIT;")
            elif version != _VERSION:
                raise sqlite3.DatabaseError("it is of another version of the program")
            yield database

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._refused(error) from error

    def _refused(self, error: sqlite3.Error) -> AppError:
        return AppError(f"The list of all events cannot be kept: {error}.", f"Remove {self._path}; it is made anew.")


def find_moved(video: IndexedVideo, folders: Sequence[Path]) -> Path | None:
    """Looks for a video that is not where it was: a file of its size and content in one of ``folders``.

    Args:
        video: What is looked for.
        folders: Where; what lies below them is not looked at.
    """
    looked_at = 0
    for folder in dict.fromkeys(folders):
        with contextlib.suppress(OSError):
            for path in sorted(folder.iterdir(), key=lambda path: path.name != video.path.name):
                looked_at += 1
                if looked_at > _MAX_LOOKED_AT:
                    return None
                if path.is_file() and path.stat().st_size == video.size:
                    with contextlib.suppress(AppError):
                        if SourceContent(path).key.sha256 == video.fingerprint:
                            return path
    return None


def _text(path: Path) -> str:
    return str(path.absolute()).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _video(row: Sequence[Any]) -> IndexedVideo:
    frame = max(0, int(row[5])), max(0, int(row[6]))
    return IndexedVideo(str(row[0]), Path(str(row[1])), int(row[2]), str(row[3]), float(row[4]), frame)


def _row(event: ListedEvent) -> tuple[Any, ...]:
    times = (event.start_s, event.end_s, event.max_score, event.still_s)
    moment = (event.best_pts_s.numerator, event.best_pts_s.denominator)
    said = (event.verdict.marked, event.verdict.rejected, event.verdict.name)
    return (event.number, event.label, *times, *moment, *event.box, where_json(event.zones, event.crossings), *said)


def _event(row: Sequence[Any], video: Path, labels: dict[str, int]) -> ListedEvent:
    zones, crossings = where_of(str(row[13]))
    return ListedEvent(
        number=int(row[1]),
        class_id=labels[str(row[2])],
        label=str(row[2]),
        start_s=float(row[3]),
        end_s=float(row[4]),
        max_score=float(row[5]),
        still_s=float(row[6]),
        best_pts_s=Fraction(int(row[7]), max(1, int(row[8]))),
        box=(float(row[9]), float(row[10]), float(row[11]), float(row[12])),
        zones=zones,
        crossings=crossings,
        verdict=Verdict(bool(row[14]), bool(row[15]), str(row[16])[:MAX_NAME]),
        video=video,
    )
