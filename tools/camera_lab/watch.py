"""Stands in for the window: records the events and frames of a live session, waits with a deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from app.core.frames import FrameResult
from app.core.live import LiveEvent, LiveSession
from app.core.settings import DetectionSettings, ModelSettings
from app.core.sources.base import SourceOptions
from detector.detections import Candidates, DetectionFilter, Detections
from detector.runtime.base import AnyFrame, ImageBGR
from detector.spec import InputSpec, ModelSpec

E = TypeVar("E")

TIMEOUT_S = 60.0  # an emulated processor is slow


class NothingDetector:
    """A ``Detector`` that finds nothing, since only the camera is tested."""

    spec = ModelSpec("nothing", "ssd-vgg16", ("thing",), InputSpec(300, 300))
    engine = device = "none"
    precision = "fp32"
    notes: tuple[str, ...] = ()
    preferred_batch = 1

    def candidates_batch(
        self, frames: Sequence[AnyFrame], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        return [Candidates.empty() for _ in frames]

    def detect(self, frame: ImageBGR, wanted: DetectionFilter | None = None) -> Detections:
        return self.detect_batch([frame], wanted)[0]

    def detect_batch(self, frames: Sequence[ImageBGR], wanted: DetectionFilter | None = None) -> list[Detections]:
        return [found.detections(wanted or DetectionFilter()) for found in self.candidates_batch(frames)]

    def close(self) -> None:
        """Does nothing."""

    def __enter__(self) -> NothingDetector:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Does nothing."""


class Watched:
    """Runs a live session on one source while entered as a context."""

    def __init__(self, uri: str, options: SourceOptions) -> None:
        self._uri, self._options = uri, options
        self._events: list[LiveEvent] = []
        self._changed = threading.Condition()
        self.session = LiveSession(lambda: None, self._event, detector_factory=lambda model: NothingDetector())

    def __enter__(self) -> Watched:
        self.session.start(self._uri, self._options, ModelSettings(), DetectionSettings())
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self.session.stop(TIMEOUT_S), "threads are left"

    def _event(self, event: LiveEvent) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def count(self, kind: type[LiveEvent]) -> int:
        """Counts the events of that kind so far."""
        return sum(isinstance(event, kind) for event in self._events)

    def wait(self, kind: type[E], count: int = 1) -> E:
        """Waits for the ``count``-th event of that kind."""

        def found() -> list[E]:
            return [event for event in self._events if isinstance(event, kind)]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, TIMEOUT_S), self._events
            return found()[count - 1]

    def detected_frame(self, wanted: Callable[[FrameResult], bool] = lambda result: True) -> int:
        """Waits for a detected frame for which ``wanted`` holds; returns its number."""
        for _ in range(1000):
            result = self.session.results.take(TIMEOUT_S)
            assert result is not None, self._events
            if result.candidates is not None and wanted(result):
                return result.frame.index
        raise AssertionError("1000 frames, and none was the one wanted")
