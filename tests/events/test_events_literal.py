"""Events of random objects, zones and lines, held to the sentences of docs/events.md taken literally."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.events.event import Event
from app.core.events.find import find_events
from app.core.events.geometry import anchors_of, crosses_itself, spread_of
from app.core.events.scene import Line, Scene, Zone
from app.core.events.trajectories import Trajectories
from tests.support import literal_events
from tests.support.literal_events import LiteralEvent, Sighting

_SIZE = (64, 64)
_LABELS = ["person", "car"]
_THRESHOLD = 0.5
_SCORES = (0.125, 0.1875, 0.25, 0.5, 0.75, 1.0)  # below, unsure and sure at 0.5; exact in float32
_GRID = [step / 8 for step in range(9)]


@st.composite
def _tracks(draw: st.DrawFn) -> list[Sighting]:
    """Objects that walk over a grid, stand, flicker, are lost and come back; frames are 0.1 s apart."""
    found = []
    for track in range(1, draw(st.integers(1, 4)) + 1):
        class_id = draw(st.integers(0, 1))
        frame = draw(st.integers(0, 20))
        x, y = draw(st.integers(-2, 10)), draw(st.integers(0, 9))
        for _ in range(draw(st.integers(1, 4))):
            step = draw(st.tuples(st.integers(-1, 1), st.integers(-1, 1)))
            for _ in range(draw(st.integers(1, 14))):
                shake = draw(st.sampled_from((-1, 0, 0, 0, 1)))
                score = draw(st.sampled_from(_SCORES))
                box = (8.0 * (x + shake) - 8, 8.0 * y - 24, 8.0 * (x + shake) + 8, 8.0 * y)
                found.append(Sighting(track, class_id, frame, float(Fraction(frame, 10)), box, score))
                x, y = x + step[0], y + step[1]
                frame += draw(st.sampled_from((1, 1, 1, 1, 3)))
            frame += draw(st.sampled_from((0, 5, 11, 40, 290, 310)))
    return found


_point = st.tuples(st.sampled_from(_GRID), st.sampled_from(_GRID))
_polygon = (
    st.lists(_point, min_size=3, max_size=6, unique=True)
    .map(tuple)
    .filter(lambda corners: spread_of(corners) > 0 and not crosses_itself(corners))
)
_limits = st.sampled_from((None, ("person",), ("car",)))
_zone = st.builds(Zone, st.just("zone"), _polygon, _limits)
_line = st.builds(Line, st.just("line"), st.tuples(_point, _point).filter(lambda p: p[0] != p[1]), _limits)
_cuts = st.lists(st.integers(1, 80), max_size=3, unique=True).map(lambda cuts: tuple(sorted(cuts)))
_scene = st.builds(lambda zone, line: Scene((zone,), (line,)), _zone, _line)


def in_scenes(sightings: list[Sighting], cuts: tuple[int, ...]) -> list[Sighting]:
    """The same, but that no object is the same one after a cut."""
    return [replace(seen, track=10 * seen.track + sum(cut <= seen.frame for cut in cuts)) for seen in sightings]


def trajectories_of(sightings: list[Sighting], cuts: tuple[int, ...] = ()) -> Trajectories:
    """The same sightings as tracking would leave them."""
    rows = sorted(sightings, key=lambda seen: (seen.track, seen.frame))
    boxes = np.array([seen.box for seen in rows], np.float32)
    last = max(seen.frame for seen in rows)
    return Trajectories(
        labels=_LABELS,
        size=_SIZE,
        pts_s=tuple(Fraction(frame, 10) for frame in range(last + 1)),
        floor=0.1,
        tracks=np.array([seen.track for seen in rows], np.int64),
        class_ids=np.array([seen.class_id for seen in rows], np.int32),
        frames=np.array([seen.frame for seen in rows], np.int64),
        times_s=np.array([seen.time_s for seen in rows]),
        boxes_xyxy=boxes,
        anchors=anchors_of(boxes, *_SIZE),
        scores=np.array([seen.score for seen in rows], np.float32),
        cuts=cuts,
    )


def _plain(event: Event) -> tuple[object, ...]:
    return (
        event.tracker_id,
        event.label,
        event.frames.tolist(),
        [(visit.zone, visit.enter_s, visit.leave_s) for visit in event.zones],
        [(crossing.line, crossing.time_s, crossing.direction) for crossing in event.crossings],
        round(event.still_s, 6),
        int(event.frames[event.best]),
    )


def _plain_literal(event: LiteralEvent) -> tuple[object, ...]:
    return (
        event.track,
        _LABELS[event.class_id],
        [seen.frame for seen in event.sightings],
        event.zones,
        event.crossings,
        round(event.still_s, 6),
        event.best_frame,
    )


@settings(max_examples=300)
@given(_tracks(), _scene, st.sampled_from((0.25, 0.5, 0.75)), _cuts)
def test_events_are_what_the_definitions_say(
    sightings: list[Sighting], scene: Scene, threshold: float, cuts: tuple[int, ...]
) -> None:
    sightings = in_scenes(sightings, cuts)
    seen = trajectories_of(sightings, cuts)
    expected = literal_events.events(sightings, threshold, seen.duration_s, _SIZE, scene, _LABELS, cuts)
    assert [_plain(event) for event in find_events(seen, threshold, scene)] == [*map(_plain_literal, expected)]


@settings(max_examples=200)
@given(_tracks())
def test_ids_count_and_no_sighting_is_in_two_events(sightings: list[Sighting]) -> None:
    found = find_events(trajectories_of(sightings), _THRESHOLD)
    assert [event.id for event in found] == list(range(1, len(found) + 1))
    assert [event.start_s for event in found] == sorted(event.start_s for event in found)
    places = [(event.tracker_id, frame) for event in found for frame in event.frames.tolist()]
    assert len(places) <= len(sightings)
    assert all((np.diff(event.frames) > 0).all() for event in found)
