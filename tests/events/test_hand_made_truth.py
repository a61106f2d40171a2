"""Events in real films, held to what a person saw in them, frame by frame. Skips where the films are not here.

The truth was made by looking at enlarged frames, one after the other, with the lines drawn in.
A person's place is the middle between the leftmost and the rightmost part that shows; a car's the lower edge.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from app.core.candidate_cache.store import CandidateStore
from app.core.events.event import Event
from app.core.events.find import find_events
from app.core.events.scene import Line, Scene, Zone
from app.core.events.trajectories import follow
from app.core.export.analysis import analysed_before, analysis_of
from app.core.export.job import ExportJob
from app.core.models import user_library
from app.core.muxing.video_options import VideoOptions
from app.core.settings import DetectionSettings, ModelSettings
from app.core.thresholds import threshold_for
from tests.support.shared_data import shared

_FRAMES_OFF = 2


class _Person(NamedTuple):
    """Frames that a person named."""

    first: int
    last: int
    enters: int | None
    leave: int
    exit: int


# Six people come one after the other, stand at a table, and leave to the right: the first and the last frame in which
# anything of them shows, and the first frame beyond each line. The fifth comes in within the zone.
_PEOPLE = (
    _Person(60, 199, 64, 185, 187),
    _Person(227, 449, 231, 437, 439),
    _Person(502, 700, 507, 689, 690),
    _Person(745, 869, 754, 854, 859),
    _Person(921, 1200, None, 1184, 1188),
    _Person(1234, 1360, 1241, 1347, 1349),
)
_TABLE = Scene(
    (Zone("table", ((0.45, 0.6), (0.75, 0.6), (0.75, 1.0), (0.45, 1.0))),),
    (Line("leave", ((0.68, 1.0), (0.68, 0.3))), Line("exit", ((0.75, 1.0), (0.75, 0.3)))),
)
# Four cars seen from above: the first frame with the lower edge beyond the middle of the frame. Down is "in".
_CARS = ((88, "out"), (198, "in"), (221, "out"), (327, "in"))
_ROAD = Scene((), (Line("middle", ((0.0, 0.5), (1.0, 0.5))),))


def _events(video: Path, model: str, scene: Scene, folder: Path) -> tuple[tuple[Event, ...], list[float]]:
    """The events at the model's own threshold, and the time of every frame."""
    threshold = threshold_for(user_library().find(model).spec.threshold)
    detection = DetectionSettings(threshold=threshold)
    request = analysis_of(video, folder, ModelSettings(name=model), detection, VideoOptions())
    ExportJob(request).run()
    kept = analysed_before(request)
    assert kept is not None
    with CandidateStore.open(kept.path) as store:
        seen = follow(store, threshold, detection.iou)
    return find_events(seen, threshold, scene), [float(time) for time in seen.pts_s]


def test_people_by_the_model_in_the_box(tmp_path: Path) -> None:
    video = shared("videos/one-by-one-person-detection.mp4")
    found, times = _events(video, "everyday", _TABLE, tmp_path)
    people = [event for event in found if event.label == "person"]
    matched = [(truth, event) for truth in _PEOPLE for event in people if _same(truth, event)]
    assert len(matched) >= 0.9 * len(_PEOPLE)  # recall
    assert len(matched) >= 0.9 * len(found)  # precision, things taken for other classes included
    crossed = [crossing for event in people for crossing in event.crossings]
    assert abs(len(crossed) - 2 * len(_PEOPLE)) <= 0.1 * 2 * len(_PEOPLE)
    assert {crossing.direction for crossing in crossed} == {"in"}
    for truth, event in matched:
        (visit,) = event.zones
        if truth.enters is None:
            assert visit.enter_s == event.start_s
        else:
            assert _off(truth.enters, visit.enter_s, times) <= _FRAMES_OFF
        assert _off(truth.exit, visit.leave_s, times) <= _FRAMES_OFF
        for crossing in event.crossings:
            assert _off(getattr(truth, crossing.line), crossing.time_s, times) <= _FRAMES_OFF


def test_cars_by_a_model_of_roads(tmp_path: Path) -> None:
    model = shared("weights/openvino-ssd/person-vehicle-bike-detection-crossroad-0078.xml")
    found, times = _events(shared("videos/car-detection.mp4"), str(model), _ROAD, tmp_path)
    crossed = sorted((crossing.time_s, crossing.direction) for event in found for crossing in event.crossings)
    assert [direction for _, direction in crossed] == [direction for _, direction in _CARS]
    for (time_s, _), (frame, _) in zip(crossed, _CARS, strict=True):
        assert _off(frame, time_s, times) <= _FRAMES_OFF


def _same(person: _Person, event: Event) -> bool:
    """Whether the event and the person share nine tenths of the frames of both."""
    first, last = int(event.frames[0]), int(event.frames[-1])
    both = min(last, person.last) - max(first, person.first)
    return both >= 0.9 * (max(last, person.last) - min(first, person.first))


def _off(frame: int, time_s: float, times: list[float]) -> int:
    """Frames between the one a person named and the one of ``time_s``."""
    return abs(min(range(len(times)), key=lambda index: abs(times[index] - time_s)) - frame)
