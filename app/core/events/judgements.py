"""Remembers what a person said of events: "this is no car", "keep this one", "this is Anna". Any thread.

An event is known again by its class and by where and when it was, so a judgement survives another threshold, other
zones and another name or place of the file. One SQLite database for all videos, each known by the fingerprint of its
content (``SourceKey.sha256``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.core.events.database import DatabaseKind, open_database
from app.core.events.event import Event
from app.core.files.write_errors import explain_write_error
from detector.class_names import meaning

MAX_NAME = 100
SAME_PLACE_IOU = 0.3
"""Overlap of the boxes from which an event is the one that was judged."""
NEAR_S = 0.5
"""An event that was not seen at the very moment of the judgement may have been seen this long before or after."""
_KIND = DatabaseKind(
    "What was said of events",
    0x5353444A,  # "SSDJ"
    1,
    """
CREATE TABLE IF NOT EXISTS judgements (id INTEGER PRIMARY KEY, video TEXT NOT NULL, label TEXT NOT NULL,
  time REAL NOT NULL, x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL, marked INTEGER NOT NULL,
  rejected INTEGER NOT NULL, name TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS judgements_of_video ON judgements (video);
""",
)
_COLUMNS = "label, time, x1, y1, x2, y2, marked, rejected, name"

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A person's judgement of an event.

    Attributes:
        marked: It matters.
        rejected: It is none: there is no such object.
        name: What it is called; "" for nothing.
    """

    marked: bool = False
    rejected: bool = False
    name: str = ""


NOTHING_SAID = Verdict()


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and what it was said of.

    Attributes:
        label: Class of the event.
        time_s: A moment at which it was seen, seconds.
        box: Where it was then: x1, y1, x2, y2, from 0 to 1 over the upright frame.
        verdict: What was said.
    """

    label: str
    time_s: float
    box: Box
    verdict: Verdict


def judgement_of(event: Event, size: tuple[int, int], verdict: Verdict) -> Judgement:
    """Returns a judgement of ``event``, by its best frame.

    Args:
        event: The event.
        size: (width, height) of the upright frames, pixels.
        verdict: What is said.
    """
    x1, y1, x2, y2 = (event.boxes_xyxy[event.best] / np.tile(size, 2)).tolist()
    return Judgement(event.label, float(event.times_s[event.best]), (x1, y1, x2, y2), verdict)


def judged(events: Sequence[Event], size: tuple[int, int], judgements: Sequence[Judgement]) -> dict[int, Verdict]:
    """Finds the events that were judged; of several judgements of one event the last counts.

    Args:
        events: All events of a video.
        size: (width, height) of the upright frames, pixels.
        judgements: What was said of the video's events, the oldest first.

    Returns:
        Verdicts by the events' numbers.
    """
    found: dict[int, Verdict] = {}
    starts = np.array([event.start_s for event in events])
    ends = np.array([event.end_s for event in events])
    for judgement in judgements:
        near = np.flatnonzero((starts <= judgement.time_s + NEAR_S) & (ends >= judgement.time_s - NEAR_S))
        best, most = None, SAME_PLACE_IOU
        for place in near.tolist():
            event = events[place]
            overlap = _overlap(event, size, judgement)
            if overlap >= most:
                best, most = event, overlap
        if best is not None:
            found[best.id] = judgement.verdict
    return found


def _overlap(event: Event, size: tuple[int, int], judgement: Judgement) -> float:
    """IoU of the event with what was judged, at the sighting nearest in time; 0 for another class or moment."""
    if not event.start_s - NEAR_S <= judgement.time_s <= event.end_s + NEAR_S:
        return 0.0
    if meaning(event.label) != meaning(judgement.label):
        return 0.0
    after = int(np.searchsorted(event.times_s, judgement.time_s))
    rows = [row for row in (after - 1, after) if 0 <= row < len(event.times_s)]
    row = min(rows, key=lambda row: abs(float(event.times_s[row]) - judgement.time_s))
    if abs(float(event.times_s[row]) - judgement.time_s) > NEAR_S:
        return 0.0
    a, b = (event.boxes_xyxy[row] / np.tile(size, 2)).tolist(), judgement.box
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, width) * max(0.0, height)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return both / union if union > 0 else 0.0


class JudgementStore:
    """All judgements, in one file.

    Args:
        path: The database; made when something is first kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, video: str) -> tuple[Judgement, ...]:
        """Returns what was said of a video's events, the oldest first.

        Args:
            video: Its fingerprint.

        Raises:
            AppError: The file cannot be read.
        """
        if not self._path.exists():
            return ()
        with open_database(self._path, _KIND) as database:
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM judgements WHERE video = ? ORDER BY id", (video,)
            ).fetchall()
        return tuple(judgement for row in rows if (judgement := _read(row)) is not None)

    def keep(self, video: str, event: Event, size: tuple[int, int], verdict: Verdict) -> None:
        """Remembers a verdict in place of what was said of the event before.

        Args:
            video: Fingerprint of the video.
            event: The event.
            size: (width, height) of the upright frames, pixels.
            verdict: What is said; one that says nothing is forgotten.

        Raises:
            AppError: The file cannot be written.
        """
        self.keep_all(video, [(event, verdict)], size)

    def keep_all(self, video: str, verdicts: Sequence[tuple[Event, Verdict]], size: tuple[int, int]) -> None:
        """Keeps what is said of many events: all of it is written, or nothing."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain_write_error(error, self._path) from error
        with open_database(self._path, _KIND) as database:
            database.execute("BEGIN IMMEDIATE")
            select = f"SELECT {_COLUMNS}, id FROM judgements WHERE video = ?"
            before = [(row[-1], _read(row[:-1])) for row in database.execute(select, (video,))]
            for event, verdict in verdicts:
                verdict = replace(verdict, name=verdict.name.strip()[:MAX_NAME])
                gone = [
                    (number,)
                    for number, one in before
                    if one is not None and _overlap(event, size, one) >= SAME_PLACE_IOU
                ]
                database.executemany("DELETE FROM judgements WHERE id = ?", gone)
                if verdict != NOTHING_SAID:
                    one = judgement_of(event, size, verdict)
                    values = (video, one.label, one.time_s, *one.box, verdict.marked, verdict.rejected, verdict.name)
                    database.execute("INSERT INTO judgements VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            database.execute("COMMIT")

    def forget(self, videos: Sequence[str]) -> None:
        """Forgets all that was said of the events of these videos; raises as ``keep``."""
        if videos and self._path.exists():
            with open_database(self._path, _KIND) as database:
                database.execute("BEGIN IMMEDIATE")
                database.executemany("DELETE FROM judgements WHERE video = ?", [(video,) for video in videos])
                database.execute("COMMIT")


def _read(row: Sequence[object]) -> Judgement | None:
    """A row, which anybody may have changed; None where it makes no sense."""
    label, *numbers = row[:6]
    name = row[8]
    if not isinstance(label, str) or not isinstance(name, str):
        return None
    values = [float(value) for value in numbers if isinstance(value, int | float)]
    if len(values) != 5 or not all(map(math.isfinite, values)):
        return None
    time_s, x1, y1, x2, y2 = values
    return Judgement(label, time_s, (x1, y1, x2, y2), Verdict(bool(row[6]), bool(row[7]), name[:MAX_NAME]))


def rejected_among(verdicts: Mapping[int, Verdict]) -> frozenset[int]:
    """Returns the numbers of the events that were rejected."""
    return frozenset(number for number, verdict in verdicts.items() if verdict.rejected)
