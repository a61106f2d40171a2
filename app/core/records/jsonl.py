"""Detections as JSON Lines: one object a frame, also for a frame with nothing in it. Owned by the writing thread."""

from __future__ import annotations

import json
from pathlib import Path

from app.core.records.frame_record import FrameRecord, as_dicts
from app.core.records.text_file import TextFile


class JsonLines(TextFile):
    """``{"frame": int, "time": seconds, "detections": [{..., "track": int|null}]}`` a line."""

    def __init__(self, target: Path) -> None:
        super().__init__(target, errors="backslashreplace")  # a lone surrogate becomes the JSON escape it came from

    def write(self, record: FrameRecord) -> None:
        """Append a line; see ``RecordWriter``."""
        found = as_dicts(record.detections, record.labels)
        for detection, track in zip(found, record.track_of_each, strict=True):
            detection["track"] = track
            if record.followed:
                detection["followed"] = True
        line = {"frame": record.index, "time": float(record.pts_s), "detections": found}
        self.append(json.dumps(line, ensure_ascii=False) + "\n")
