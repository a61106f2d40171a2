"""Times the stages of one run. On the thread that runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol


class StageTimer(Protocol):
    """Started, marked at the end of each stage, then read; may be started again."""

    def start(self) -> None:
        """Starts timing a run."""
        ...

    def mark(self, stage: str) -> None:
        """Ends the stage that began with the last mark, or with the run."""
        ...

    def read(self) -> dict[str, float]:
        """Returns milliseconds by stage in the order of their first marks; marks of one name are added up."""
        ...


class HostTimer:
    """Times stages that are complete when their call returns.

    Args:
        clock: Returns seconds.
        settle: Called at each mark, to wait for pending work of a device.
    """

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, settle: Callable[[], object] = lambda: None
    ) -> None:
        self._clock = clock
        self._settle = settle
        self._taken: dict[str, float] = {}
        self._last = 0.0

    def start(self) -> None:
        """Implements ``StageTimer``."""
        self._taken = {}
        self._last = self._clock()

    def mark(self, stage: str) -> None:
        """Implements ``StageTimer``."""
        self._settle()
        now = self._clock()
        self._taken[stage] = self._taken.get(stage, 0.0) + (now - self._last) * 1000
        self._last = now

    def read(self) -> dict[str, float]:
        """Implements ``StageTimer``."""
        return dict(self._taken)


class CudaTimer:
    """Times stages queued on a GPU by events on its stream, so that timing blocks nobody.

    Work of the host between two stages counts if the stream has run dry by then, which is its true cost.
    """

    def __init__(self) -> None:
        import torch

        self._event: Any = torch.cuda.Event  # written without types
        self._marks: list[tuple[str, Any]] = []

    def start(self) -> None:
        """Implements ``StageTimer``."""
        self._marks = []
        self.mark("")

    def mark(self, stage: str) -> None:
        """Implements ``StageTimer``."""
        event = self._event(enable_timing=True)
        event.record()
        self._marks.append((stage, event))

    def read(self) -> dict[str, float]:
        """Implements ``StageTimer``; waits for the device."""
        self._marks[-1][1].synchronize()
        taken: dict[str, float] = {}
        for (_, before), (stage, event) in zip(self._marks, self._marks[1:], strict=False):
            taken[stage] = taken.get(stage, 0.0) + before.elapsed_time(event)
        return taken


def timer_for(device: str) -> StageTimer:
    """Returns the timer for a ``device`` ("cpu", "cuda:0 (...)", ...)."""
    return CudaTimer() if device.startswith("cuda") else HostTimer(settle=settling(device))


def settling(device: str) -> Callable[[], object]:
    """Returns a function that waits for all work queued on ``device``; on the CPU nothing is queued."""
    kind = device.partition(" ")[0].partition(":")[0]
    if kind == "cpu":
        return lambda: None
    import torch

    wait: Callable[[], object] = getattr(torch, kind).synchronize
    return wait
