"""Picks the data file's kind by its name or by what was asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import AppError
from app.core.records.coco import CocoFile
from app.core.records.csv_table import CsvTable
from app.core.records.frames import FramePlan
from app.core.records.jsonl import JsonLines
from app.core.records.mot import MotFile
from app.core.records.srt import SrtFile
from app.core.records.table import RecordWriter
from app.core.records.voc import VocFolder
from app.core.records.yolo import YoloFolder


@dataclass(frozen=True, slots=True)
class DataFormat:
    """One way to write detections.

    Attributes:
        ending: Of its file or folder, with the dot; names the format, too.
        help: One line for people.
        is_folder: A folder of files rather than one file.
        is_set: A set of annotated pictures, which can hold the pictures.
        needs_tracks: Says nothing without tracks.
        open: Begins one.
    """

    ending: str
    help: str
    open: Callable[[Path, FramePlan], RecordWriter]
    is_folder: bool = False
    is_set: bool = False
    needs_tracks: bool = False


FORMATS: dict[str, DataFormat] = {
    "jsonl": DataFormat(".jsonl", "One line of JSON a frame", lambda path, _: JsonLines(path)),
    "csv": DataFormat(".csv", "One row a detection; opens in a spreadsheet", lambda path, _: CsvTable(path)),
    "coco": DataFormat(".json", "COCO data set, one JSON file", CocoFile, is_set=True),
    "voc": DataFormat(".voc", "PASCAL VOC, a folder with an XML file a frame", VocFolder, is_folder=True, is_set=True),
    "yolo": DataFormat(".yolo", "YOLO, a folder with a text file a frame", YoloFolder, is_folder=True, is_set=True),
    "mot": DataFormat(".txt", "Tracks for MOTChallenge tools", lambda path, _: MotFile(path), needs_tracks=True),
    "srt": DataFormat(".srt", "Subtitles that count what is seen", lambda path, _: SrtFile(path)),
}

_BY_ENDING = {known.ending: name for name, known in FORMATS.items()}


def format_of(path: Path, asked: str | None = None) -> str:
    """The format of a data file: ``asked``, or else what its extension says.

    Raises:
        AppError: Neither names a format there is, or it is of one that needs a folder where a file is named.
    """
    name = asked or _BY_ENDING.get(_ending(path), "")
    if not name:
        raise _unknown(path)
    if name not in FORMATS:
        raise AppError(f"No data format is called {name!r} ({path.name}).", f"There are {', '.join(FORMATS)}.")
    other = _BY_ENDING.get(_ending(path), "") or path.suffix.lower() == ".xml"
    if FORMATS[name].is_folder and other and other != name:
        title = name.upper()
        raise AppError(
            f"{title} is a folder of files, and {path.name} is a file's name.", f"Name a folder: {path.stem}/"
        )
    return name


def _ending(path: Path) -> str:
    """ ".csv" of "a.csv", and of ".csv" alone."""
    return (path.suffix or path.name).lower()


def _unknown(path: Path) -> AppError:
    if not path.suffix:
        return AppError(
            f"{path.name} does not say which data format is meant.",
            "Add --data-format voc or yolo for a folder; or end the name with " + ", ".join(_BY_ENDING) + ".",
        )
    if path.suffix.lower() == ".xml":
        return AppError(f"VOC writes an XML file a frame, into a folder: {path.name} is one file.", "Name it .voc.")
    name = path.suffix.removeprefix(".")
    return AppError(f"No data format is called {name!r} ({path.name}).", f"There are {', '.join(_BY_ENDING)}.")


def open_records(path: Path, data_format: str | None = None, plan: FramePlan | None = None) -> RecordWriter:
    """Begin a data file.

    Args:
        path: Where.
        data_format: A name of ``FORMATS``; None goes by the path's ending.
        plan: What annotated sets call the frames and whether they hold pictures; the file's name, and none, by default.

    Raises:
        AppError: Unknown format, or the file cannot be written.
    """
    return FORMATS[format_of(path, data_format)].open(path, plan or FramePlan(path.stem))
