"""Finds the events of a video at a threshold, with their zones and lines. Pure; quick enough for a slider.

docs/events.md has the definitions in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from app.core.events.appearances import Appearances, appearances
from app.core.events.event import Crossing, Event, ZoneVisit
from app.core.events.geometry import Points, inside, sides_of, steps_meet
from app.core.events.scene import Line, Scene, Zone
from app.core.events.settled import Indices, settled
from app.core.events.trajectories import Trajectories
from app.core.records.frame_record import label_of
from detector.class_names import chosen_ids

STILL_WITHIN = 0.25
"""An object stands still that moves by less than this share of its size..."""
STILL_EVERY_S = 1.0
"""...in this time."""
_CLOSE_S = 1e-6


def find_events(seen: Trajectories, threshold: float, scene: Scene | None = None) -> tuple[Event, ...]:
    """Returns every event, in the order in which they begin.

    Args:
        seen: Everything that was followed, down to ``threshold`` or lower.
        threshold: Least score of the first and the last sighting of an event.
        scene: Zones and lines; its masks acted before tracking, in ``follow``.
    """
    found = appearances(seen, threshold)
    if not len(found.starts):
        return ()
    times, anchors = seen.times_s[found.rows], seen.anchors[found.rows]
    visits: list[list[ZoneVisit]] = [[] for _ in found.starts]
    crossings: list[list[Crossing]] = [[] for _ in found.starts]
    for zone in (scene or Scene()).zones:
        _visit(zone, seen, found, times, anchors, visits)
    for line in (scene or Scene()).lines:
        _cross(line, seen, found, times, anchors, crossings)
    still = _standstills(seen, found, times, anchors)
    return tuple(_events(seen, found, times, anchors, still, visits, crossings))


def _events(
    seen: Trajectories,
    found: Appearances,
    times: npt.NDArray[np.float64],
    anchors: Points,
    still: npt.NDArray[np.float64],
    visits: Sequence[list[ZoneVisit]],
    crossings: Sequence[list[Crossing]],
) -> Iterator[Event]:
    frames, boxes, scores = seen.frames[found.rows], seen.boxes_xyxy[found.rows], seen.scores[found.rows]
    tracks, parts = seen.tracks[found.rows], _parts(seen, found)
    classes = seen.class_ids[found.rows[found.starts]].tolist()
    spans = zip(found.starts.tolist(), found.counts.tolist(), strict=True)
    for place, (start, count) in enumerate(spans):
        part = slice(start, start + count)
        yield Event(
            id=place + 1,
            tracker_id=int(tracks[start]),
            class_id=classes[place],
            label=label_of(seen.labels, classes[place]),
            frames=frames[part],
            times_s=times[part],
            boxes_xyxy=boxes[part],
            anchors=anchors[part],
            scores=scores[part],
            best=int(scores[part].argmax()),
            still_s=float(still[place]),
            zones=tuple(sorted(visits[place], key=lambda visit: (visit.enter_s, visit.zone))),
            crossings=tuple(sorted(crossings[place], key=lambda crossing: (crossing.time_s, crossing.line))),
            tracks=tuple(dict.fromkeys(tracks[parts[place]].tolist())),
        )


def _parts(seen: Trajectories, found: Appearances) -> list[Indices]:
    """For each event Int[P]: the places in ``found.rows`` where another track begins."""
    begins = np.append(True, np.diff(seen.tracks[found.rows]) != 0)
    begins[found.starts] = True
    places = np.flatnonzero(begins)
    return np.split(places, np.searchsorted(places, found.starts[1:]))


# -- zones and lines ---------------------------------------------------------------------------------------------------


def _visit(
    zone: Zone,
    seen: Trajectories,
    found: Appearances,
    times: npt.NDArray[np.float64],
    anchors: Points,
    visits: Sequence[list[ZoneVisit]],
) -> None:
    """Adds the stays in a zone: from a settled side within to a settled side without, or to the event's end."""
    is_in = inside(anchors, zone.polygon)
    state = settled(is_in, times, found.starts)
    counted = _counted(zone.classes, seen, found)
    entered: dict[int, float] = {
        event: float(times[found.starts[event]]) for event in np.flatnonzero(state.begins & counted).tolist()
    }
    events = np.searchsorted(found.starts, state.rows, "right") - 1
    for event, row in zip(events.tolist(), state.rows.tolist(), strict=True):
        if not counted[event]:
            continue
        if is_in[row]:
            entered[event] = float(times[row])
        else:
            visits[event].append(ZoneVisit(zone.name, entered.pop(event), float(times[row])))
    ends = found.starts + found.counts - 1
    for event, enter_s in entered.items():
        visits[event].append(ZoneVisit(zone.name, enter_s, float(times[ends[event]])))


def _cross(
    line: Line,
    seen: Trajectories,
    found: Appearances,
    times: npt.NDArray[np.float64],
    anchors: Points,
    crossings: Sequence[list[Crossing]],
) -> None:
    """Adds the crossings of a line: the settled side changes, and the step that changed it meets the line."""
    right, known = _sides(sides_of(anchors, *line.points), found.starts)
    if not known.any():
        return
    rows = settled(right, times, found.starts).rows
    rows = rows[steps_meet(anchors[rows - 1], anchors[rows], *line.points)]
    counted = _counted(line.classes, seen, found) & known
    events = np.searchsorted(found.starts, rows, "right") - 1
    for event, row in zip(events.tolist(), rows.tolist(), strict=True):
        if counted[event]:
            crossings[event].append(Crossing(line.name, float(times[row]), "in" if right[row] else "out"))


def _sides(sides: npt.NDArray[np.int8], starts: Indices) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Bool[M], whether each sighting is on the right, and Bool[E], whether the event has a side at all.

    A point on the line is on the side it was on before; where there was none, on the one it comes to.
    """
    count = len(sides)
    event_start = np.repeat(starts, np.diff(starts, append=count))
    event_end = np.repeat(np.append(starts[1:], count), np.diff(starts, append=count))
    places = np.arange(count)
    before = np.maximum.accumulate(np.where(sides != 0, places, -1))
    after = np.minimum.accumulate(np.where(sides != 0, places, count)[::-1])[::-1]
    source = np.where(before >= event_start, before, after)
    known = source < event_end
    right = sides[np.minimum(source, count - 1)] > 0
    return right & known, known[starts]


def _counted(classes: tuple[str, ...] | None, seen: Trajectories, found: Appearances) -> npt.NDArray[np.bool_]:
    """Bool[E]: whether each event is of one of ``classes``."""
    if classes is None:
        return np.ones(len(found.starts), np.bool_)
    wanted = list(chosen_ids(classes, tuple(seen.labels)))
    return np.isin(seen.class_ids[found.rows[found.starts]], wanted)


# -- standing still ----------------------------------------------------------------------------------------------------


def _standstills(
    seen: Trajectories, found: Appearances, times: npt.NDArray[np.float64], anchors: Points
) -> npt.NDArray[np.float64]:
    """Float64[E]: the longest standstill of each event, seconds.

    A sighting is still when the next one at least ``STILL_EVERY_S`` later is near; sightings that are still one after
    the other make a standstill, from the first to where the last one was compared with.
    """
    count, ends = len(times), found.starts + found.counts
    event = found.event_of_row
    boxes = seen.boxes_xyxy[found.rows].astype(np.float64)
    sizes = np.sqrt(np.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 0.0))
    # Events one after the other on one axis of time, so that one search finds the later sighting in all of them.
    span = float(times.max()) + 2 * STILL_EVERY_S
    axis = times + event * span
    later = np.searchsorted(axis, axis + STILL_EVERY_S - _CLOSE_S, "left")
    within = later < ends[event]
    later = np.minimum(later, count - 1)
    moved = np.hypot(*((anchors[later] - anchors) * seen.size).T)
    still = within & (moved <= STILL_WITHIN * sizes)
    longest = np.zeros(len(found.starts))
    edges = np.diff(np.concatenate(([False], still, [False])).astype(np.int8))
    first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    np.maximum.at(longest, event[first], times[later[last]] - times[first])
    return longest
