"""Moving scenes for the sample clip: shapes that drift, bounce, turn and breathe over a textured background.

The same drawing as the still scenes. A clip is a function of its seed: any frame can be drawn at any time.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tools.demo import textures
from tools.demo.scenes import Scene, coverage, paint, visible_box
from tools.demo.shapes import CLASSES, Pose, area, outlines

_MIN_VISIBLE = 0.4  # share of its area; a shape hidden more is not in the truth


@dataclass(frozen=True, slots=True)
class Mover:
    """One shape's life.

    Attributes:
        class_id: Index into ``CLASSES``.
        start: (x, y) at time 0, pixels.
        velocity: Pixels a second; the centre bounces off the frame's inner edges.
        size: Mean ``Pose.size``, pixels.
        breath: Share by which the size swings.
        period_s: Period of that swing, seconds.
        angle: Angle at time 0, radians.
        spin: Radians a second.
        look: Seed of its colour and fill, the same in every frame.
    """

    class_id: int
    start: tuple[float, float]
    velocity: tuple[float, float]
    size: float
    breath: float
    period_s: float
    angle: float
    spin: float
    look: int

    def pose(self, time_s: float, frame_size: tuple[int, int]) -> Pose:
        """Returns the pose at ``time_s``."""
        margin = self.size * 0.6
        x, y = (
            margin + _bounce(start - margin + speed * time_s, side - 2 * margin)
            for start, speed, side in zip(self.start, self.velocity, frame_size, strict=True)
        )
        size = self.size * (1 + self.breath * np.sin(2 * np.pi * time_s / self.period_s))
        return Pose(centre=(x, y), size=float(size), angle=self.angle + self.spin * time_s)


def _bounce(position: float, length: float) -> float:
    """Reflects ``position`` into [0, length]."""
    folded = position % (2 * length)
    return folded if folded <= length else 2 * length - folded


class MovingScene:
    """The content of a clip.

    Args:
        seed: Names the clip.
        size: (width, height) of a frame, pixels.
        class_ids: The shapes, back to front.

    Attributes:
        movers: The shapes as they move, back to front.
    """

    def __init__(self, seed: int, size: tuple[int, int], class_ids: tuple[int, ...]) -> None:
        rng = np.random.default_rng(seed)
        self.size = size
        self._background = self._calm_background(rng)
        self._behind: npt.NDArray[np.float64] = self._background.mean(axis=(0, 1))
        self.movers = [self._mover(rng, class_id) for class_id in class_ids]

    def _calm_background(self, rng: np.random.Generator) -> textures.Image:
        """Draws a background larger than the frame, so that it can pan; smoothed a little, as by a lens."""
        width, height = self.size
        ground = textures.background(rng, (width * 5 // 4, height * 5 // 4))
        return np.asarray(cv2.GaussianBlur(ground, (0, 0), 1.0), dtype=np.uint8)

    def _mover(self, rng: np.random.Generator, class_id: int) -> Mover:
        width, height = self.size
        heading, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.08, 0.22) * height
        return Mover(
            class_id=class_id,
            start=(float(rng.uniform(0.1, 0.9) * width), float(rng.uniform(0.1, 0.9) * height)),
            velocity=(float(speed * np.cos(heading)), float(speed * np.sin(heading))),
            size=float(rng.uniform(0.15, 0.29) * height),
            breath=float(rng.uniform(0.05, 0.25)),
            period_s=float(rng.uniform(3, 7)),
            angle=float(rng.uniform(0, 2 * np.pi)),
            spin=float(rng.uniform(-0.9, 0.9)),
            look=int(rng.integers(2**31)),
        )

    def frame(self, time_s: float) -> Scene:
        """Draws the frame at ``time_s``, with its truth."""
        canvas = self._window(time_s)
        owner = np.zeros(canvas.shape[:2], np.uint8)
        areas = []
        for number, mover in enumerate(self.movers, start=1):
            contours = outlines(CLASSES[mover.class_id], mover.pose(time_s, self.size))
            owner[coverage(contours, self.size) >= 128] = number
            paint(np.random.default_rng(mover.look), canvas, contours, self._behind)
            areas.append(area(contours))
        visible = np.bincount(owner.ravel(), minlength=len(areas) + 1)[1:]
        shown = [k for k, whole in enumerate(areas) if visible[k] >= _MIN_VISIBLE * whole]
        boxes = [visible_box(owner == k + 1) for k in shown]
        return Scene(
            image_bgr=canvas,
            boxes_xyxy=np.asarray(boxes, np.float32).reshape(-1, 4),
            class_ids=np.asarray([self.movers[k].class_id for k in shown], np.int32),
            owner=owner,
        )

    def _window(self, time_s: float) -> textures.Image:
        """Returns the part of the background in view of the slowly swaying camera."""
        width, height = self.size
        room = np.array([self._background.shape[1] - width, self._background.shape[0] - height])
        sway = 0.5 + 0.5 * np.array([np.sin(0.35 * time_s), np.cos(0.35 * time_s)])
        x, y = np.round(room * sway).astype(int)
        return self._background[y : y + height, x : x + width].copy()
