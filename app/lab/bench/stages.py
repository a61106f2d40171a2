"""Takes the time of the stages of one run, whoever calls out their ends. On the thread that runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol


class StageTimer(Protocol):
    """Started, told the end of each stage, read; then it may be started again."""

    def start(self) -> None:
        """A run begins."""
        ...

    def mark(self, stage: str) -> None:
        """The stage that began with the last mark, or with the run, ends here."""
        ...

    def read(self) -> dict[str, float]:
        """Milliseconds by stage in the order of their first marks; marks of one name are added up."""
        ...


class HostTimer:
    """For stages that are over when their call returns.

    Args:
        clock: Seconds.
        settle: Called at each mark, to wait for what a device still has to do.
    """

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, settle: Callable[[], object] = lambda: None
    ) -> None:
        self._clock = clock
        self._settle = settle
        self._taken: dict[str, float] = {}
        self._last = 0.0

    def start(self) -> None:
        """See ``StageTimer``."""
        self._taken = {}
        self._last = self._clock()

    def mark(self, stage: str) -> None:
        """See ``StageTimer``."""
        self._settle()
        now = self._clock()
        self._taken[stage] = self._taken.get(stage, 0.0) + (now - self._last) * 1000
        self._last = now

    def read(self) -> dict[str, float]:
        """See ``StageTimer``."""
        return dict(self._taken)


class CudaTimer:
    """For stages that are queued on a GPU: events on its stream, so that taking the time makes nobody wait.

    Work of the host between two stages counts as long as the stream has run dry by then, which is what it costs.
    """

    def __init__(self) -> None:
        import torch

        self._event: Any = torch.cuda.Event  # written without types
        self._marks: list[tuple[str, Any]] = []

    def start(self) -> None:
        """See ``StageTimer``."""
        self._marks = []
        self.mark("")

    def mark(self, stage: str) -> None:
        """See ``StageTimer``."""
        event = self._event(enable_timing=True)
        event.record()
        self._marks.append((stage, event))

    def read(self) -> dict[str, float]:
        """See ``StageTimer``; waits for the device."""
        self._marks[-1][1].synchronize()
        taken: dict[str, float] = {}
        for (_, before), (stage, event) in zip(self._marks, self._marks[1:], strict=False):
            taken[stage] = taken.get(stage, 0.0) + before.elapsed_time(event)
        return taken


def timer_for(device: str) -> StageTimer:
    """The right one for what runs on ``device`` ("cpu", "cuda:0 (...)", ...)."""
    return CudaTimer() if device.startswith("cuda") else HostTimer(settle=settling(device))


def settling(device: str) -> Callable[[], object]:
    """What waits until all is done that was queued on ``device``; on the CPU nothing is queued."""
    kind = device.partition(" ")[0].partition(":")[0]
    if kind == "cpu":
        return lambda: None
    import torch

    wait: Callable[[], object] = getattr(torch, kind).synchronize
    return wait
