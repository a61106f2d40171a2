"""Pace of a training and where its time goes, accumulated from its reports. Pure."""

from __future__ import annotations

from detector.training.fit import TrainingProgress


class RunSummary:
    """Pace and shares of time over a whole run, accumulated from its reports."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._images = 0.0
        self._elapsed_s = 0.0

    def add(self, progress: TrainingProgress) -> None:
        """Adds a report."""
        self._images += progress.images_per_s * progress.elapsed_s
        self._elapsed_s += progress.elapsed_s
        for part, share in progress.shares.items():
            self._seconds[part] = self._seconds.get(part, 0.0) + share * progress.elapsed_s

    @property
    def images_per_s(self) -> float:
        """Images per second of all processes together."""
        return self._images / self._elapsed_s if self._elapsed_s else 0.0

    @property
    def shares(self) -> dict[str, float]:
        """Shares of the time, by ``step_clock.PARTS``."""
        return {part: seconds / self._elapsed_s for part, seconds in self._seconds.items()} if self._elapsed_s else {}
