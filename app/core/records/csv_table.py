"""Detections as a table, one row each, for spreadsheets and pandas. Owned by the writing thread."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from app.core.part_file import PartFile, explain
from app.core.records.table import FrameRecord, label_of, plain

COLUMNS = ("frame", "time", "label", "score", "x1", "y1", "x2", "y2", "track")


class CsvTable:
    """``frame,time,label,score,x1,y1,x2,y2,track``; a frame with nothing in it has no row."""

    def __init__(self, target: Path) -> None:
        self._part = PartFile(target)
        self._append([COLUMNS])

    def write(self, record: FrameRecord) -> None:
        """Append the frame's rows; see ``RecordWriter``."""
        found = record.detections
        tracks = record.tracks or (None,) * len(found)
        self._append(
            [
                (
                    record.index,
                    float(record.pts_s),
                    label_of(record.labels, int(class_id)),
                    plain(score),
                    *(plain(edge) for edge in box),
                    "" if track is None else track,
                )
                for box, score, class_id, track in zip(
                    found.boxes_xyxy, found.scores, found.class_ids, tracks, strict=True
                )
            ]
        )

    def finish(self) -> None:
        """See ``RecordWriter``."""
        self._part.commit()

    def discard(self) -> None:
        """See ``RecordWriter``."""
        self._part.discard()

    def _append(self, rows: Sequence[Sequence[object]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        try:
            self._part.file.write(text.getvalue().encode("utf-8", "replace"))
        except OSError as error:
            raise explain(error, self._part.target) from error
