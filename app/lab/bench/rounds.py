"""Runs contestants in turns, so that a disturbance of the computer affects all of them alike. On the calling thread.

In every round each contestant has one turn, and each round starts with a different one. A turn is one run that does
not count (caches are cold, threads of the previous contestant still busy), then as many as fit into a short time.
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
    """The benchmark was cancelled."""


class Contestant(Protocol):
    """A detector that is measured, ready to run.

    Attributes:
        name: Display name.
        device: Display name of the device.
        precision: Number format of the computation.
    """

    name: str
    device: str
    precision: str

    def run(self, frames: Sequence[ImageBGR]) -> list[Detections]:
        """Returns the detections in each of ``frames``, in host memory."""
        ...

    def stages(self, frames: Sequence[ImageBGR]) -> dict[str, float]:
        """Returns the milliseconds of each stage of one run, in order; empty if stages cannot be told apart."""
        ...

    def close(self) -> None:
        """Frees everything; idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """Duration of a measurement.

    Attributes:
        seconds: Approximate time for all rounds; ``min_rounds`` are run in any case.
        min_rounds: Minimum number of rounds.
        max_rounds: Maximum number of rounds.
        turn_s: Approximate time of one turn.
        max_runs: Maximum number of counted runs in one turn.
        warm_up_s: Time each contestant runs, at least twice, before anything counts.
    """

    seconds: float = 20.0
    min_rounds: int = 5
    max_rounds: int = 60
    turn_s: float = 0.25
    max_runs: int = 20
    warm_up_s: float = 1.0

    @staticmethod
    def lasting(seconds: float) -> RoundPlan:
        """Returns a plan for ``seconds``, with shorter turns and warm-up if there are only a few."""
        usual = RoundPlan(seconds)
        return replace(usual, turn_s=min(usual.turn_s, seconds / 20), warm_up_s=min(usual.warm_up_s, seconds / 10))


class Feed:
    """Batches of frames, the same for every contestant.

    Args:
        frames: At least one frame.
        batch: Frames per batch.
    """

    def __init__(self, frames: Sequence[ImageBGR], batch: int) -> None:
        self._frames, self._batch = frames, batch

    def __call__(self, index: int) -> list[ImageBGR]:
        """Returns batch number ``index``; frames wrap around."""
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
    """Measures the contestants.

    Args:
        contestants: At least one contestant.
        feed: Their frames.
        plan: Duration.
        clock: Returns seconds.
        on_round: Called with rounds done and rounds in all.
        stop: Set from any thread to cancel.

    Returns:
        The times of the counted runs in milliseconds, by contestant and round.

    Raises:
        BenchCancelledError: ``stop`` was set.
    """
    stop = stop or threading.Event()
    usual = [_warm_up(each, feed, plan, clock, stop) for each in contestants]
    runs = [max(1, min(plan.max_runs, int(plan.turn_s / max(time_s, 1e-6)))) for time_s in usual]
    round_s = sum(time_s * (count + 1) for time_s, count in zip(usual, runs, strict=True))
    rounds = max(plan.min_rounds, min(plan.max_rounds, int(plan.seconds / max(round_s, 1e-6))))
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
    """Runs the contestant until its times have settled; returns the seconds of its fastest run."""
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
