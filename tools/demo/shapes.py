"""Outlines of the drawn classes, and their placement as polygons. Pure geometry: no pixels, no randomness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Outline = npt.NDArray[np.float64]
"""Float64[N, 2], a closed contour as x, y."""

CLASSES: tuple[str, ...] = ("circle", "square", "triangle", "star", "cross", "heart", "ring", "arrow")


@dataclass(frozen=True, slots=True)
class Pose:
    """Position, size and rotation of a shape.

    Attributes:
        centre: (x, y) of the outline's bounding box, pixels.
        size: Square root of the bounding box's area, pixels.
        angle: Rotation, radians.
        stretch: Width of a square seen head-on over its height: a frame that is not square is warped for the network.
    """

    centre: tuple[float, float]
    size: float
    angle: float = 0.0
    stretch: float = 1.0


def _regular(corners: int, radius: float = 1.0, phase: float = -np.pi / 2) -> Outline:
    angles = phase + np.arange(corners) * 2 * np.pi / corners
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _star() -> Outline:
    points = np.empty((10, 2))
    points[0::2] = _regular(5)
    points[1::2] = _regular(5, 0.42, -np.pi / 2 + np.pi / 5)
    return points


def _cross() -> Outline:
    arm = 0.34
    quarter = np.array([[arm, -arm], [arm, -1.0], [-arm, -1.0]])
    turns = [np.array([[0.0, 1.0], [-1.0, 0.0]]), np.array([[-1.0, 0.0], [0.0, -1.0]])]
    return np.concatenate([quarter, quarter @ turns[0].T, quarter @ turns[1].T, quarter @ (turns[0] @ turns[1]).T])


def _heart() -> Outline:
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([x, y], axis=1) / 16


def _arrow() -> Outline:
    return np.array([[-1, -0.28], [0.05, -0.28], [0.05, -0.8], [1, 0], [0.05, 0.8], [0.05, 0.28], [-1, 0.28]])


_OUTLINES: dict[str, tuple[Outline, ...]] = {
    "circle": (_regular(48),),
    "square": (_regular(4, phase=np.pi / 4),),
    "triangle": (_regular(3),),
    "star": (_star(),),
    "cross": (_cross(),),
    "heart": (_heart(),),
    "ring": (_regular(48), _regular(32, 0.52)),  # the second contour is the hole
    "arrow": (_arrow(),),
}


def outlines(name: str, pose: Pose) -> tuple[Outline, ...]:
    """Contours of the class ``name`` under ``pose``, pixels; where two overlap, there is a hole (even-odd rule)."""
    cos, sin = np.cos(pose.angle), np.sin(pose.angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    wide = np.sqrt(pose.stretch)
    placed = [(contour @ turn.T) * (wide, 1 / wide) for contour in _OUTLINES[name]]
    low, high = placed[0].min(axis=0), placed[0].max(axis=0)
    scale = pose.size / np.sqrt(np.prod(high - low))
    return tuple((contour - (low + high) / 2) * scale + pose.centre for contour in placed)


def area(contours: tuple[Outline, ...]) -> float:
    """Filled area in square pixels, holes left out."""

    def shoelace(contour: Outline) -> float:
        x, y = contour[:, 0], contour[:, 1]
        return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2

    return shoelace(contours[0]) - sum(shoelace(hole) for hole in contours[1:])
