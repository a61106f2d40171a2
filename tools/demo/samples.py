"""Drawn scenes as training batches. Scene number n is the one ``numpy.random.default_rng(n)`` draws, so a range of
numbers names a training set; ``FRESH`` starts a range no training ever reaches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from detector.box_coder import BoxCoder
from detector.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh
from detector.config import SSD300_VOC
from detector.default_boxes import default_boxes
from detector.spec import InputSpec
from tools.demo.multibox import UNMATCHED, match
from tools.demo.scenes import Scene, SceneOptions, draw_scene

FRESH = 1_000_000_000
"""First scene number kept for measuring."""

CONFIG = SSD300_VOC
INPUT = InputSpec(height=300, width=300, channels="rgb", mean=(127.5, 127.5, 127.5), std=(64.0, 64.0, 64.0))


def scenes(first: int, count: int, options: SceneOptions | None = None) -> Iterator[Scene]:
    """Scenes number ``first`` to ``first + count - 1``."""
    for number in range(first, first + count):
        yield draw_scene(np.random.default_rng(number), options)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one training step sees.

    Attributes:
        images: Float32[B, 3, 300, 300], channels last in memory, normalised.
        locs: Float32[B, P, 4], encoded boxes; zero where nothing matched.
        classes: Int64[B, P], 0 for background.
    """

    images: Tensor
    locs: Tensor
    classes: Tensor


class Sampler:
    """Draws batches and matches their objects to the default boxes."""

    def __init__(self) -> None:
        self._defaults = default_boxes(CONFIG)
        self._defaults_xyxy = cxcywh_to_xyxy(self._defaults)
        self._coder = BoxCoder(CONFIG.variances)
        self._side = np.float32(INPUT.width)

    def batch(self, first: int, count: int) -> Batch:
        """Scenes number ``first`` to ``first + count - 1`` as one batch."""
        drawn = list(scenes(first, count))
        pixels = torch.from_numpy(np.stack([scene.image_bgr[..., ::-1] for scene in drawn]))  # RGB
        images = pixels.permute(0, 3, 1, 2).float()  # [B, 3, H, W], still channels last in memory
        targets = [self.targets(scene.boxes_xyxy, scene.class_ids) for scene in drawn]
        return Batch(
            images=images.sub_(INPUT.mean[0]).div_(INPUT.std[0]),
            locs=torch.from_numpy(np.stack([locs for locs, _ in targets])),
            classes=torch.from_numpy(np.stack([classes for _, classes in targets])),
        )

    def targets(
        self, boxes_xyxy: npt.NDArray[np.float32], class_ids: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """What the network should say: locs Float32[P, 4] and classes Int64[P], for objects in input pixels."""
        boxes = boxes_xyxy / self._side
        matched = match(self._defaults_xyxy, boxes)
        positive = matched != UNMATCHED
        locs = np.zeros_like(self._defaults)
        classes = np.zeros(len(locs), np.int64)
        if positive.any():
            owners = matched[positive]
            locs[positive] = self._coder.encode(xyxy_to_cxcywh(boxes[owners]), self._defaults[positive])
            classes[positive] = class_ids[owners] + 1
        return locs, classes
