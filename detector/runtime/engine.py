"""Common to all engines: checks, batching, filtering and closing. An engine adds how frames are run.

Used by the thread that opened it. Frames come in, ``Candidates`` go out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from detector.detections import Candidates, DetectionFilter, Detections, just_below
from detector.errors import DetectorError
from detector.golden import Floats
from detector.runtime.base import AnyFrame, ImageBGR, on_host
from detector.spec import ModelSpec, PostprocessSpec


class Engine(ABC):
    """Base of the engines; see ``detector.runtime.base.Detector`` for the interface.

    Args:
        spec: The model.
        engine: Short id of the engine.
        device: Where it runs, for people.
        precision: What it computes in.
        notes: What is not as asked.

    Attributes:
        on_stage: Called with its name whenever a stage of a run ends; for measuring. Where stages run on a device, the
            call is made when their work has been queued on the current stream.
        preferred_batch: Frames that an export best hands over at a time; an engine may lower it while it runs.
    """

    preferred_batch = 1

    def __init__(self, spec: ModelSpec, engine: str, device: str, precision: str, notes: Sequence[str] = ()) -> None:
        self.spec = spec
        self.engine = engine
        self.device = device
        self.precision = precision
        self.notes = tuple(notes)
        self.on_stage: Callable[[str], object] = _unmeasured
        self._closed = False

    @abstractmethod
    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        """Candidates of one or more frames, by the model's rule with the floor and the NMS limit of this call."""

    def _run_any(self, frames: Sequence[AnyFrame], rule: PostprocessSpec) -> list[Candidates]:
        """Runs frames of which some may lie on a device; see ``_run``."""
        return self._run([on_host(frame) for frame in frames], rule)

    @abstractmethod
    def _raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        """See ``raw``."""

    @abstractmethod
    def _release(self) -> None:
        """Drop the network and everything it holds."""

    def candidates_batch(
        self, frames: Sequence[AnyFrame], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        """See ``Detector.candidates_batch``."""
        self._check_open()
        if not frames:
            return []
        own = self.spec.postprocess
        limit = own.iou_threshold if iou_threshold is None else iou_threshold
        floor = max(own.score_floor, just_below(min_score))
        return self._run_any(frames, replace(own, iou_threshold=limit, score_floor=floor))

    def raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        """The network's own output for one frame; for the self-test.

        Returns:
            Encoded boxes, Float32[P, 4], and the logarithms of the scores, Float32[P, C], background first.
        """
        self._check_open()
        return self._raw(frame)

    def detect_batch(self, frames: Sequence[ImageBGR], wanted: DetectionFilter | None = None) -> list[Detections]:
        """See ``Detector.detect_batch``."""
        if wanted is None:
            rule = self.spec.postprocess
            wanted = DetectionFilter(rule.score_floor, rule.iou_threshold, None, rule.max_detections)
        candidates = self.candidates_batch(frames, wanted.iou_threshold, wanted.score_threshold)
        return [found.detections(wanted) for found in candidates]

    def detect(self, frame: ImageBGR, wanted: DetectionFilter | None = None) -> Detections:
        """See ``Detector.detect``."""
        return self.detect_batch([frame], wanted)[0]

    def _check_open(self) -> None:
        if self._closed:
            raise DetectorError(f"The detector of {self.spec.name} was closed already.")

    def close(self) -> None:
        """See ``Detector.close``."""
        if not self._closed:
            self._closed = True
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _unmeasured(_stage: str) -> None:
    """Nobody wants to know."""
