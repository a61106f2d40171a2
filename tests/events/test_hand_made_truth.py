"""Events in real films, held to what a person saw in them, frame by frame. Skips where the films are not here.

The truth lies in ``truth/``: who is there from which frame to which, and the first frame beyond each line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_format import StoredFrame
from app.core.events.event import Event
from app.core.events.find import find_events
from app.core.events.scene import Line, Scene, Zone
from app.core.events.trajectories import Trajectories, follow, follow_frames
from app.core.export.analysis import analysed_before, analysis_of
from app.core.export.job import ExportJob
from app.core.models import user_library
from app.core.muxing.video_options import VideoOptions
from app.core.settings import DetectionSettings, ModelSettings
from app.core.thresholds import threshold_for
from detector.detections import Candidates, DetectionFilter
from tests.support.shared_data import shared

_FRAMES_OFF = 2
_TABLE = Scene(
    (Zone("table", ((0.45, 0.6), (0.75, 0.6), (0.75, 1.0), (0.45, 1.0))),),
    (Line("leave", ((0.68, 1.0), (0.68, 0.3))), Line("exit", ((0.75, 1.0), (0.75, 0.3)))),
)
_ROAD = Scene((), (Line("middle", ((0.0, 0.5), (1.0, 0.5))),))  # down is "in"
_ROAD_MODEL = "weights/openvino-ssd/person-vehicle-bike-detection-crossroad-0078.xml"
_ROAD_THRESHOLD = 0.7  # at 0.5 the model also sees one car that is none, for seconds, on an empty piece of road

Truth = Mapping[str, Any]


def _truth(video: str) -> list[Truth]:
    path = Path(__file__).with_name("truth") / f"{video}.json"
    objects: list[Truth] = json.loads(path.read_text(encoding="utf-8"))["objects"]
    return objects


def _analysed(video: Path, model: str, folder: Path) -> Path:
    """The store of what the model finds in every frame."""
    detection = DetectionSettings(threshold=0.1)
    request = analysis_of(video, folder, ModelSettings(name=model), detection, VideoOptions())
    ExportJob(request).run()
    kept = analysed_before(request)
    assert kept is not None
    return kept.path


def _seen(path: Path, every: int) -> Trajectories:
    """The objects of a store, of which only every Nth frame and the last are used."""
    with CandidateStore.open(path) as store:
        if every == 1:
            return follow(store, 0.1, 0.45)
        wanted = DetectionFilter(0.1, 0.45)
        return follow_frames(_some(store, every), store.facts.labels, wanted, detect_every=every)


def _some(store: CandidateStore, every: int) -> Iterator[StoredFrame]:
    for index, frame in enumerate(store):
        is_seen = index % every == 0 or index == store.frames - 1
        yield frame if is_seen else replace(frame, candidates=Candidates.empty())


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    video = shared("videos/one-by-one-person-detection.mp4")
    return _analysed(video, "everyday", tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="module")
def cars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = shared(_ROAD_MODEL)
    return _analysed(shared("videos/car-detection.mp4"), str(model), tmp_path_factory.mktemp("cars"))


def _everyday_threshold() -> float:
    return threshold_for(user_library().find("everyday").spec.threshold)


def test_people_by_the_model_in_the_box(people: Path) -> None:
    seen, truths = _seen(people, 1), _truth("one-by-one-person-detection")
    found = find_events(seen, _everyday_threshold(), _TABLE)
    persons = [event for event in found if event.label == "person"]
    matched = [(truth, event) for truth in truths for event in persons if _same(truth, event, 0.9)]
    assert len(matched) >= 0.9 * len(truths)  # recall
    assert len(matched) >= 0.9 * len(found)  # precision, things taken for other classes included
    crossed = [crossing for event in persons for crossing in event.crossings]
    assert abs(len(crossed) - 2 * len(truths)) <= 0.1 * 2 * len(truths)
    for truth, event in matched:
        (visit,) = event.zones
        if truth["enters"] is None:
            assert visit.enter_s == event.start_s
        else:
            assert _off(truth["enters"], visit.enter_s, seen) <= _FRAMES_OFF
        assert _off(truth["crosses"]["exit"][0], visit.leave_s, seen) <= _FRAMES_OFF
        for crossing in event.crossings:
            frame, direction = truth["crosses"][crossing.line]
            assert (crossing.direction, _off(frame, crossing.time_s, seen) <= _FRAMES_OFF) == (direction, True)


def test_cars_by_a_model_of_roads(cars: Path) -> None:
    seen, truths = _seen(cars, 1), _truth("car-detection")
    found = find_events(seen, _ROAD_THRESHOLD, _ROAD)
    # Half a car at the frame's edge is none to the model yet.
    matched = [event for event in found if any(_same(truth, event, 0.8) for truth in truths)]
    assert len(matched) == len(found) == len(truths)
    crossed = sorted((crossing.time_s, crossing.direction) for event in found for crossing in event.crossings)
    expected = sorted(truth["crosses"]["middle"] for truth in truths)
    assert [direction for _, direction in crossed] == [direction for _, direction in expected]
    for (time_s, _), (frame, _) in zip(crossed, expected, strict=True):
        assert _off(frame, time_s, seen) <= _FRAMES_OFF


@pytest.mark.parametrize("every", [1, 3, 5])
def test_different_objects_are_counted(people: Path, cars: Path, every: int) -> None:
    persons = find_events(_seen(people, every), _everyday_threshold())
    assert len(persons) == len(_truth("one-by-one-person-detection"))
    assert len(find_events(_seen(cars, every), _ROAD_THRESHOLD)) == len(_truth("car-detection"))


def _same(truth: Truth, event: Event, share: float) -> bool:
    """Whether the event and the object of the truth share that much of the frames of both."""
    first, last = int(event.frames[0]), int(event.frames[-1])
    both = min(last, truth["last"]) - max(first, truth["first"])
    return bool(both >= share * (max(last, truth["last"]) - min(first, truth["first"])))


def _off(frame: int, time_s: float, seen: Trajectories) -> int:
    """Frames between the one a person named and the one of ``time_s``."""
    times = [float(time) for time in seen.pts_s]
    return abs(min(range(len(times)), key=lambda index: abs(times[index] - time_s)) - frame)
