"""Picks the data file's kind by its name or by what was asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.core.errors import AppError
from app.core.records.csv_table import CsvTable
from app.core.records.jsonl import JsonLines
from app.core.records.table import RecordWriter

FORMATS: dict[str, Callable[[Path], RecordWriter]] = {"jsonl": JsonLines, "csv": CsvTable}


def format_of(path: Path, asked: str | None = None) -> str:
    """The format of a data file: ``asked``, or else what its extension says.

    Raises:
        AppError: Neither names a format there is.
    """
    name = asked or path.suffix.removeprefix(".").lower() or path.name.removeprefix(".").lower()
    if name not in FORMATS:
        known = ", ".join("." + known for known in FORMATS)
        raise AppError(f"No data format is called {name!r} ({path.name}).", f"There are {known}.")
    return name


def open_records(path: Path, data_format: str | None = None) -> RecordWriter:
    """Begin a data file.

    Raises:
        AppError: Unknown format, or the file cannot be written.
    """
    return FORMATS[format_of(path, data_format)](path)
