"""Events as a table for spreadsheets, and as tables of an SQLite database that may hold any number of videos."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.core.errors import AppError
from app.core.events.answer import Answer, SourceAnswer
from app.core.events.event import Event
from app.core.records.csv_table import as_csv
from app.core.records.frame_record import plain

COLUMNS = (
    *("id", "video", "label", "tracker_id", "start", "end", "duration", "max_score", "still"),
    *("zones", "crossings", "best_frame", "best_time", "x1", "y1", "x2", "y2", "rejected"),
)
_APPLICATION = 0x53534456  # "SSDV": a database of ours
_VERSION = 1
_SCHEMA = """
CREATE TABLE sources (id INTEGER PRIMARY KEY, path TEXT NOT NULL, sha256 TEXT NOT NULL UNIQUE, duration REAL NOT NULL,
  model TEXT NOT NULL, threshold REAL NOT NULL);
CREATE TABLE events (id INTEGER PRIMARY KEY, source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
  number INTEGER NOT NULL, label TEXT NOT NULL, tracker_id INTEGER NOT NULL, "start" REAL NOT NULL, "end" REAL NOT NULL,
  max_score REAL NOT NULL, still REAL NOT NULL, best_frame INTEGER NOT NULL, best_time REAL NOT NULL,
  x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL, rejected INTEGER NOT NULL);
CREATE TABLE crossings (event INTEGER NOT NULL REFERENCES events ON DELETE CASCADE, line TEXT NOT NULL,
  time REAL NOT NULL, direction TEXT NOT NULL);
CREATE TABLE visits (event INTEGER NOT NULL REFERENCES events ON DELETE CASCADE, zone TEXT NOT NULL,
  enter REAL NOT NULL, leave REAL NOT NULL);
CREATE INDEX events_of_source ON events (source, "start");
CREATE INDEX crossings_of_event ON crossings (event);
CREATE INDEX visits_of_event ON visits (event);
"""


def events_csv(answer: Answer) -> str:
    """Returns one row for each event; no cell of it is a formula to a spreadsheet."""
    rows = [_row(source, event, event.id in source.rejected) for source, event in answer.each()]
    return as_csv([COLUMNS, *rows])


def _row(source: SourceAnswer, event: Event, is_rejected: bool) -> tuple[object, ...]:
    zones = "; ".join(f"{v.zone} {v.enter_s:.3f}-{v.leave_s:.3f}" for v in event.zones)
    crossings = "; ".join(f"{c.line} {c.direction} {c.time_s:.3f}" for c in event.crossings)
    times = (event.start_s, event.end_s, event.duration_s)
    about = (source.number(event), str(source.path), event.label, event.tracker_id, *(round(time, 6) for time in times))
    return (*about, plain(event.max_score), round(event.still_s, 6), zones, crossings, *_best(event), int(is_rejected))


def _best(event: Event) -> tuple[object, ...]:
    box = (plain(edge) for edge in event.boxes_xyxy[event.best])
    return int(event.frames[event.best]), round(float(event.times_s[event.best]), 6), *box


def write_sqlite(path: Path, answer: Answer, hashes: Sequence[str]) -> None:
    """Puts the events into a database, which is made where there is none; what it had of the same videos is replaced.

    All of it is written, or nothing: one transaction.

    Args:
        path: The database.
        answer: The events.
        hashes: The SHA-256 of each video.

    Raises:
        AppError: It is no database of ours, or cannot be written.
    """
    existed = path.exists()
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("PRAGMA foreign_keys = ON")
            with _transaction(database):
                _prepare(database, path)
                for source, sha256 in zip(answer.sources, hashes, strict=True):
                    _insert(database, source, sha256)
    except BaseException as error:
        if not existed:
            path.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error):
            raise AppError(f"{path.name} cannot be written: {error}.", "Choose another file or folder.") from error
        raise


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    application, version = (
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application == _APPLICATION and version == _VERSION:
        return
    if tables or application not in (0, _APPLICATION):
        raise AppError(f"{path.name} is a database of another program or version.", "Name a new file.")
    for statement in _SCHEMA.split(";"):  # executescript would end the transaction
        database.execute(statement)
    database.execute(f"PRAGMA application_id = {_APPLICATION}")
    database.execute(f"PRAGMA user_version = {_VERSION}")


def _insert(database: sqlite3.Connection, source: SourceAnswer, sha256: str) -> None:
    path = str(source.path.absolute()).encode("utf-8", "replace").decode()
    database.execute("DELETE FROM sources WHERE sha256 = ?", (sha256,))
    about = (path, sha256, source.duration_s, source.facts.model, source.threshold)
    insert = "INSERT INTO sources (path, sha256, duration, model, threshold) VALUES (?, ?, ?, ?, ?)"
    source_id = database.execute(insert, about).lastrowid
    for event in source.events:
        times = (event.start_s, event.end_s, plain(event.max_score), event.still_s)
        values = (
            source_id,
            event.id,
            event.label,
            event.tracker_id,
            *times,
            *_best(event),
            int(event.id in source.rejected),
        )
        event_id = database.execute(
            f"INSERT INTO events VALUES (NULL, {', '.join('?' * len(values))})", values
        ).lastrowid
        database.executemany(
            "INSERT INTO crossings VALUES (?, ?, ?, ?)",
            [(event_id, crossing.line, crossing.time_s, crossing.direction) for crossing in event.crossings],
        )
        database.executemany(
            "INSERT INTO visits VALUES (?, ?, ?, ?)",
            [(event_id, visit.zone, visit.enter_s, visit.leave_s) for visit in event.zones],
        )
