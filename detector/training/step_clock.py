"""Where the time of training steps goes, measured without making the host wait for the device."""

from __future__ import annotations

import time

import torch

PARTS = ("wait", "prepare", "forward", "loss", "backward", "update")
"""Waiting for images; normalising them; the network; matching and loss; gradients; the optimiser."""


class StepClock:
    """Adds up the seconds of each part of a step. On the trainer's thread.

    Args:
        device: A GPU is timed by events in its own queue, anything else by the clock.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._marks: list[tuple[str, float | torch.cuda.Event]] = []

    def mark(self, part: str) -> None:
        """Books the time since the mark before under ``part``; the first mark only starts the clock."""
        if self._on_gpu:
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's own
            event.record()
            self._marks.append((part, event))
        else:
            self._marks.append((part, time.perf_counter()))

    def restart(self) -> None:
        """Leave out what was done since the last mark."""
        del self._marks[:]
        self.mark("wait")

    def take(self) -> dict[str, float]:
        """Seconds of each part since the last call; waits for a GPU to get there."""
        totals = dict.fromkeys(PARTS, 0.0)
        if self._on_gpu:
            torch.cuda.synchronize()
        for (_, before), (part, after) in zip(self._marks, self._marks[1:], strict=False):
            totals[part] += _between(before, after)
        del self._marks[:-1]
        return totals


def _between(before: float | torch.cuda.Event, after: float | torch.cuda.Event) -> float:
    if isinstance(before, float):
        assert isinstance(after, float)
        return after - before
    assert not isinstance(after, float)
    return float(before.elapsed_time(after)) / 1000
