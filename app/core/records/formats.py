"""Which data formats there are, and which one a file's name means. Pure: imports none of the writers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.core.errors import AppError
from detector.errors import Remedy


@dataclass(frozen=True, slots=True)
class DataFormat:
    """One way to write detections.

    Attributes:
        title: What people call it.
        ending: Extension of its file or folder, with the dot; names the format, too.
        help: What it is, one line.
        is_folder: A folder of files rather than one file.
        is_set: A set of annotated images, which can hold the images.
        needs_tracks: Says nothing without tracks.
    """

    title: str
    ending: str
    help: str
    is_folder: bool = False
    is_set: bool = False
    needs_tracks: bool = False


FORMATS: dict[str, DataFormat] = {
    "jsonl": DataFormat("JSON Lines", ".jsonl", "One line of JSON a frame"),
    "csv": DataFormat("CSV", ".csv", "One row a detection; opens in a spreadsheet"),
    "coco": DataFormat("COCO", ".json", "An annotated set, one JSON file", is_set=True),
    "voc": DataFormat(
        "VOC", ".voc", "An annotated set, a folder with an XML file a frame", is_folder=True, is_set=True
    ),
    "yolo": DataFormat(
        "YOLO", ".yolo", "An annotated set, a folder with a text file a frame", is_folder=True, is_set=True
    ),
    "mot": DataFormat("MOT", ".txt", "Tracks for MOTChallenge tools", needs_tracks=True),
    "srt": DataFormat("Subtitles", ".srt", "Subtitles that count what is seen"),
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
        raise AppError(
            f"{FORMATS[name].title} is a folder of files, and {path.name} is a file's name.",
            f"Name a folder: {path.stem}/",
        )
    return name


def _ending(path: Path) -> str:
    """ ".csv" of "a.csv", and of ".csv" alone."""
    return (path.suffix or path.name).lower()


def _unknown(path: Path) -> AppError:
    if not path.suffix:
        return AppError(
            f"{path.name} does not say which data format is meant.",
            "End the name with " + ", ".join(_BY_ENDING) + "; or name the format, voc or yolo, of a folder.",
            Remedy("data-format", "voc"),
        )
    if path.suffix.lower() == ".xml":
        return AppError(f"VOC writes an XML file a frame, into a folder: {path.name} is one file.", "Name it .voc.")
    name = path.suffix.removeprefix(".")
    return AppError(f"No data format is called {name!r} ({path.name}).", f"There are {', '.join(_BY_ENDING)}.")
