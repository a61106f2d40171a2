"""Tracks as MOTChallenge text: ``frame,id,bb_left,bb_top,bb_width,bb_height,conf,x,y,z``. Owned by the writing thread.

Frames, ids and pixels count from 1; x, y, z are -1, for the world is not known. The format has no class.
"""

from __future__ import annotations

from pathlib import Path

from app.core.records.frame_record import FrameRecord, plain
from app.core.records.text_file import TextFile


class MotFile(TextFile):
    """Detections without a track are left out; where nothing was tracked every id is -1, as in files of detections."""

    def __init__(self, target: Path) -> None:
        super().__init__(target)

    def write(self, record: FrameRecord) -> None:
        """Append the frame's rows, by id; see ``RecordWriter``."""
        found = record.detections
        rows: list[tuple[int, str]] = []
        for box, score, track in zip(found.boxes_xyxy, found.scores, record.track_of_each, strict=True):
            if track is None and record.tracks:
                continue
            x1, y1, x2, y2 = (float(edge) for edge in box)
            place = ",".join(f"{value:.3f}" for value in (x1 + 1, y1 + 1, x2 - x1, y2 - y1))
            number = -1 if track is None else track
            rows.append((number, f"{record.index + 1},{number},{place},{plain(score)},-1,-1,-1\n"))
        self.append("".join(line for _, line in sorted(rows, key=lambda row: row[0])))
