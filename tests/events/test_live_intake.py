"""Frames reach the log in their order and once each, whoever gives them never waits, and the thread ends."""

from __future__ import annotations

import threading
from dataclasses import replace
from fractions import Fraction

from app.core.events.live_intake import LiveIntake
from app.core.events.live_log import LiveLog
from app.core.events.masks import Masks
from app.core.frames import FrameResult
from tests.events.test_live_log import NOON, frame_at
from tests.support.kept_events import FPS, seen_at


class _Held(LiveLog):
    """Takes nothing before it may."""

    def __init__(self) -> None:
        super().__init__(NOON, (96, 64))
        self.reached, self.may = threading.Event(), threading.Event()
        self.taken: list[FrameResult] = []

    def take(self, result: FrameResult, threshold: float, iou_threshold: float, masks: Masks = ()) -> None:
        self.reached.set()
        self.may.wait()
        self.taken.append(result)
        super().take(result, threshold, iou_threshold, masks)


def answer(index: int) -> FrameResult:
    return frame_at(index / FPS, seen_at(index))


def test_it_remembers_what_the_log_would() -> None:
    log, intake = LiveLog(NOON, (96, 64)), LiveIntake(LiveLog(NOON, (96, 64)))
    for index in range(40):
        result = answer(index)
        log.take(result, 0.25, 0.45)
        intake.put(result, 0.25, 0.45)
        if index % 5 == 0:
            assert len(intake.sightings().frames) == len(log.sightings().frames)
    ours, theirs = intake.sightings(), log.sightings()
    assert [frame.time_s for frame in ours.frames] == [frame.time_s for frame in theirs.frames]
    assert dict(ours.number_of) == dict(theirs.number_of)
    assert dict(ours.pictures) == dict(theirs.pictures)
    intake.close()
    assert intake.worker.join(60)


def test_each_answer_is_taken_once_and_frames_without_one_not_at_all() -> None:
    log = _Held()
    log.may.set()
    intake = LiveIntake(log)
    first, second = answer(0), answer(1)
    moved = [replace(answer(index), followed=True, seen=first) for index in range(3)]
    for result in (*moved, frame_at(Fraction(1), None), second, replace(second, followed=True, seen=second)):
        intake.put(result, 0.25, 0.45)
    intake.sightings()
    intake.close()
    assert log.taken == [first, second]
    assert intake.worker.join(60)


def test_nobody_waits_for_a_log_that_takes_long_and_the_oldest_frames_are_left_out() -> None:
    log = _Held()
    intake = LiveIntake(log)
    results = [answer(index) for index in range(30)]
    intake.put(results[0], 0.25, 0.45)
    assert log.reached.wait(30.0)
    for result in results[1:]:
        intake.put(result, 0.25, 0.45)
    intake.close()
    log.may.set()
    intake.sightings()
    assert log.taken == [results[0], *results[-8:]]
    assert intake.worker.join(60)
