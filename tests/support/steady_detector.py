"""A detector without a network that is watched: which batches it was given, and whether it was closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.core.settings import ModelSettings
from detector.detections import Candidates
from detector.runtime.base import ImageBGR
from tools.fixtures.fixed_detector import BOXES, LABELS, SPEC, FixedDetector, boxes_in

__all__ = ["BOXES", "LABELS", "SPEC", "FakeDetector", "boxes_in", "open_fake"]


class FakeDetector(FixedDetector):
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
        super().__init__()
        self.engine = engine
        self.preferred_batch = batch
        self.batches: list[int] = []
        self.closed = False
        self._on_batch = on_batch

    def candidates_batch(
        self, frames: Sequence[ImageBGR], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        self.batches.append(len(frames))
        if self._on_batch is not None:
            self._on_batch(frames)
        return super().candidates_batch(frames, iou_threshold, min_score)

    def close(self) -> None:
        self.closed = True


def open_fake(_model: ModelSettings) -> FakeDetector:
    """For ``ExportJob(open_detector=...)``."""
    return FakeDetector()
