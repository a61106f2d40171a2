"""A detector without a network: finds one box whose class id is the index coded in the frame's pixels.

So a test can tell whether boxes and frame belong together. Its pace is set by the test: a gate to wait at, or a time
per frame that stands for the work of a network.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from app.core.settings import ModelSettings
from detector.detections import Candidates, DetectionFilter, Detections
from detector.runtime.base import ImageBGR
from detector.spec import InputSpec, ModelSpec
from tools.fixtures.coded_images import read_frame_index


class FakeDetector:
    """Implements ``Detector``.

    Args:
        name: Of its model.
        work: Called for every frame, with its number of frames so far; may wait or raise.
    """

    engine = "fake"
    device = "cpu"
    precision = "fp32"
    notes: tuple[str, ...] = ()

    def __init__(self, name: str = "fake", work: Callable[[int], None] = lambda count: None) -> None:
        self.spec = ModelSpec(name, "ssd-vgg16", ("thing",), InputSpec(300, 300))
        self.work = work
        self.count = 0
        self.closed = False
        self.seen: list[int] = []
        self.threads: set[int] = {threading.get_ident()}

    def candidates_batch(
        self, frames: Sequence[ImageBGR], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        self.threads.add(threading.get_ident())
        assert not self.closed
        self.work(self.count)
        self.count += 1
        return [self._look(image) for image in frames]

    def _look(self, image: ImageBGR) -> Candidates:
        try:
            index = read_frame_index(image)
        except ValueError:  # the grey frame of a warm-up
            return Candidates.empty()
        self.seen.append(index)
        height, width = image.shape[:2]
        box = np.array([[0, 0, width, height]], np.float32)
        return Candidates(box, np.array([0.9], np.float32), np.array([index], np.int32))

    def detect(self, frame: ImageBGR, wanted: DetectionFilter | None = None) -> Detections:
        return self.detect_batch([frame], wanted)[0]

    def detect_batch(self, frames: Sequence[ImageBGR], wanted: DetectionFilter | None = None) -> list[Detections]:
        return [found.detections(wanted or DetectionFilter()) for found in self.candidates_batch(frames)]

    def close(self) -> None:
        self.threads.add(threading.get_ident())
        self.closed = True

    def __enter__(self) -> FakeDetector:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()


class FakeModels:
    """A ``detector_factory`` that remembers what it made.

    Args:
        work: For every detector.
        errors: What opening a model of that name raises.
    """

    def __init__(
        self, work: Callable[[int], None] = lambda count: None, errors: dict[str, Exception] | None = None
    ) -> None:
        self.work = work
        self.errors = errors or {}
        self.made: list[FakeDetector] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, model: ModelSettings) -> FakeDetector:
        self.gate.wait(60)
        if model.name in self.errors:
            raise self.errors[model.name]
        self.made.append(FakeDetector(model.name, self.work))
        return self.made[-1]


def busy_ms(milliseconds: float) -> Callable[[int], None]:
    """Work that takes that long, as a network on another device does."""
    pause = threading.Event()

    def work(count: int) -> None:
        pause.wait(milliseconds / 1000)

    return work
