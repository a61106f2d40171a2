"""Detections as a table, one row each, for spreadsheets and pandas. Owned by the writing thread."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from app.core.records.frame_record import FrameRecord, label_of, plain
from app.core.records.text_file import TextFile

COLUMNS = ("frame", "time", "label", "score", "x1", "y1", "x2", "y2", "track")
_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four are full-width
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


class CsvTable(TextFile):
    """``frame,time,label,score,x1,y1,x2,y2,track``; a frame with nothing in it has no row."""

    def __init__(self, target: Path) -> None:
        super().__init__(target)
        self.append(as_csv([COLUMNS]))

    def write(self, record: FrameRecord) -> None:
        """Append the frame's rows; see ``RecordWriter``."""
        found = record.detections
        rows = [
            (
                record.index,
                float(record.pts_s),
                label_of(record.labels, int(class_id)),
                plain(score),
                *(plain(edge) for edge in box),
                "" if track is None else track,
            )
            for box, score, class_id, track in zip(
                found.boxes_xyxy, found.scores, found.class_ids, record.track_of_each, strict=True
            )
        ]
        self.append(as_csv(rows))


def as_csv(rows: Sequence[Sequence[object]]) -> str:
    """Returns lines of a comma-separated table; no cell of it is a formula to a spreadsheet."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    """The value; a text that a spreadsheet would compute is marked as text by an apostrophe in front.

    Names of classes and files come from anywhere, and `=HYPERLINK(...)` is a possible one. Numbers are no formulas,
    whatever their sign. What to mark: https://owasp.org/www-community/attacks/CSV_Injection
    """
    if not isinstance(value, str):
        return value
    marked = value.startswith(_FORMULA_STARTS) and _NUMBER.fullmatch(value) is None
    return ("'" if marked else "") + value.replace("\r", " ")  # some read a lone one as the end of the row
