"""Followers of sources that misbehave: objects end where a person would say so, and no number is given twice."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.following.follower import Follower
from app.core.frames import ImageBGR
from detector.detections import Detections

SIZE = (192, 128)


def ground(seed: int = 0, size: tuple[int, int] = SIZE) -> ImageBGR:
    """A textured image; another seed is another scene."""
    noise = np.random.default_rng(seed).random((size[1], size[0], 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 5)
    return np.asarray(cv2.normalize(smooth, smooth.copy(), 20, 235, cv2.NORM_MINMAX), np.uint8)


def found(*lefts: float) -> Detections:
    boxes = np.array([[left, 10, left + 20, 40] for left in lefts], np.float32).reshape(-1, 4)
    return Detections(boxes, np.full(len(lefts), 0.9, np.float32), np.zeros(len(lefts), np.int32))


def numbers(follower: Follower) -> list[int | None]:
    return [each.tracker_id for each in follower.objects()]


def begun() -> Follower:
    """One that follows an object with the number 1."""
    follower = Follower()
    follower.advance(0, ground())
    follower.detected(0, Fraction(0), found(10))
    assert numbers(follower) == [1]
    return follower


def confirmed(follower: Follower, index: int, image: ImageBGR) -> list[int | None]:
    """Numbers after the detector has found an object in ten frames from ``index`` on."""
    for step in range(index, index + 10):
        follower.advance(step, image)
        follower.detected(step, Fraction(step, 30), found(10))
    return numbers(follower)


@pytest.mark.parametrize("image", [ground(size=(96, 64)), ground(seed=5)], ids=["another size", "another scene"])
def test_objects_end_where_the_frames_become_others(image: ImageBGR) -> None:
    follower = begun()
    follower.advance(1, image)
    assert numbers(follower) == []
    follower.detected(0, Fraction(0), found(10))
    assert numbers(follower) == [], "an answer to a frame of before comes late"
    assert confirmed(follower, 2, image) == [2]


def test_sizes_that_alternate_show_nothing_wrong() -> None:
    follower = begun()
    for index in range(1, 12):
        size = (96, 64) if index % 2 else (64, 96)
        follower.advance(index, ground(size=size))
        follower.detected(index - 1, Fraction(index - 1, 30), found(10))
        assert numbers(follower) == []


def test_frames_that_were_dropped_change_nothing() -> None:
    follower = begun()
    for index in (3, 4, 11, 12):
        follower.advance(index, ground())
        follower.detected(index, Fraction(index, 30), found(10))
    assert numbers(follower) == [1]


def test_a_frame_from_before_begins_anew() -> None:
    follower = begun()
    for index in (1, 2, 1):
        follower.advance(index, ground())
    assert numbers(follower) == []
    assert confirmed(follower, 2, ground()) == [2]


def test_an_answer_to_a_frame_that_never_came_is_none() -> None:
    follower = begun()
    assert follower.detected(7, Fraction(7, 30), found(50)) == ()
    assert numbers(follower) == [1]


def test_a_clock_that_runs_back_is_no_reason_to_end() -> None:
    follower = begun()
    for index, time_s in ((1, Fraction(5)), (2, Fraction(1)), (3, Fraction(2))):
        follower.advance(index, ground())
        follower.detected(index, time_s, found(10))
    assert numbers(follower) == [1]


def test_what_the_detector_finds_no_more_ends_within_seconds() -> None:
    follower = begun()
    for index in range(1, 40):
        follower.advance(index, ground())
        follower.detected(index, Fraction(index, 30), Detections.empty())
    assert numbers(follower) == []


_step = st.tuples(st.sampled_from((1, 1, 1, 2, 9, -3)), st.integers(0, 1), st.booleans(), st.lists(st.integers(0, 70)))


@settings(max_examples=60)
@given(st.lists(_step, max_size=25))
def test_whatever_comes_no_number_comes_back(steps: list[tuple[int, int, bool, list[int]]]) -> None:
    follower, index, ended, last = Follower(), 0, set[int | None](), set[int | None]()
    for by, seed, answered, lefts in steps:
        before, index = index, max(0, index + by)
        follower.advance(index, ground(seed))
        if answered:
            follower.detected(min(before, index), Fraction(index, 10), found(*lefts[:4]))
        if by < 0:
            follower.end_all()
        now = set(follower.first_s) & set(numbers(follower))
        assert not now & ended
        if by < 0:
            ended |= last
        last = set(numbers(follower)) - {None}
