"""Opens a database of events of one kind and version. Any thread; each opening is used and closed on the same."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import AppError


@dataclass(frozen=True, slots=True)
class DatabaseKind:
    """The kind of a database.

    Attributes:
        holds: What lies in it, plural, for messages.
        application: SQLite's application id.
        version: Of the schema; one of another version is not opened.
        schema: Statements that make it.
    """

    holds: str
    application: int
    version: int
    schema: str


@contextlib.contextmanager
def open_database(path: Path, kind: DatabaseKind) -> Iterator[sqlite3.Connection]:
    """Opens the file, or makes it, for its owner's eyes alone. Statements are committed one by one.

    Raises:
        AppError: It cannot be opened, is of another version, or a statement inside fails.
    """
    try:
        with _connected(path, kind) as database:
            yield database
    except sqlite3.Error as error:
        raise AppError(f"{kind.holds} cannot be kept or read: {error}.", f"Remove or repair {path}.") from error


@contextlib.contextmanager
def _connected(path: Path, kind: DatabaseKind) -> Iterator[sqlite3.Connection]:
    with contextlib.suppress(OSError):  # the next line says why
        path.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            marks = f"PRAGMA application_id = {kind.application}; PRAGMA user_version = {kind.version};"
            script = f"PRAGMA auto_vacuum = FULL; BEGIN IMMEDIATE; {kind.schema} {marks} COMMIT;"
            database.executescript(script)
        elif version != kind.version:
            raise sqlite3.DatabaseError("it is of another version of the program")
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("PRAGMA secure_delete = ON")
        yield database
