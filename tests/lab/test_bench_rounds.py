"""What a measurement's numbers rest on: turns and rounds, statistics, stages, agreement. No clock but a fake one."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.frames import ImageBGR
from app.lab.bench.contestant_agreement import agreement
from app.lab.bench.rounds import BenchCancelledError, Feed, RoundPlan, run_rounds
from app.lab.bench.stages import CudaTimer, HostTimer, timer_for
from app.lab.bench.statistics import flat, percentile, times_faster
from detector.detections import Detections

FRAMES = [np.full((2, 2, 3), index, np.uint8) for index in range(5)]


class Clock:
    """Stands still unless somebody works."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Runner:
    """A ``Contestant`` that takes the same time for each run and writes down what it did."""

    def __init__(self, name: str, seconds: float, clock: Clock, log: list[tuple[str, tuple[int, ...]]]) -> None:
        self.name, self.device, self.precision = name, "cpu", "fp32"
        self._seconds, self._clock, self._log = seconds, clock, log

    def run(self, frames: Sequence[ImageBGR]) -> list[Detections]:
        self._log.append((self.name, tuple(int(frame[0, 0, 0]) for frame in frames)))
        self._clock.now += self._seconds
        return [Detections.empty() for _ in frames]

    def stages(self, frames: Sequence[ImageBGR]) -> dict[str, float]:
        return {}

    def close(self) -> None:
        pass


def field(clock: Clock, **seconds: float) -> tuple[list[Runner], list[tuple[str, tuple[int, ...]]]]:
    log: list[tuple[str, tuple[int, ...]]] = []
    return [Runner(name, each, clock, log) for name, each in seconds.items()], log


def test_everybody_has_a_turn_in_every_round_and_each_round_begins_with_another() -> None:
    clock = Clock()
    runners, log = field(clock, a=0.02, b=0.02, c=0.02)
    plan = RoundPlan(seconds=0.0, min_rounds=4, turn_s=0.04, warm_up_s=0.0)
    times = run_rounds(runners, Feed(FRAMES, 1), plan, clock=clock)
    rounds = [name for name, _ in log[3 * 2 :]]  # after two runs each to warm up
    in_a_turn = 3  # one that does not count, and two that do
    order = "".join(rounds[::in_a_turn])
    assert order == "abc" + "bca" + "cab" + "abc"
    assert rounds == [name for name in order for _ in range(in_a_turn)]
    assert [[len(each) for each in own] for own in times] == [[2] * 4] * 3


def test_times_are_in_milliseconds_and_belong_to_whom_they_were_taken_from() -> None:
    clock = Clock()
    runners, _ = field(clock, slow=0.25, fast=1 / 128)
    slow, fast = run_rounds(runners, Feed(FRAMES, 1), RoundPlan(seconds=3.0, turn_s=0.125, warm_up_s=0.5), clock=clock)
    assert flat(slow) == [250.0] * len(slow)
    assert flat(fast) == [7.8125] * 16 * len(fast)
    assert times_faster(slow, fast) == 32.0


def test_slow_ones_still_get_the_fewest_rounds_and_quick_ones_no_more_than_the_most() -> None:
    clock = Clock()
    runners, _ = field(clock, slow=60.0)
    assert len(run_rounds(runners, Feed(FRAMES, 1), RoundPlan(seconds=1.0, min_rounds=5), clock=clock)[0]) == 5
    runners, _ = field(clock, quick=1e-4)
    quick = run_rounds(runners, Feed(FRAMES, 1), RoundPlan(seconds=1e6, max_rounds=7, max_runs=3), clock=clock)[0]
    assert [len(each) for each in quick] == [3] * 7


def test_all_contestants_see_the_same_frames() -> None:
    clock = Clock()
    runners, log = field(clock, a=0.01, b=0.01)
    run_rounds(runners, Feed(FRAMES, 2), RoundPlan(seconds=0.0, min_rounds=3, turn_s=0.03, warm_up_s=0.0), clock=clock)
    seen = {name: [frames for each, frames in log if each == name] for name in "ab"}
    assert seen["a"] == seen["b"]
    assert {len(frames) for frames in seen["a"]} == {2}


def test_warming_up_lasts_and_is_not_counted() -> None:
    clock = Clock()
    runners, log = field(clock, a=0.125)
    plan = RoundPlan(seconds=0.0, min_rounds=1, turn_s=0.125, warm_up_s=1.0)
    times = run_rounds(runners, Feed(FRAMES, 1), plan, clock=clock)
    assert len(log) == 8 + 2
    assert times == [[[125.0]]]


def test_progress_is_told_and_a_stop_is_heard() -> None:
    clock, stop = Clock(), threading.Event()
    runners, log = field(clock, a=0.01)
    told: list[tuple[int, int]] = []

    def on_round(done: int, total: int) -> None:
        told.append((done, total))
        if done == 2:
            stop.set()

    plan = RoundPlan(seconds=0.0, min_rounds=5, warm_up_s=0.0, turn_s=0.0)
    with pytest.raises(BenchCancelledError):
        run_rounds(runners, Feed(FRAMES, 1), plan, clock=clock, on_round=on_round, stop=stop)
    assert told == [(1, 5), (2, 5)]
    assert len(log) == 2 + 2 * 2


def test_a_feed_goes_round_its_frames() -> None:
    feed = Feed(FRAMES, 3)
    assert [[int(frame[0, 0, 0]) for frame in feed(index)] for index in range(3)] == [[0, 1, 2], [3, 4, 0], [1, 2, 3]]


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=60), st.floats(0, 1))
def test_percentiles_are_numpys(values: list[float], share: float) -> None:
    assert percentile(values, share) == pytest.approx(float(np.percentile(values, share * 100)), rel=1e-9)


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=60))
def test_half_of_all_is_the_median(values: list[float]) -> None:
    assert percentile(values, 0.5) == pytest.approx(statistics.median(values))


def test_a_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile([], 0.5)
    with pytest.raises(ValueError, match="percentile"):
        percentile([1.0], 1.5)


def test_a_ratio_is_not_moved_by_what_slows_everybody_down() -> None:
    baseline = [[30.0, 32.0], [30.0], [300.0, 300.0]]
    other = [[10.0], [10.0, 10.0], [100.0]]  # a third, in the slow round too
    assert times_faster(baseline, other) == pytest.approx(3.0)
    assert times_faster(baseline, baseline) == 1.0
    with pytest.raises(ValueError, match="zip"):
        times_faster(baseline, other[:2])


def test_stages_add_up_to_the_run() -> None:
    clock = Clock()
    timer = HostTimer(clock)
    timer.start()
    for frame in range(2):  # as an engine does that takes the frames of a batch one by one
        for stage, seconds in (("preprocess", 0.001), ("network", 0.010), ("postprocess", 0.002)):
            clock.now += seconds * (frame + 1)
            timer.mark(stage)
    assert timer.read() == pytest.approx({"preprocess": 3.0, "network": 30.0, "postprocess": 6.0})
    assert list(timer.read()) == ["preprocess", "network", "postprocess"]
    timer.start()
    assert timer.read() == {}


def test_stages_on_a_gpu_are_timed_by_its_own_events() -> None:
    import torch

    assert isinstance(timer_for("cpu"), HostTimer)
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    timer = timer_for("cuda:0 (some)")
    assert isinstance(timer, CudaTimer)
    big = torch.ones(4096, 4096, device="cuda")
    timer.start()
    big @ big
    timer.mark("network")
    timer.mark("copy")
    taken = timer.read()
    assert list(taken) == ["network", "copy"]
    assert taken["network"] > taken["copy"] >= 0


def found(*rows: tuple[float, float, float, float, float, int]) -> Detections:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4].copy(), table[:, 4].copy(), table[:, 5].astype(np.int32))


ONE = (0.0, 0.0, 10.0, 10.0, 0.9, 1)
NEAR = (1.0, 0.0, 10.0, 10.0, 0.8, 1)
FAR = (50.0, 50.0, 60.0, 60.0, 0.7, 1)
OTHER = (0.0, 0.0, 10.0, 10.0, 0.9, 2)


def test_the_same_finds_agree_and_others_do_not() -> None:
    assert agreement([found(ONE, FAR)], [found(ONE, FAR)]) == 1.0
    assert agreement([found(ONE)], [found(NEAR)]) == 1.0  # they overlap by nine tenths
    assert agreement([found(ONE)], [found(OTHER)]) == 0.0
    assert agreement([found(ONE)], [found(FAR)]) == 0.0
    assert agreement([found(ONE, FAR)], [found(ONE)]) == pytest.approx(2 / 3)
    assert agreement([found()], [found()]) == 1.0
    assert agreement([found()], [found(ONE)]) == 0.0


def test_one_find_has_one_partner() -> None:
    assert agreement([found(ONE, NEAR)], [found(ONE)]) == pytest.approx(2 / 3)
    assert agreement([found(ONE), found()], [found(), found(ONE)]) == 0.0  # nor one in another image
    with pytest.raises(ValueError, match="zip"):
        agreement([found()], [])
