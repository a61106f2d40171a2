"""Counts what an export shows: detections by class, objects by class, and when each object was first and last seen.

Owned by the writing thread; read when it is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.records.frame_record import FrameRecord, label_of, plain


@dataclass(slots=True)
class TrackSummary:
    """One object over time.

    Attributes:
        track: Its number.
        label: Its class.
        first_s: When it was first seen, seconds.
        last_s: When it was last seen.
        frames: In how many frames it had its number.
        best: Its highest score.
    """

    track: int
    label: str
    first_s: float
    last_s: float
    frames: int
    best: float

    def as_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return {
            "track": self.track,
            "label": self.label,
            "first": self.first_s,
            "last": self.last_s,
            "frames": self.frames,
            "score": self.best,
        }


class Tally:
    """Fed frame by frame.

    Attributes:
        detections: How many of each class, over all frames.
    """

    def __init__(self) -> None:
        self.detections: Counter[str] = Counter()
        self._seen: dict[int, TrackSummary] = {}

    def add(self, record: FrameRecord, first_s: Mapping[int, float]) -> None:
        """Count a frame.

        Args:
            record: The frame.
            first_s: When each object with a number was first seen.
        """
        found, time_s = record.detections, float(record.pts_s)
        for class_id, score, track in zip(found.class_ids.tolist(), found.scores, record.track_of_each, strict=True):
            label = label_of(record.labels, class_id)
            self.detections[label] += 1
            if track is None:
                continue
            seen = self._seen.setdefault(track, TrackSummary(track, label, first_s[track], time_s, 0, 0.0))
            seen.last_s = time_s
            seen.frames += 1
            seen.best = max(seen.best, plain(score))

    @property
    def objects(self) -> dict[str, int]:
        """Counts the objects of each class, the most frequent first; empty when nothing was tracked."""
        return dict(Counter(seen.label for seen in self._seen.values()).most_common())

    @property
    def seen(self) -> tuple[TrackSummary, ...]:
        """Every object, by its number."""
        return tuple(self._seen[track] for track in sorted(self._seen))
