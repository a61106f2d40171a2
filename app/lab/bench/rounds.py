"""Runs contestants in turns, so that what disturbs the computer disturbs all of them alike. On the calling thread.

In every round each contestant has one turn, and each round begins with another one. A turn is one run that does not
count (it finds its caches cold, and the threads of the one before still busy) and then as many as fit into a moment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from app.core.errors import AppError
from app.core.frames import ImageBGR
from detector.detections import Detections


class BenchCancelledError(AppError):
    """Somebody asked to stop."""


class Contestant(Protocol):
    """Something that finds objects, ready to run.

    Attributes:
        name: As shown.
        device: Where it runs, for people.
        precision: What it computes in.
    """

    name: str
    device: str
    precision: str

    def run(self, frames: Sequence[ImageBGR]) -> list[Detections]:
        """Objects in each of ``frames``, in host memory when it returns."""
        ...

    def stages(self, frames: Sequence[ImageBGR]) -> dict[str, float]:
        """Milliseconds of each stage of one run, in order; empty where they cannot be told apart."""
        ...

    def close(self) -> None:
        """Free everything; idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """How long to measure.

    Attributes:
        seconds: About how long all rounds together may take; the fewest are run in any case.
        fewest: Rounds at least.
        most: Rounds at most.
        turn_s: About how long one turn may take.
        most_runs: Runs that count in one turn, at most.
        warm_up_s: Each contestant runs for this long before anything counts, twice at least.
    """

    seconds: float = 20.0
    fewest: int = 5
    most: int = 60
    turn_s: float = 0.25
    most_runs: int = 20
    warm_up_s: float = 1.0

    @staticmethod
    def lasting(seconds: float) -> RoundPlan:
        """A plan for ``seconds``; for very few, with shorter turns and warm-up."""
        usual = RoundPlan(seconds)
        return replace(usual, turn_s=min(usual.turn_s, seconds / 20), warm_up_s=min(usual.warm_up_s, seconds / 10))


class Feed:
    """Batches of frames; the same ones for every contestant.

    Args:
        frames: At least one.
        batch: Frames in a batch.
    """

    def __init__(self, frames: Sequence[ImageBGR], batch: int) -> None:
        self._frames, self._batch = frames, batch

    def __call__(self, index: int) -> list[ImageBGR]:
        """Batch number ``index``; after the last frame comes the first."""
        first = index * self._batch
        return [self._frames[(first + i) % len(self._frames)] for i in range(self._batch)]


def run_rounds(
    contestants: Sequence[Contestant],
    feed: Feed,
    plan: RoundPlan,
    *,
    clock: Callable[[], float] = time.perf_counter,
    on_round: Callable[[int, int], None] = lambda _done, _total: None,
    stop: threading.Event | None = None,
) -> list[list[list[float]]]:
    """Measure.

    Args:
        contestants: At least one.
        feed: What they see.
        plan: How long.
        clock: Seconds.
        on_round: Told (rounds done, rounds in all).
        stop: Set from anywhere to give up.

    Returns:
        By contestant and round the times of the runs that count, milliseconds.

    Raises:
        BenchCancelledError: ``stop`` was set.
    """
    stop = stop or threading.Event()
    usual = [_warm_up(each, feed, plan, clock, stop) for each in contestants]
    runs = [max(1, min(plan.most_runs, int(plan.turn_s / max(time_s, 1e-6)))) for time_s in usual]
    round_s = sum(time_s * (count + 1) for time_s, count in zip(usual, runs, strict=True))
    rounds = max(plan.fewest, min(plan.most, int(plan.seconds / max(round_s, 1e-6))))
    times: list[list[list[float]]] = [[] for _ in contestants]
    for number in range(rounds):
        for place in range(len(contestants)):
            index = (number + place) % len(contestants)
            times[index].append(_turn(contestants[index], feed, number, runs[index], clock, stop))
        on_round(number + 1, rounds)
    return times


def _warm_up(
    contestant: Contestant, feed: Feed, plan: RoundPlan, clock: Callable[[], float], stop: threading.Event
) -> float:
    """Seconds of its fastest run, after which it has run often enough for its times to settle."""
    begun = clock()
    times: list[float] = []
    while len(times) < 2 or clock() - begun < plan.warm_up_s:
        times.append(_timed(contestant, feed(len(times)), clock, stop))
    return min(times)


def _turn(
    contestant: Contestant, feed: Feed, number: int, runs: int, clock: Callable[[], float], stop: threading.Event
) -> list[float]:
    _timed(contestant, feed(number), clock, stop)
    return [_timed(contestant, feed(number + run), clock, stop) * 1000 for run in range(1, runs + 1)]


def _timed(contestant: Contestant, frames: list[ImageBGR], clock: Callable[[], float], stop: threading.Event) -> float:
    if stop.is_set():
        raise BenchCancelledError("The measurement was stopped.")
    begun = clock()
    contestant.run(frames)
    return clock() - begun
