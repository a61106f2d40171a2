"""Keeps the events of live sources between starts, with their best pictures. Any thread.

One SQLite database in the data folder, bounded in age, number and size. What was marked or named has no age, and goes
last where there are too many.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from app.core.events.database import DatabaseKind, open_database
from app.core.events.event import Event
from app.core.events.judgements import MAX_NAME, Verdict
from app.core.events.kept_event import (
    KeptEvent,
    KeptSession,
    is_same,
    joined,
    pack_sightings,
    thinned,
    unpack_sightings,
)
from app.core.events.where_json import where_json, where_of
from app.core.files.write_errors import explain_write_error

MOST_EVENTS = 20_000
MOST_BYTES = 512 * 2**20  # of pictures and sightings
_DAY_S = 86_400.0
_KIND = DatabaseKind(
    "The events of live sources",
    0x5353444C,  # "SSDL"
    1,
    """
CREATE TABLE IF NOT EXISTS sessions (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, source TEXT NOT NULL,
  name TEXT NOT NULL, day TEXT NOT NULL, model TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY,
  session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE, ended REAL NOT NULL, label TEXT NOT NULL,
  tracks TEXT NOT NULL, numbers TEXT NOT NULL, still REAL NOT NULL, "where" TEXT NOT NULL, marked INTEGER NOT NULL,
  rejected INTEGER NOT NULL, name TEXT NOT NULL, sightings BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS pictures (event INTEGER PRIMARY KEY REFERENCES events ON DELETE CASCADE,
  picture BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS events_of_session ON events (session, ended);
CREATE INDEX IF NOT EXISTS events_by_age ON events (ended);
""",
)
_SESSION = "sessions.key, sessions.source, sessions.name, day, model, width, height"
_WRITTEN = ("ended", "label", "tracks", "numbers", "still", '"where"', "marked", "rejected", "name", "sightings")
_EVENT = 'events.id, label, tracks, numbers, still, "where", marked, rejected, events.name, sightings'

PictureOf = Callable[[Event], bytes | None]
"""Returns the best picture of an event, JPEG."""


class LiveArchive:
    """All events of live sources.

    Args:
        path: The database; made when something is first kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, events: Sequence[KeptEvent], picture_of: PictureOf) -> tuple[KeptEvent, ...]:
        """Keeps events of one session, each joined with what was kept of it before: all of them, or none.

        Args:
            events: The events.
            picture_of: Called for those that have a better picture now.

        Returns:
            The events as they are kept.

        Raises:
            AppError: The file cannot be written.
        """
        if not events:
            return ()
        self._make_folder()
        with open_database(self._path, _KIND) as database:
            database.execute("BEGIN IMMEDIATE")
            number = _number_of(database, events[0].session)
            kept = tuple(self._keep_one(database, number, one, picture_of) for one in events)
            database.execute("COMMIT")
        return kept

    def _keep_one(self, database: sqlite3.Connection, session: int, one: KeptEvent, picture_of: PictureOf) -> KeptEvent:
        select = f"SELECT {_EVENT} FROM events WHERE session = ? AND ended >= ?"
        since = _moment(one.session.day, one.event.start_s)
        known = [_event(row, one.session) for row in database.execute(select, (session, since)).fetchall()]
        same = [before for before in known if before is not None and is_same(before.event, one.event)]
        event = thinned(one.event)
        for before in same:
            event = joined(before.event, event)
        numbers = tuple(dict.fromkeys(number for part in (*same, one) for number in part.numbers))
        kept = replace(one, event=event, numbers=numbers)
        if same:
            best = max(same, key=lambda before: before.event.max_score)
            kept = replace(kept, id=best.id)
            gone = [(before.id,) for before in same if before is not best]
            database.executemany("DELETE FROM events WHERE id = ?", gone)
            columns = ", ".join(f"{name} = ?" for name in _WRITTEN)
            database.execute(f"UPDATE events SET {columns} WHERE id = ?", (*_row(kept), best.id))
        else:
            values = (session, *_row(kept))
            added = database.execute(f"INSERT INTO events VALUES (NULL, {', '.join('?' * len(values))})", values)
            kept = replace(kept, id=int(added.lastrowid or 0))
        if all(before.event.max_score < event.max_score for before in same) and (picture := picture_of(one.event)):
            database.execute("INSERT OR REPLACE INTO pictures VALUES (?, ?)", (kept.id, picture))
        return kept

    def of(self, source: str | None = None) -> tuple[KeptEvent, ...]:
        """Returns the events of a source, or of all, in the order in which they ended.

        Raises:
            AppError: The file cannot be read.
        """
        if not self._path.exists():
            return ()
        tables = "events JOIN sessions ON sessions.id = session"
        which, values = ("", ()) if source is None else ("WHERE source = ?", (source,))
        sessions: dict[str, KeptSession] = {}
        with open_database(self._path, _KIND) as database:
            rows = database.execute(f"SELECT {_SESSION}, {_EVENT} FROM {tables} {which} ORDER BY ended", values)
            found = [(_session(row[:7], sessions), row[7:]) for row in rows]
        events = (None if session is None else _event(row, session) for session, row in found)
        return tuple(event for event in events if event is not None)

    def picture(self, event: int) -> bytes | None:
        """Returns the picture of an event, JPEG; None where there is none.

        Raises:
            AppError: The file cannot be read.
        """
        if not self._path.exists():
            return None
        with open_database(self._path, _KIND) as database:
            row = database.execute("SELECT picture FROM pictures WHERE event = ?", (event,)).fetchone()
        return bytes(row[0]) if row is not None and isinstance(row[0], bytes) and row[0] else None

    def say(self, verdicts: Sequence[tuple[int, Verdict]]) -> None:
        """Remembers what is said of events, by their numbers; raises as ``keep``."""
        self._make_folder()
        update = "UPDATE events SET marked = ?, rejected = ?, name = ? WHERE id = ?"
        rows = [(said.marked, said.rejected, said.name.strip()[:MAX_NAME], event) for event, said in verdicts]
        with open_database(self._path, _KIND) as database:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(update, rows)
            database.execute("COMMIT")

    def forget_old(self, days: int, today: date) -> tuple[str, ...]:
        """Forgets what is older than that many days, or too much; nothing is kept for no days.

        Args:
            days: So long events are kept that were neither marked nor named.
            today: The present day.

        Returns:
            Keys of the sessions of which nothing is left.

        Raises:
            AppError: The file cannot be written.
        """
        if not self._path.exists():
            return ()
        with open_database(self._path, _KIND) as database:
            database.execute("BEGIN IMMEDIATE")
            if days:
                oldest = _moment(today, 0.0) - days * _DAY_S
                database.execute("DELETE FROM events WHERE ended < ? AND NOT marked AND name = ''", (oldest,))
            else:
                database.execute("DELETE FROM events")
            database.executemany("DELETE FROM events WHERE id = ?", _too_many(database))
            empty = "NOT EXISTS (SELECT 1 FROM events WHERE session = sessions.id)"
            gone = database.execute(f"SELECT key FROM sessions WHERE {empty}").fetchall()
            database.execute(f"DELETE FROM sessions WHERE {empty}")
            database.execute("COMMIT")
        return tuple(str(row[0]) for row in gone)

    def _make_folder(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain_write_error(error, self._path) from error


def _too_many(database: sqlite3.Connection) -> list[tuple[int]]:
    """The events beyond what is kept at most: the oldest, those that matter to somebody last."""
    size = "length(sightings) + ifnull(length(picture), 0)"
    order = "(marked OR name <> '') DESC, ended DESC"
    select = f"SELECT id, {size} FROM events LEFT JOIN pictures ON event = id ORDER BY {order}"
    count = total = 0
    gone = []
    for event, used in database.execute(select):
        count, total = count + 1, total + int(used)
        if count > MOST_EVENTS or total > MOST_BYTES:
            gone.append((int(event),))
    return gone


def _moment(day: date, seconds: float) -> float:
    """A time of a day on an axis that all sessions share, seconds."""
    return day.toordinal() * _DAY_S + seconds


def _number_of(database: sqlite3.Connection, session: KeptSession) -> int:
    values = (session.key, session.source, session.name, session.day.isoformat(), session.model, *session.size)
    names = "key, source, name, day, model, width, height"
    database.execute(f"INSERT OR IGNORE INTO sessions ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    return int(database.execute("SELECT id FROM sessions WHERE key = ?", (session.key,)).fetchone()[0])


def _row(kept: KeptEvent) -> tuple[Any, ...]:
    event, said = kept.event, kept.verdict
    return (
        _moment(kept.session.day, event.end_s),
        event.label,
        json.dumps(event.tracks),
        json.dumps(kept.numbers),
        event.still_s,
        where_json(event.zones, event.crossings),
        said.marked,
        said.rejected,
        said.name,
        pack_sightings(event),
    )


def _session(row: Sequence[Any], known: dict[str, KeptSession]) -> KeptSession | None:
    """A session, which anybody may have changed; None where it makes no sense."""
    key = str(row[0])
    with contextlib.suppress(ValueError, TypeError):
        if key not in known:
            size = max(1, int(row[5])), max(1, int(row[6]))
            day = date.fromisoformat(str(row[3]))
            known[key] = KeptSession(key, str(row[1]), str(row[2]), day, str(row[4]), size)
    return known.get(key)


def _event(row: Sequence[Any], session: KeptSession) -> KeptEvent | None:
    """An event, likewise."""
    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError, OverflowError):
        zones, crossings = where_of(str(row[5]))
        tracks = tuple(int(track) for track in json.loads(row[2]))
        event = Event(
            id=0,
            tracker_id=tracks[0] if tracks else 0,
            class_id=0,
            label=str(row[1]),
            still_s=float(row[4]),
            zones=zones,
            crossings=crossings,
            tracks=tracks,
            **unpack_sightings(row[9], session.size),
        )
        numbers = tuple(int(number) for number in json.loads(row[3]))
        verdict = Verdict(bool(row[6]), bool(row[7]), str(row[8])[:MAX_NAME])
        return KeptEvent(session, event, numbers, verdict, int(row[0]))
    return None
