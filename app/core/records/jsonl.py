"""Detections as JSON Lines: one object a frame, also for a frame with nothing in it. Owned by the writing thread."""

from __future__ import annotations

import json
from pathlib import Path

from app.core.part_file import PartFile, explain
from app.core.records.table import FrameRecord, as_dicts


class JsonLines:
    """``{"frame": int, "time": seconds, "detections": [{..., "track": int|null}]}`` a line."""

    def __init__(self, target: Path) -> None:
        self._part = PartFile(target)

    def write(self, record: FrameRecord) -> None:
        """Append a line; see ``RecordWriter``."""
        found = as_dicts(record.detections, record.labels)
        tracks = record.tracks or (None,) * len(found)
        for detection, track in zip(found, tracks, strict=True):
            detection["track"] = track
        line = json.dumps({"frame": record.index, "time": float(record.pts_s), "detections": found}, ensure_ascii=False)
        try:
            # A lone surrogate in a label becomes the JSON escape it came from.
            self._part.file.write(line.encode("utf-8", "backslashreplace") + b"\n")
        except OSError as error:
            raise explain(error, self._part.target) from error

    def finish(self) -> None:
        """See ``RecordWriter``."""
        self._part.commit()

    def discard(self) -> None:
        """See ``RecordWriter``."""
        self._part.discard()
