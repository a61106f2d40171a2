"""A video of a red square that crosses a textured ground, and a detector that finds it by its colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from detector.detections import Candidates
from tests.support.steady_detector import FakeDetector
from tools.fixtures.coded_images import ImageBGR

FRAMES, SIZE, SPEED = 33, (320, 240), 4


def truth(index: int) -> tuple[int, int, int, int]:
    """The square's corners in frame ``index``."""
    return 20 + SPEED * index, 80, 80 + SPEED * index, 150


def make_red_square(path: Path, cut_at: int | None = None) -> Path:
    """Writes the video: ``FRAMES`` frames, 30 a second; from ``cut_at`` on the ground is another."""
    rng = np.random.default_rng(3)
    ground = cv2.GaussianBlur((rng.random((SIZE[1], SIZE[0], 3)) * 255).astype(np.uint8), (0, 0), 4)
    ground = np.asarray(cv2.normalize(ground, ground.copy(), 60, 180, cv2.NORM_MINMAX), np.uint8)
    coat = np.kron(rng.integers(0, 2, (7, 6)), np.ones((10, 10))).astype(np.uint8) * 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.bit_rate = *SIZE, 4_000_000
        for index in range(FRAMES):
            image = ground.copy() if cut_at is None or index < cut_at else cv2.flip(ground, -1) // 2 + 90
            left, top, right, bottom = truth(index)
            image[top:bottom, left:right] = (coat // 3)[..., None] + np.array([40, 0, 160], np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


class RedDetector(FakeDetector):
    """Finds the red square by its colour."""

    def __init__(self, batch: int = 1) -> None:
        super().__init__(batch=batch)
        self.lefts: list[float] = []

    def candidates_batch(
        self, frames: Sequence[ImageBGR], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        super().candidates_batch(frames, iou_threshold, min_score)
        return [self._found(frame) for frame in frames]

    def _found(self, frame: ImageBGR) -> Candidates:
        red = cv2.medianBlur(((frame[..., 2].astype(int) - frame[..., 1]) > 60).astype(np.uint8), 9)
        x, y, width, height = cv2.boundingRect(red)
        self.lefts.append(x)
        box = np.array([[x, y, x + width, y + height]], np.float32)
        return Candidates(box, np.array([0.9], np.float32), np.array([0], np.int32))
