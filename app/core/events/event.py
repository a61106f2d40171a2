"""Events: what is told of one object of a video. Immutable; docs/events.md defines every word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from app.core.events.geometry import Points

Direction = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class ZoneVisit:
    """A stay in a zone.

    Attributes:
        zone: Its name.
        enter_s: When it began, seconds.
        leave_s: When it ended; the end of the event where the object did not leave.
    """

    zone: str
    enter_s: float
    leave_s: float

    @property
    def duration_s(self) -> float:
        """Returns how long it was, seconds."""
        return self.leave_s - self.enter_s


@dataclass(frozen=True, slots=True)
class Crossing:
    """A line crossed.

    Attributes:
        line: Its name.
        time_s: When the object was first seen beyond it, seconds.
        direction: "in" from the left side to the right, seen along the line.
    """

    line: str
    time_s: float
    direction: Direction


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One object, from when it was first seen to when it was last seen.

    Attributes:
        id: Counts from 1 in the order in which events begin.
        tracker_id: The object's number in the tracking.
        class_id: Its class.
        label: Name of its class.
        frames: Int64[N], the frames in which it was seen, rising.
        times_s: Float64[N], their times.
        boxes_xyxy: Float32[N, 4], pixels.
        anchors: Float64[N, 2], its path, see ``anchors_of``.
        scores: Float32[N].
        best: Row of the highest score, the first of several.
        still_s: Its longest standstill, seconds.
        zones: Its stays in zones, by time.
        crossings: The lines it crossed, by time.
        tracks: Numbers in the tracking of all its parts, in their order.
    """

    id: int
    tracker_id: int
    class_id: int
    label: str
    frames: npt.NDArray[np.int64]
    times_s: npt.NDArray[np.float64]
    boxes_xyxy: npt.NDArray[np.float32]
    anchors: Points
    scores: npt.NDArray[np.float32]
    best: int
    still_s: float
    zones: tuple[ZoneVisit, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    tracks: tuple[int, ...] = ()

    @property
    def start_s(self) -> float:
        """Returns when it was first seen, seconds."""
        return float(self.times_s[0])

    @property
    def end_s(self) -> float:
        """Returns when it was last seen."""
        return float(self.times_s[-1])

    @property
    def duration_s(self) -> float:
        """The time between, seconds."""
        return self.end_s - self.start_s

    @property
    def max_score(self) -> float:
        """Its highest score."""
        return float(self.scores[self.best])
