"""A detector without a network: the same boxes in every picture, so that tests of everything around it are quick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from app.core.settings import ModelSettings
from detector.detections import Candidates, DetectionFilter, Detections
from detector.runtime.base import ImageBGR
from detector.spec import InputSpec, ModelSpec

LABELS = ("car", "person", "dog")
SPEC = ModelSpec("fake", "ssd-vgg16", LABELS, InputSpec(300, 300), title="Always the same three boxes")
# Fractions of the picture, score, class; the last overlaps the first and is of its class.
BOXES = ((0.2, 0.2, 0.8, 0.8, 0.9, 0), (0.1, 0.6, 0.3, 0.9, 0.6, 1), (0.21, 0.21, 0.8, 0.8, 0.55, 0))


def boxes_in(image: ImageBGR) -> Candidates:
    """``BOXES`` in pixels of ``image``."""
    height, width = image.shape[:2]
    scale = np.array([width, height, width, height], np.float32)
    rows = np.array([box[:4] for box in BOXES], np.float32) * scale
    return Candidates(rows, np.array([b[4] for b in BOXES], np.float32), np.array([b[5] for b in BOXES], np.int32))


class FakeDetector:
    """Finds ``BOXES``.

    Args:
        on_batch: Called with each batch before it is answered; may raise.
        engine: What it says it is.
        batch: How many frames it says it would like.
    """

    def __init__(
        self,
        on_batch: Callable[[Sequence[ImageBGR]], None] | None = None,
        engine: str = "openvino",
        batch: int = 1,
    ) -> None:
        self.spec = SPEC
        self.engine = engine
        self.device = "cpu"
        self.precision = "fp32"
        self.notes: tuple[str, ...] = ()
        self.preferred_batch = batch
        self.batches: list[int] = []
        self.closed = False
        self._on_batch = on_batch

    def candidates_batch(
        self, frames: Sequence[ImageBGR], iou_threshold: float | None = None, least_score: float = 0.0
    ) -> list[Candidates]:
        self.batches.append(len(frames))
        if self._on_batch is not None:
            self._on_batch(frames)
        return [boxes_in(frame) for frame in frames]

    def detect(self, frame: ImageBGR, wanted: DetectionFilter | None = None) -> Detections:
        return self.detect_batch([frame], wanted)[0]

    def detect_batch(self, frames: Sequence[ImageBGR], wanted: DetectionFilter | None = None) -> list[Detections]:
        return [found.detections(wanted or DetectionFilter()) for found in self.candidates_batch(frames)]

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> FakeDetector:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()


def open_fake(_model: ModelSettings) -> FakeDetector:
    """For ``ExportJob(open_detector=...)``."""
    return FakeDetector()
