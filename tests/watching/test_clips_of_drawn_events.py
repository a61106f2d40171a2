"""A drawn stream with objects at known times: every event has its clip, none is cut short, none is there twice."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from app.core.alarms.message import AlarmMessage
from app.core.alarms.rules import Rule
from app.core.events.scene import Scene, Zone
from app.core.frames import Frame, FrameResult, ImageBGR
from app.core.recording.drawn import DrawnFrames
from app.core.recording.recorder import Recorder
from app.core.recording.source_recording import SourceRecording
from app.core.settings import DetectionSettings, ModelSettings, OverlaySettings
from app.core.sources.base import frame_from_bgr
from app.core.watching.event_keeper import EventKeeper
from app.core.watching.request import WatchRequest
from detector.detections import Candidates
from tools.fixtures.coded_images import coded_image, read_frame_index

FPS, SECONDS, CODE = 10, 90, (64, 48)
T0_NS = 5_000_000_000_000
PATIENCE_S = 60.0
LABELS = ("person", "dog")
# (class, first and last frame, left edge): a dog that is none of the rule's, a person outside the zone, two that touch.
OBJECTS = (
    (0, 100, 160, 2), (1, 220, 260, 2), (0, 300, 340, 80), (0, 420, 450, 2), (0, 500, 520, 2), (0, 700, 760, 2),
)  # fmt: skip
EVENTS = ((100, 160), (420, 450), (500, 520), (700, 760))
BEFORE_S, AFTER_S = 3.0, 4.0
CLIPS = ((70, 200), (390, 560), (670, 800))
"""First and last frame; the second and third event share one: 450 + 40 >= 500 - 30."""


def image_of(index: int) -> ImageBGR:
    """A scene that stays the same, and in its corner the number of the frame."""
    ground = np.random.default_rng(0).integers(60, 180, (12, 16, 3)).astype(np.uint8)
    image: ImageBGR = np.kron(ground, np.ones((8, 8, 1), np.uint8))
    image[: CODE[1], : CODE[0]] = coded_image(index, CODE)
    return image


def candidates(index: int) -> Candidates:
    found = [(class_id, left) for class_id, first, last, left in OBJECTS if first <= index <= last]
    boxes = np.array([[left, 8, left + 16, 40] for _, left in found], np.float32).reshape(-1, 4)
    classes = np.array([class_id for class_id, _ in found], np.int32)
    return Candidates(boxes, np.full(len(found), 0.9, np.float32), classes, np.ones(len(found), np.bool_))


class Run:
    """The whole stream, through keeper and recorder, frame by frame and without waiting for the clock."""

    def __init__(self, request: WatchRequest) -> None:
        self.lines: list[dict[str, Any]] = []
        self.alarms: list[AlarmMessage] = []
        frames = DrawnFrames(OverlaySettings())
        keeper = EventKeeper("table", request, self.lines.append, self.alarms.append, frames)
        plan = request.plan("table", drawn=False)
        assert plan is not None
        failures: list[Exception] = []
        recording = SourceRecording(Recorder(plan, keeper.report), failures.append, Fraction(FPS))
        keeper.clips = recording.recorder
        room = threading.Semaphore(2)

        def made(image: ImageBGR) -> ImageBGR:
            room.release()
            return image

        for index in range(FPS * SECONDS):
            assert room.acquire(timeout=PATIENCE_S)
            frame = frame_from_bgr(image_of(index), index, None, T0_NS + index * 10**9 // FPS)
            recording.image(frame.captured_ns, lambda frame=frame: made(frame.image_bgr))  # type: ignore[misc] # bound now
            keeper.look(self.result(frame))
        assert recording.close(PATIENCE_S)
        assert (failures, recording.dropped) == ([], 0)

    @staticmethod
    def result(frame: Frame) -> FrameResult:
        return FrameResult(frame, candidates(frame.index), LABELS, "drawn")

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] == kind]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    zone = Zone("left", ((0.0, 0.0), (0.45, 0.0), (0.45, 1.0), (0.0, 1.0)))
    return Run(
        WatchRequest(
            ModelSettings(),
            DetectionSettings(threshold=0.5),
            (Rule("seen", ("person",), "left", 0.5),),
            Scene((zone,)),
            clips=tmp_path_factory.mktemp("clips"),
            before_s=BEFORE_S,
            after_s=AFTER_S,
            min_free=0,
        )
    )


def shown(path: str) -> list[int]:
    with av.open(path) as video:
        images = (np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in video.decode(video=0))
        return [read_frame_index(image[: CODE[1], : CODE[0]]) for image in images]


def test_every_event_of_the_rule_is_told_once(run: Run) -> None:
    assert [(line["id"], line["label"]) for line in run.of("began")] == [(i, "person") for i in (1, 2, 3, 4)]
    found = [line["seconds"] for line in run.of("ended")]
    assert found == pytest.approx([(last - first) / FPS for first, last in EVENTS], abs=0.25)
    assert run.of("trouble") == []


def test_every_event_is_whole_in_exactly_one_clip(run: Run) -> None:
    clips = run.of("clip")
    assert [clip["events"] for clip in clips] == [[1], [2, 3], [4]]
    for clip, (first, last) in zip(clips, CLIPS, strict=True):
        frames = shown(clip["path"])
        assert frames == [*range(frames[0], frames[-1] + 1)]
        assert frames[0] <= first + 1  # a number is given with the second frame
        assert first - frames[0] <= FPS  # no more than from the key frame before
        assert abs(frames[-1] - last) <= 1
    assert len(list(Path(clips[0]["path"]).parent.glob("*.mp4"))) == 3


def test_every_event_has_a_picture_and_alarms_that_name_it(run: Run) -> None:
    assert all(Path(line["snapshot"]).stat().st_size for line in run.of("began"))
    assert [line["snapshot"] for line in run.of("ended")] == [line["snapshot"] for line in run.of("began")]
    moments = [(alarm.moment, alarm.data["id"]) for alarm in run.alarms if alarm.moment == "clip"]
    assert moments == [("clip", number) for number in (1, 2, 3, 4)]
    assert all(Path(alarm.clip).is_file() for alarm in run.alarms if alarm.moment == "clip")
