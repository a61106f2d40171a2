"""The one interface of every engine. An engine is used by the thread that opened it, and by no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from detector.detections import Candidates, DetectionFilter, Detections
from detector.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

ImageBGR = npt.NDArray[np.uint8]
"""UInt8[H, W, 3], blue green red."""


@dataclass(frozen=True, slots=True, eq=False)
class DeviceFrame:
    """A frame whose bytes lie on a device already, all written.

    Attributes:
        pixels: UInt8[H, W, 3], blue green red. Whoever reads it on a stream holds the frame until that is done.
        on_host: Returns the same frame in host memory; on any thread.
    """

    pixels: Tensor
    on_host: Callable[[], ImageBGR]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, 3."""
        height, width, channels = self.pixels.shape
        return height, width, channels


AnyFrame = ImageBGR | DeviceFrame


def on_host(frame: AnyFrame) -> ImageBGR:
    """Returns a frame's bytes in host memory."""
    return frame.on_host() if isinstance(frame, DeviceFrame) else frame


Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("auto", "fp32", "bf16", "fp16", "int8")


class Detector(Protocol):
    """A model on a device, ready to run.

    Attributes:
        spec: The model.
        engine: "openvino", or "torch_" or "torchvision_" and a device: "torch_cuda", "torchvision_cpu".
        device: Where it runs, e.g. "cuda:0 (NVIDIA H100)" or "cpu".
        precision: What it computes in, after "auto" was resolved.
        notes: Things the user should know, e.g. why a GPU was not used; empty when all is as asked. More may come, and
            the device change, where a GPU fails while it is in use.
        preferred_batch: How many frames at once it works best with; 1 where it gains nothing from batches.
    """

    spec: ModelSpec
    engine: str
    device: str
    precision: str
    notes: tuple[str, ...]
    preferred_batch: int

    def candidates_batch(
        self, frames: Sequence[AnyFrame], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        """Run the network and NMS once over ``frames`` (any sizes) and keep everything above the model's floor.

        Args:
            frames: Each UInt8[H, W, 3] BGR. Only an engine of that device spares those on a device the way to the host.
            iou_threshold: NMS limit for ``Candidates.kept``; None for the model's own.
            min_score: Nobody asks for what scores less, so it may be left out. The others are the same then: a box
                is suppressed, or cut off at the end of a list, by better ones only.
        """
        ...

    def detect(self, frame: ImageBGR, wanted: DetectionFilter | None = None) -> Detections:
        """Objects in one frame; without ``wanted``, by the model's own evaluation rule."""
        ...

    def detect_batch(self, frames: Sequence[ImageBGR], wanted: DetectionFilter | None = None) -> list[Detections]:
        """Objects in each frame."""
        ...

    def close(self) -> None:
        """Free the network and its memory; idempotent. Using the detector afterwards raises ``DetectorError``."""
        ...

    def __enter__(self) -> Detector: ...

    def __exit__(self, *exc_info: Any) -> None: ...
