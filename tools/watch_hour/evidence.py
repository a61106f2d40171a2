"""What the detector saw and what the program told, set in order: runs of sightings, events, files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from tools.watch_hour.program import read_number

_GAP_S = 1.0
"""As of ``app.core.alarms.rule_book``."""
_PAUSE_S = 0.4
"""A busy computer may have looked at frames so much later than they came."""
_TOLD_S = 2.0
"""A connection is told of so soon."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A frame that the detector was given.

    Attributes:
        index: Its number.
        at_s: When, on the monotonic clock.
        seen: Whether there was something in it.
    """

    index: int
    at_s: float
    seen: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Sightings between which nothing was gone.

    Attributes:
        first: The first one.
        last: The last one.
        count: How many.
        pauses: How often they were so far apart that they may also be two events.
    """

    first: Looked
    last: Looked
    count: int
    pauses: int = 0

    def is_event(self, end_s: float) -> bool:
        """Returns whether it is certain to be one: an object has its number once it was there for a moment.

        Args:
            end_s: When the program was asked to end, and looked no further.
        """
        return self.count >= 4 and min(self.last.at_s, end_s - _TOLD_S) - self.first.at_s >= 0.4


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the program's.

    Attributes:
        at_s: When it came, on the monotonic clock.
        data: What it says.
    """

    at_s: float
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """The frames of a file.

    Attributes:
        numbers: Of the frames, as they are shown.
        times_s: When each is shown, seconds.
    """

    numbers: tuple[int, ...]
    times_s: tuple[float, ...]


def read_log(path: Path) -> dict[int, list[Looked]]:
    """Returns what the detector was given, by camera."""
    found: dict[int, list[Looked]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        camera, index, at_ns, seen = map(int, line.split())
        found.setdefault(camera, []).append(Looked(index, at_ns / 1e9, bool(seen)))
    return found


def connections(looked: Sequence[Looked], opened_s: Sequence[float]) -> list[list[Looked]]:
    """Returns the frames of each connection.

    Args:
        looked: All frames of a camera.
        opened_s: When the program said that it is open again, which may be a little after the first frames.
    """
    begins = [0]
    for moment_s in opened_s:
        near = [i for i in range(1, len(looked)) if abs(looked[i].at_s - moment_s) <= _TOLD_S and i > begins[-1]]
        if near:
            begins.append(max(near, key=lambda i: looked[i].at_s - looked[i - 1].at_s))
    ends = [*begins[1:], len(looked)]
    return [list(looked[begin:end]) for begin, end in zip(begins, ends, strict=True) if begin < end]


def runs(connection: Sequence[Looked]) -> list[Run]:
    """Returns the runs of one connection, in order; what was unseen in no frame between was not gone."""
    found: list[Run] = []
    missed = False
    for each in connection:
        if not each.seen:
            missed = True
        elif found and (not missed or each.at_s - found[-1].last.at_s <= _GAP_S):
            before, missed = found[-1], False
            pauses = before.pauses + (each.at_s - before.last.at_s > _PAUSE_S)
            found[-1] = Run(before.first, each, before.count + 1, pauses)
        else:
            found.append(Run(each, each, 1))
            missed = False
    return found


def told_of(found: Sequence[Run], began: Sequence[Line], told_s: float) -> dict[Run, list[Line]]:
    """Returns which of the program's lines tell of each run.

    After a short loss one run follows the other within moments: a line tells of the last that had begun by then.

    Args:
        found: Runs, in order.
        began: Lines of events that began.
        told_s: So soon after a run's end it was told at the latest; what came later is of no run.
    """
    told: dict[Run, list[Line]] = {run: [] for run in found}
    for line in began:
        run = max((run for run in found if run.first.at_s <= line.at_s), key=lambda run: run.first.at_s, default=None)
        if run is not None and line.at_s <= run.last.at_s + told_s:
            told[run].append(line)
    return told


def frames_of(path: Path) -> tuple[int, Shown]:
    """Plays a file; returns the camera that it shows, and its frames.

    Raises:
        av.FFmpegError: It does not play.
        ValueError: It shows something else.
    """
    numbers, times_s, cameras = [], [], set()
    with av.open(str(path)) as video:
        for frame in video.decode(video=0):
            camera, index = read_number(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            if camera < 0 or frame.pts is None or frame.time_base is None:
                raise ValueError("a frame shows no number")
            cameras.add(camera)
            numbers.append(index)
            times_s.append(float(frame.pts * frame.time_base))
    if len(cameras) != 1:
        raise ValueError("it shows nothing, or several cameras")
    return cameras.pop(), Shown(tuple(numbers), tuple(times_s))
