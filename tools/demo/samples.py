"""Drawn scenes to learn from.

Scene number n is the one ``numpy.random.default_rng(n)`` draws, so a range of numbers names a training set; ``FRESH``
starts a range no training ever reaches.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from detector.config import SSD300_VOC
from detector.spec import InputSpec
from detector.training.examples import Example
from detector.training.order import Pick
from tools.demo.scenes import Scene, SceneOptions, draw_scene

FRESH = 1_000_000_000
"""First scene number kept for measuring."""

CONFIG = SSD300_VOC
INPUT = InputSpec(height=300, width=300, channels="rgb", mean=(127.5, 127.5, 127.5), std=(64.0, 64.0, 64.0))


def scenes(first: int, count: int, options: SceneOptions | None = None) -> Iterator[Scene]:
    """Scenes number ``first`` to ``first + count - 1``."""
    for number in range(first, first + count):
        yield draw_scene(np.random.default_rng(number), options)


class DrawnExamples:
    """Scenes 0 to ``count - 1`` as training examples; in the second epoch the next ``count``, and so on.

    Args:
        count: Number of scenes in an epoch.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def name(self, index: int) -> str:
        """Returns the name of a scene for messages."""
        return f"scene {index}"

    def load(self, pick: Pick) -> Example:
        """Draws a scene; it needs no augmentation, as no scene is ever repeated."""
        (scene,) = scenes(pick.epoch * self._count + pick.index, 1)
        boxes = (scene.boxes_xyxy / np.float32(INPUT.width)).astype(np.float32)
        return Example(scene.image_bgr, boxes, scene.class_ids.astype(np.int64))
