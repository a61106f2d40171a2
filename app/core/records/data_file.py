"""Begins the data file that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.core.records.coco import CocoFile
from app.core.records.csv_table import CsvTable
from app.core.records.formats import format_of
from app.core.records.frame_record import RecordWriter
from app.core.records.jsonl import JsonLines
from app.core.records.mot import MotFile
from app.core.records.sampling import FrameSampling
from app.core.records.srt import SrtFile
from app.core.records.voc import VocFolder
from app.core.records.yolo import YoloFolder

_WRITERS: dict[str, Callable[[Path, FrameSampling], RecordWriter]] = {
    "jsonl": lambda path, _: JsonLines(path),
    "csv": lambda path, _: CsvTable(path),
    "coco": CocoFile,
    "voc": VocFolder,
    "yolo": YoloFolder,
    "mot": lambda path, _: MotFile(path),
    "srt": lambda path, plan: SrtFile(path, plan.lead_s),
}


def open_data_file(path: Path, data_format: str | None = None, plan: FrameSampling | None = None) -> RecordWriter:
    """Begin a data file.

    Args:
        path: Where.
        data_format: A name of ``FORMATS``; None goes by the path's ending.
        plan: What annotated sets call the frames and whether they hold images; the file's name, and none, by default.

    Raises:
        AppError: Unknown format, or the file cannot be written.
    """
    return _WRITERS[format_of(path, data_format)](path, plan or FrameSampling(path.stem))
