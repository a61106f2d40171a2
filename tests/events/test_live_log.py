"""A live source is told in the same words as a stored video, with times of day, and no more than an hour of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from app.core.candidate_cache.store_format import StoredFrame
from app.core.events.event import Event
from app.core.events.find import find_events
from app.core.events.live_log import KEPT_S, LiveLog
from app.core.events.scene import Line, Scene, Zone
from app.core.events.trajectories import follow_frames
from app.core.frames import Frame, FrameResult
from detector.detections import Candidates, DetectionFilter
from tests.support.kept_events import FPS, FRAMES, SIZE, labels, seen_at

NOON = Fraction(12 * 3600)
_SCENE = Scene(
    (Zone("left half", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))),), (Line("gate", ((0.3, 0.0), (0.3, 1.0))),)
)


def frame_at(second: Fraction, candidates: Candidates | None, followed: bool = False) -> FrameResult:
    """A frame whose grey is its tenth of a second."""
    grey = int(second * 10) % 200
    bgra = np.full((SIZE[1], SIZE[0], 4), grey, np.uint8)
    bgra[..., 3] = 255
    frame = Frame(bgra[..., :3].copy(), bgra, 0, None, int((1000 + second) * 1_000_000_000))
    return FrameResult(frame, candidates, labels(), "demo", followed=followed)


def filled(masks: tuple[tuple[tuple[float, float], ...], ...] = ()) -> LiveLog:
    log = LiveLog(NOON, (96, 64))
    for index in range(FRAMES):
        log.take(frame_at(index / FPS, seen_at(index)), 0.25, 0.45, masks)
        log.take(frame_at(index / FPS + Fraction(1, 50), seen_at(index), followed=True), 0.25, 0.45, masks)
        log.take(frame_at(index / FPS + Fraction(1, 40), None), 0.25, 0.45, masks)
    return log


def told(events: tuple[Event, ...], shift: float) -> list[tuple[object, ...]]:
    return [
        (
            event.label,
            pytest.approx(event.start_s + shift, abs=1e-6),
            pytest.approx(event.end_s + shift, abs=1e-6),
            pytest.approx(event.still_s, abs=1e-6),
            event.max_score,
            [(visit.zone, pytest.approx(visit.enter_s + shift, abs=1e-6)) for visit in event.zones],
            [(crossing.line, crossing.direction) for crossing in event.crossings],
        )
        for event in events
    ]


@pytest.mark.parametrize("threshold", [0.25, 0.5])
def test_its_events_are_those_of_the_same_frames_stored(threshold: float) -> None:
    frames = [StoredFrame(index / FPS, *SIZE, seen_at(index)) for index in range(FRAMES)]
    stored = find_events(follow_frames(frames, labels(), DetectionFilter(0.1, 0.45)), threshold, _SCENE)
    live = find_events(filled().sightings().trajectories(), threshold, _SCENE)
    assert len(live) == (3 if threshold == 0.25 else 2)
    assert told(live, 0.0) == told(stored, float(NOON))


def test_the_picture_of_an_object_is_its_best() -> None:
    log = filled()
    seen = log.sightings()
    corner, walker, _ = find_events(seen.trajectories(), 0.25)
    packed = seen.picture(walker)
    assert packed is not None
    picture = cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert 62 <= picture.shape[0] <= 64
    assert 94 <= picture.shape[1] <= 96
    assert abs(int(picture[0, 0, 0]) - 12) <= 1, "of frame 12, where it scores most"
    assert seen.picture(corner) is not None
    assert seen.picture(replace(corner, tracks=(999,))) is None


def test_a_detector_that_answers_late_fills_it_too_and_numbers_are_those_on_the_picture() -> None:
    log = LiveLog(NOON, (96, 64))
    for index in range(FRAMES):
        found = seen_at(index)
        numbers = tuple(None if index < 7 else 20 + int(label) for label in found.class_ids)
        answer = replace(frame_at(index / FPS, found), numbers=numbers)
        for late in (1, 2):
            shown = frame_at(index / FPS + Fraction(late, 25), Candidates.empty(), followed=True)
            log.take(replace(shown, seen=answer), 0.25, 0.45)
    seen = log.sightings()
    events = find_events(seen.trajectories(), 0.25)
    assert told(events, 0.0) == told(find_events(filled().sightings().trajectories(), 0.25), 0.0)
    assert seen.shown_as(events) == ((22,), (20,), (21,))
    assert filled().sightings().shown_as(events) == ((), (), ())


def test_objects_end_at_a_cut() -> None:
    log, random = LiveLog(NOON, (96, 64)), np.random.default_rng(0)
    scenes = [cv2.resize(random.integers(0, 255, (20, 26, 3), np.uint8), SIZE) for _ in range(2)]
    for index in range(40):
        made = frame_at(index / FPS, seen_at(40))
        bgr = scenes[index >= 20]
        bgra = cv2.cvtColor(bgr, cv2.COLOR_BGR2BGRA)
        log.take(replace(made, frame=replace(made.frame, image_bgr=bgr, image_bgra=bgra)), 0.5, 0.45)
    seen = log.sightings().trajectories()
    assert seen.cuts == (20,)
    noon = float(NOON)
    assert [(event.start_s - noon, event.end_s - noon) for event in find_events(seen, 0.5)] == [
        (0.0, pytest.approx(1.9)),
        (2.0, pytest.approx(3.9)),
    ]


def test_masks_hide_and_another_model_begins_anew() -> None:
    corner = ((0.8, 0.0), (1.0, 0.0), (1.0, 0.3), (0.8, 0.3))
    seen = filled((corner,)).sightings().trajectories()
    assert [event.label for event in find_events(seen, 0.25)] == [labels()[0], labels()[1]]
    log = filled()
    result = frame_at(Fraction(10), Candidates.empty())
    log.take(FrameResult(result.frame, Candidates.empty(), ("other",), "other"), 0.25, 0.45)
    assert (log.sightings().labels, len(log.sightings().frames)) == (("other",), 1)
    assert find_events(log.sightings().trajectories(), 0.25) == ()


def test_what_is_older_than_an_hour_is_forgotten() -> None:
    log = filled()
    log.take(frame_at(Fraction(KEPT_S) + 3, seen_at(0)), 0.25, 0.45)
    seen = log.sightings()
    assert seen.frames[0].time_s == NOON + 3
    assert [event.label for event in find_events(seen.trajectories(), 0.5)] == [labels()[1]]
