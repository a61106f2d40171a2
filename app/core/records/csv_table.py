"""Detections as a table, one row each, for spreadsheets and pandas. Owned by the writing thread."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from app.core.records.frame_record import FrameRecord, label_of, plain
from app.core.records.text_file import TextFile

COLUMNS = ("frame", "time", "label", "score", "x1", "y1", "x2", "y2", "track")


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
    """Lines of a comma-separated table."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
