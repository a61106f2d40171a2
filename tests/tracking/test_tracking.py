"""The tracker: the best pairing is the best, the filter is Kalman's, and numbers stay with their objects."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.core.tracking.assignment import best_pairs
from app.core.tracking.kalman_filter import Motion
from app.core.tracking.tracker import Tracker, with_unsure
from detector.detections import DetectionFilter, Detections
from tests.support.literal_tracking import Frame, score
from tools.demo.motion import MovingScene

Row = tuple[float, float, float, float, float, int]
"""x1 y1 x2 y2 score class."""


def detections(rows: list[Row]) -> Detections:
    rows = sorted(rows, key=lambda row: -row[4])
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4].copy(), table[:, 4].copy(), table[:, 5].astype(np.int32))


# -- pairing --------------------------------------------------------------------------------------------------------


def every_way(gain: npt.NDArray[np.float64]) -> float:
    """The most that any pairing gains, by trying all."""
    rows, columns = gain.shape
    return max(
        sum(gain[row, column] for row, column in enumerate(order) if column < columns)
        for order in permutations(range(columns + rows), rows)
    )


@given(arrays(np.float64, st.tuples(st.integers(0, 4), st.integers(0, 4)), elements=st.integers(-3, 6)))
def test_pairs_gain_as_much_as_the_best_of_all_ways(gain: npt.NDArray[np.float64]) -> None:
    pairs = best_pairs(gain)
    assert sum(gain[pair] for pair in pairs) == pytest.approx(every_way(gain))
    assert all(gain[pair] > 0 for pair in pairs)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)


def test_pairs_gain_as_much_as_scipy_says() -> None:
    optimise = pytest.importorskip("scipy.optimize", reason="scipy is not installed")
    rng = np.random.default_rng(0)
    for size in rng.integers(1, 60, (60, 2)):
        gain = rng.uniform(-1, 1, size)
        rows, columns = optimise.linear_sum_assignment(-np.maximum(gain, 0))
        assert sum(gain[pair] for pair in best_pairs(gain)) == pytest.approx(np.maximum(gain, 0)[rows, columns].sum())


# -- prediction -----------------------------------------------------------------------------------------------------


def test_the_filter_is_kalmans() -> None:
    """One coordinate by the textbook's matrices, with the noise the filter states."""
    motion, side = Motion(), 20.0
    places, steps = [100.0, 104.0, 109.0, 112.0], [0.04, 0.04, 0.12]
    boxes = [np.array([[x - side / 2, 0.0, x + side / 2, side]]) for x in places]
    motion.add(boxes[0])
    state, area = np.array([places[0], 0.0]), side**2
    cov = np.diag([4 * area / 400, area * (300 / 160) ** 2])
    for dt, box, place in zip(steps, boxes[1:], places[1:], strict=True):
        motion.predict(dt, np.zeros(1, np.bool_))
        move = np.array([[1, dt], [0, 1]])
        drift = area * 30 * (30 / 160) ** 2
        noise = drift * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]]) + np.diag([area * 30 / 400 * dt, 0])
        state, cov = move @ state, move @ cov @ move.T + noise
        x1, _, x2, _ = motion.boxes_xyxy()[0]
        assert (x1 + x2) / 2 == pytest.approx(state[0])
        motion.correct(np.array([0]), box)
        gain = cov @ np.array([1, 0]) / (cov[0, 0] + area / 400)
        state, cov = state + gain * (place - state[0]), (np.eye(2) - np.outer(gain, [1, 0])) @ cov
        x1, _, x2, _ = motion.boxes_xyxy()[0]
        assert (x1 + x2) / 2 == pytest.approx(state[0])


# -- numbers --------------------------------------------------------------------------------------------------------


def at(seconds: float) -> Fraction:
    return Fraction(seconds).limit_denominator(90_000)


def test_objects_of_the_first_frame_are_numbered_at_once_and_later_ones_when_seen_a_moment_later() -> None:
    tracker = Tracker()
    car: Row = (0, 0, 40, 40, 0.9, 0)
    dog: Row = (100, 0, 140, 40, 0.8, 1)
    assert tracker.update(at(0), detections([car])) == (1,)
    assert tracker.update(at(0.04), detections([car, dog])) == (1, None)
    assert tracker.update(at(0.08), detections([car, dog])) == (1, None)
    assert tracker.update(at(0.2), detections([car, dog])) == (1, 2)
    assert tracker.first_s == {1: 0.0, 2: pytest.approx(0.04)}


def test_a_flash_of_the_detector_makes_no_object() -> None:
    tracker = Tracker()
    tracker.update(at(0), detections([]))
    assert tracker.update(at(0.5), detections([(0, 0, 9, 9, 0.9, 0)])) == (None,)
    assert tracker.update(at(1.0), detections([])) == ()
    assert tracker.update(at(1.5), detections([(0, 0, 9, 9, 0.9, 0)])) == (None,)


def test_a_flicker_now_and_then_makes_no_object() -> None:
    tracker = Tracker()
    tracker.update(at(0), detections([]))
    for k in range(1, 60):
        there: list[Row] = [(0, 0, 30, 30, 0.9, 0)] if k % 4 == 0 else []
        assert tracker.update(at(k / 30), detections(there)) in ((), (None,))


def test_classes_are_never_mixed() -> None:
    tracker = Tracker()
    assert tracker.update(at(0), detections([(0, 0, 40, 40, 0.9, 0)])) == (1,)
    assert tracker.update(at(0.04), detections([(0, 0, 40, 40, 0.9, 1)])) == (None,)


def watched(tracker: Tracker, rate: int, speed: float) -> float:
    """An object that was seen for a second, going to the right with ``speed``; returns when it was seen last."""
    for k in range(rate):
        tracker.update(at(k / rate), detections([walker(k / rate, speed)]))
    return (rate - 1) / rate


def walker(seconds: float, speed: float) -> Row:
    return (50 + speed * seconds, 50, 90 + speed * seconds, 90, 0.9, 0)


def not_seen(tracker: Tracker, start: float, gap: float, rate: int) -> None:
    for k in range(1, int(gap * rate)):
        tracker.update(at(start + k / rate), detections([]))


@pytest.mark.parametrize(("gap", "same"), [(0.9, True), (1.2, False)])
@pytest.mark.parametrize("rate", [10, 60])
def test_an_object_is_waited_for_by_the_clock_not_by_frames(gap: float, same: bool, rate: int) -> None:
    tracker = Tracker()
    last = watched(tracker, rate, 100)
    not_seen(tracker, last, gap, rate)
    assert tracker.update(at(last + gap), detections([walker(last + gap, 100)])) == ((1,) if same else (None,))


@pytest.mark.parametrize(
    ("gap", "by", "class_id", "same"), [(29, 0, 0, True), (31, 0, 0, False), (5, 12, 0, False), (5, 0, 1, False)]
)
def test_an_object_that_stood_is_found_again_where_it_stood(gap: float, by: float, class_id: int, same: bool) -> None:
    tracker = Tracker()
    last = watched(tracker, 10, 0)
    not_seen(tracker, last, gap, 10)
    assert tracker.objects() == [], "nobody is told that it may be there"
    x1, y1, x2, y2, score, _ = walker(0, 0)
    again = detections([(x1 + by, y1, x2 + by, y2, score, class_id)])
    assert tracker.update(at(last + gap), again) == ((1,) if same else (None,))


def test_what_is_unsure_is_not_found_again() -> None:
    tracker = Tracker()
    last = watched(tracker, 10, 0)
    not_seen(tracker, last, 3, 10)
    tracker.update(at(last + 3), detections([walker(0, 0)]), 0)
    assert tracker.objects() == []


def test_what_is_below_the_threshold_keeps_an_object_but_starts_none() -> None:
    tracker = Tracker()
    for k in range(10):
        tracker.update(at(k / 10), detections([(10 * k, 0, 40 + 10 * k, 40, 0.9, 0)]), 1)
    for k in range(10, 30):  # two seconds: longer than it would be waited for
        weak = detections([(10 * k, 0, 40 + 10 * k, 40, 0.3, 0), (400, 300, 440, 340, 0.3, 0)])
        assert tracker.update(at(k / 10), weak, 0) == ()
    again = detections([(300, 0, 340, 40, 0.9, 0), (400, 300, 440, 340, 0.8, 0)])
    assert tracker.update(at(3), again, 2) == (1, None)


def test_two_that_pass_each_other_keep_their_numbers() -> None:
    tracker = Tracker()
    for k in range(60):
        to_the_right: Row = (5 * k, 100, 40 + 5 * k, 160, 0.9, 0)
        to_the_left: Row = (300 - 5 * k, 130, 340 - 5 * k, 190, 0.8, 0)
        assert tracker.update(at(k / 30), detections([to_the_right, to_the_left])) == (1, 2)


def test_a_threshold_that_is_low_already_stays() -> None:
    assert with_unsure(DetectionFilter(0.5)).score_threshold == pytest.approx(0.2)
    assert with_unsure(DetectionFilter(0.15)).score_threshold == pytest.approx(0.1)
    assert with_unsure(DetectionFilter(0.05)).score_threshold == 0.05


def noisy(seed: int, times: list[Fraction]) -> tuple[list[Frame], list[tuple[Detections, int]]]:
    """Drawn shapes that move, breathe and hide each other, all of two classes, and what a middling detector finds."""
    scene = MovingScene(seed, (240, 180), (0, 1, 2, 3, 4, 5))
    rng = np.random.default_rng(seed)
    truth: list[Frame] = []
    found: list[tuple[Detections, int]] = []
    for time in times:
        shown = scene.frame(float(time))
        boxes = shown.boxes_xyxy.astype(float)
        truth.append({int(c): tuple(box) for c, box in zip(shown.class_ids, boxes.tolist(), strict=True)})
        rows: list[Row] = []
        for class_id, box in zip(shown.class_ids.tolist(), boxes, strict=True):
            x1, y1, x2, y2 = box + rng.normal(0, 1.5, 4)
            rows.append((x1, y1, max(x2, x1 + 4), max(y2, y1 + 4), float(rng.uniform(0.35, 0.95)), class_id % 2))
        if rng.random() < 0.1:  # a false alarm
            x, y = rng.uniform(0, 200), rng.uniform(0, 140)
            rows.append((x, y, x + 30, y + 30, float(rng.uniform(0.3, 0.6)), 0))
        everything = detections(rows)
        found.append((everything, len(everything.above(0.5))))
    return truth, found


STEADY = [Fraction(k, 25) for k in range(150)]
JUMPY = list(np.cumsum([Fraction(int(k), 90_000) for k in np.random.default_rng(1).integers(1500, 9000, 120)]))


@pytest.mark.parametrize("times", [STEADY, JUMPY], ids=["constant rate", "variable rate"])
@pytest.mark.parametrize("seed", [3, 24])
def test_numbers_stay_with_moving_shapes(seed: int, times: list[Fraction]) -> None:
    truth, found = noisy(seed, times)
    tracker = Tracker()
    tracks: list[Frame] = []
    for time, (everything, sure) in zip(times, found, strict=True):
        numbers = tracker.update(time, everything, sure)
        boxes = everything.boxes_xyxy[:sure].tolist()
        tracks.append({n: tuple(box) for n, box in zip(numbers, boxes, strict=True) if n is not None})
    # What the detector shows at all is the most a tracker can keep.
    most = sum(sure for _, sure in found) / sum(map(len, truth))
    result = score(truth, tracks)
    assert result.switches == 0
    assert result.mota > most - 0.02
    assert result.idf1 > 2 * most / (1 + most) - 0.02


def test_the_same_detections_give_the_same_numbers() -> None:
    _, found = noisy(3, STEADY[:60])
    runs = []
    for _ in range(2):
        tracker = Tracker()
        runs.append([tracker.update(t, *frame) for t, frame in zip(STEADY, found, strict=False)])
    assert runs[0] == runs[1]


@given(
    st.lists(
        st.tuples(
            st.fractions(-1, 3),
            st.lists(
                st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 4, st.floats(0, 1, width=32), st.integers(0, 2)),
                max_size=6,
            ),
        ),
        max_size=8,
    )
)
def test_whatever_comes_no_number_is_given_twice_in_a_frame(frames: list[tuple[Fraction, list[Row]]]) -> None:
    tracker, now, classes = Tracker(), Fraction(0), dict[int, int]()
    for step, rows in frames:
        now += step
        found = detections(rows)
        numbers = tracker.update(now, found, len(found.above(0.5)))
        assert len(numbers) == len(found.above(0.5))
        given_ = [number for number in numbers if number is not None]
        assert len(set(given_)) == len(given_)
        for number, class_id in zip(numbers, found.class_ids.tolist(), strict=False):
            assert number is None or classes.setdefault(number, class_id) == class_id
