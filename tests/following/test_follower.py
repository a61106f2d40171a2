"""A follower over a long time: numbers, counts, and nothing that piles up."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from app.core.following.follower import Follower
from detector.detections import Detections

GREY = np.full((90, 160, 3), 90, np.uint8)


def one(x: float, class_id: int = 0) -> Detections:
    return Detections(
        np.array([[x, 10, x + 30, 60]], np.float32), np.array([0.9], np.float32), np.array([class_id], np.int32)
    )


def watch(follower: Follower, visits: int) -> list[int]:
    """Objects come and go, one at a time, each for half a second and with a second and a half between."""
    numbers: list[int] = []
    for index in range(visits * 20):
        follower.advance(index, GREY)
        visit, moment = divmod(index, 20)
        found = one(10 + 40 * (visit % 3), visit % 2) if moment < 5 else Detections.empty()
        numbers += [number for number in follower.detected(index, Fraction(index, 10), found) if number is not None]
    return list(dict.fromkeys(numbers))


def test_each_visit_has_a_number_of_its_own_and_is_counted_once() -> None:
    follower = Follower()
    assert watch(follower, 6) == [1, 2, 3, 4, 5, 6]
    assert follower.so_far == {0: 3, 1: 3}


def test_numbers_go_on_from_those_that_were_given() -> None:
    follower = Follower(given=7)
    assert watch(follower, 2) == [8, 9]
    assert (follower.given, follower.so_far) == (9, {0: 1, 1: 1})


def test_what_ended_is_not_kept() -> None:
    follower = Follower()
    watch(follower, 40)
    assert follower.given == 40
    assert len(follower.first_s) <= 1
