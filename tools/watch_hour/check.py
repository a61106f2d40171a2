"""Holds what was kept to what was sent and seen. Each finding is a line that says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path

import av
import numpy as np

from tools.watch_hour.cameras import GeneratedCamera
from tools.watch_hour.clock import SetClock
from tools.watch_hour.evidence import Line, Looked, Run, Shown, connections, frames_of, runs, told_of

_TOLD_S = 1.0
"""An event is told so soon after it was seen at the latest."""
_NAMED_S = 0.5
"""An object is one, and has a number, when it was there for 0.15 s; frames may be late for the detector besides."""
_LOST_S = 2.0
"""What came so shortly before the disk was full may be lost."""
_HELD_S = 4.5
"""So long a clip stays open for another event: until then its last seconds may be lost."""
_SILENCE_S, _TORN = 2.0, 6
"""A camera that froze in the midst of a frame leaves so many damaged at most."""
_SET_S = 2.5
"""So close to a moment at which the clock was set, times are of the one or of the other."""
_NOTICED_S = 7.0
"""So long after there is room again recording goes on, at the latest."""


@dataclass(slots=True)
class Figures:
    """What was found.

    Attributes:
        events: Told by the program.
        clips: Files of these.
        recordings: Files of everything.
        excused: Events without a whole clip, because the disk was full.
        frames_s: How far each frame of each file is from its time, seconds.
        worst_start_s: How far the beginning of a clip is from its time.
        wrong: What is not as it should be.
    """

    events: int = 0
    clips: int = 0
    recordings: int = 0
    excused: int = 0
    frames_s: list[float] = field(default_factory=list)
    worst_start_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


class CameraCheck:
    """Checks all that concerns one camera.

    Args:
        camera: It.
        lines: What the program told about it.
        looked: What the detector was given of it.
        clock: Of the program.
        around_s: Seconds that clips show before and after their events.
        full_s: When the disk was full, (from, to).
        figures: Added to.
    """

    apart_s = 1.0
    """An event's times are at most so far from when its frames were looked at."""

    def __init__(
        self,
        camera: GeneratedCamera,
        lines: Sequence[Line],
        looked: Sequence[Looked],
        clock: SetClock,
        around_s: tuple[float, float],
        full_s: Sequence[tuple[float, float]],
        figures: Figures,
    ) -> None:
        self._camera, self._lines, self._clock, self._figures = camera, lines, clock, figures
        self._before_s, self._after_s = around_s
        self._full_s = [(begin_s, end_s + _NOTICED_S) for begin_s, end_s in full_s]
        self._parts = connections(looked, [line.at_s for line in lines if line.data["type"] == "open"][1:])
        self._end_s = looked[-1].at_s if looked else 0.0
        self._looked_s = {each.index: each.at_s for each in looked}
        self._run_of: dict[int, Run] = {}
        self._ended_s: dict[int, float] = {}
        self._recorded: set[int] = set()
        self._said_cut = {line.data["event"] for line in self._of("trouble") if "event" in line.data}

    def check(self) -> None:
        """Checks everything."""
        self._events()
        self._clips()
        self._recordings()

    def _of(self, kind: str) -> list[Line]:
        return [line for line in self._lines if line.data["type"] == kind]

    def _say(self, what: str) -> None:
        self._figures.wrong.append(f"camera {self._camera.number}: {what}")

    def _was_full(self, begin_s: float, end_s: float) -> bool:
        return any(begin_s <= full_end_s and end_s >= full_s - _LOST_S for full_s, full_end_s in self._full_s)

    # -- events -----------------------------------------------------------------------------------------------------

    def _events(self) -> None:
        began = self._of("began")
        self._figures.events += len(began)
        found = [run for part in self._parts for run in runs(part)]
        told = told_of(found, began, _TOLD_S)
        for run, lines in told.items():
            for line in lines:
                self._run_of[line.data["id"]] = run
            if len(lines) > 1 + run.pauses or (run.is_event(self._end_s) and not lines):
                self._say(f"frames {run.first.index} to {run.last.index} are {len(lines)} events")
        for line in began:
            if line.data["id"] not in self._run_of:
                self._say(f"event {line.data['id']} was not seen by the detector")
        ids = [line.data["id"] for line in began]
        ended = [line.data["id"] for line in self._of("ended")]
        if sorted(ended) != sorted(set(ids)) or len(ids) != len(set(ids)):
            self._say("events do not begin and end once each")
        for line in self._of("ended"):
            self._event_times(line)

    def _event_times(self, line: Line) -> None:
        run = self._run_of.get(line.data["id"])
        if run is None:
            return
        self._ended_s[line.data["id"]] = self._clock.monotonic_s(line.data["end"], line.at_s)
        for name, seen in (("start", run.first), ("end", run.last)):
            apart_s = abs(self._clock.monotonic_s(line.data[name], line.at_s) - seen.at_s)
            if apart_s > self.apart_s and not self._clock.was_set(line.at_s - _SET_S, line.at_s + _SET_S):
                self._say(f"the {name} of event {line.data['id']} is {apart_s:.2f} s off")

    # -- clips ------------------------------------------------------------------------------------------------------

    def _clips(self) -> None:
        shown_in: dict[int, int] = {}
        for line in self._of("clip"):
            self._figures.clips += 1
            shown = self._play(line)
            for event in line.data["events"]:
                shown_in[event] = shown_in.get(event, 0) + 1
                if shown is not None and event in self._run_of:
                    self._is_whole(Path(line.data["path"]).name, shown, event, self._run_of[event])
        for event, run in self._run_of.items():
            count, is_cut = shown_in.get(event, 0), event in self._said_cut
            end_s = run.last.at_s + self._after_s + _HELD_S
            if is_cut and self._was_full(run.first.at_s - self._before_s, end_s):
                self._figures.excused += 1
            elif count != 1 or is_cut:
                self._say(f"event {event} has {count} clips, {'not ' * (not is_cut)}said to be cut short")

    def _play(self, line: Line) -> Shown | None:
        path = Path(line.data["path"])
        try:
            camera, shown = frames_of(path)
        except (av.FFmpegError, ValueError) as error:
            self._say(f"{path.name}: {error}")
            return None
        if camera != self._camera.number:
            self._say(f"{path.name} is of camera {camera}")
        first, last = min(shown.numbers), max(shown.numbers)
        missing = set(range(first, last + 1)) - set(shown.numbers)
        amiss = len(missing) + len(shown.numbers) - len(set(shown.numbers))
        if amiss > self._torn(first, last) or (not amiss and list(shown.numbers) != sorted(shown.numbers)):
            self._say(f"{path.name}: {amiss} frames are missing, twice or out of order")
        self._frame_times(path.name, shown)
        self._start(path.name, line, shown)
        return shown

    def _frame_times(self, name: str, shown: Shown) -> None:
        """Holds frames to the camera's clock, or where it has none to when they were sent and looked at."""
        numbers, times_s = np.array(shown.numbers), np.array(shown.times_s)
        frame_s = 1 / self._camera.fps
        sent_s = np.array([self._camera.sent_s(number) for number in shown.numbers], np.float64)
        if np.isnan(sent_s).any():
            apart_s = times_s - numbers * frame_s
            apart_s = np.abs(apart_s - np.median(apart_s))
            if shown.numbers[0] in {part[0].index for part in self._parts}:
                apart_s[0] = 0.0  # before RTCP's first report, FFmpeg does not know its time exactly
        else:
            times_s = times_s + (sent_s - times_s).max()  # none arrived before it was sent
            looked_s = np.array([self._looked_s.get(number, np.inf) for number in shown.numbers])
            apart_s = np.maximum(times_s - np.maximum(looked_s, sent_s), 0.0)
        self._figures.frames_s += apart_s.tolist()
        off = np.flatnonzero(apart_s > frame_s + 1e-3)
        if off.size > self._torn(min(shown.numbers), max(shown.numbers)):
            self._say(f"{name}: {off.size} frames are off, at most {apart_s.max():.3f} s")

    def _torn(self, first: int, last: int) -> int:
        """Returns how many of these frames may be damaged."""
        silences = sum(
            after.at_s - before.at_s > _SILENCE_S
            for part in self._parts
            for before, after in pairwise(part)
            if first <= after.index and before.index <= last
        )
        return _TORN * silences

    def _start(self, name: str, line: Line, shown: Shown) -> None:
        sent_s = self._camera.sent_s(shown.numbers[0])
        if line.data["start"] is None or sent_s is None or self._clock.was_set(line.at_s - _SET_S, line.at_s + _SET_S):
            return
        start_s = self._clock.monotonic_s(line.data["start"], line.at_s)
        came_s = max(sent_s, self._looked_s.get(shown.numbers[0], sent_s))
        apart_s = max(sent_s - start_s, start_s - came_s, 0.0)
        self._figures.worst_start_s = max(self._figures.worst_start_s, apart_s)
        if apart_s > 2 / self._camera.fps:
            self._say(f"{name} says that it begins {apart_s:.3f} s beside its first frame")

    def _is_whole(self, name: str, shown: Shown, event: int, run: Run) -> None:
        part = next(part for part in self._parts if run.first in part)
        if event in self._said_cut:
            return
        begin_s = run.first.at_s - self._before_s + _NAMED_S
        end_s = min(run.last.at_s, self._ended_s.get(event, run.last.at_s)) + self._after_s - _NAMED_S
        wanted = {each.index for each in part[:-1] if begin_s <= each.at_s <= end_s}
        missing = sorted(wanted - set(shown.numbers))
        if missing and len(missing) > self._torn(missing[0], missing[-1]):
            self._say(f"{name}: event {event} lacks {len(missing)} frames, {missing[0]} to {missing[-1]}")

    # -- recordings -------------------------------------------------------------------------------------------------

    def _recordings(self) -> None:
        for line in self._of("recording"):
            self._figures.recordings += 1
            shown = self._play(line)
            if shown is not None and self._recorded & set(shown.numbers):
                self._say(f"{Path(line.data['path']).name}: frames are recorded twice")
            self._recorded |= set(shown.numbers if shown is not None else ())
        for part in self._parts:
            for is_lost, group in groupby(part[:-1], lambda each: each.index not in self._recorded):
                lost = [each for each in group if is_lost and not self._was_full(each.at_s, each.at_s)]
                if lost and len(lost) > self._torn(lost[0].index, lost[-1].index):
                    self._say(f"frames {lost[0].index} to {lost[-1].index} are in no recording")
