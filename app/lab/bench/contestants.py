"""Engines as contestants: ours, and our networks run by other libraries. On the thread that opens them."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.frames import ImageBGR
from app.lab.bench.stages import timer_for
from detector.detections import Detections
from detector.runtime.base import Detector
from detector.runtime.engine import Engine


class EngineContestant:
    """A ``Contestant`` over an engine with our interface.

    Args:
        detector: Open engine; this object closes it.
        name: Display name.
    """

    def __init__(self, detector: Detector, name: str) -> None:
        self._detector = detector
        self.name = name
        self.device = detector.device
        self.precision = detector.precision

    def run(self, frames: Sequence[ImageBGR]) -> list[Detections]:
        """Implements ``Contestant``, with the post-processing rule the model was evaluated with."""
        return self._detector.detect_batch(frames)

    def stages(self, frames: Sequence[ImageBGR]) -> dict[str, float]:
        """Implements ``Contestant``."""
        if not isinstance(self._detector, Engine):
            return {}
        timer = timer_for(self.device)
        silent = self._detector.on_stage
        self._detector.on_stage = timer.mark
        try:
            timer.start()
            self._detector.detect_batch(frames)
        finally:
            self._detector.on_stage = silent
        return timer.read()

    def close(self) -> None:
        """Implements ``Contestant``."""
        self._detector.close()


class OurDetector(EngineContestant):
    """One of our engines.

    Args:
        detector: Open engine; this object closes it.
        place: Device as the user typed it: "cpu", "cuda:0".
    """

    def __init__(self, detector: Detector, place: str) -> None:
        super().__init__(detector, f"ssd-viewer {place} {detector.precision}")
        self.engine = detector.engine

    def candidates(self, frames: Sequence[ImageBGR]) -> int:
        """Counts the candidates in ``frames`` before suppression."""
        return sum(len(each) for each in self._detector.candidates_batch(frames))
