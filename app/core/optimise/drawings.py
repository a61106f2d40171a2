"""Images drawn to calibrate on, for whoever has none at hand. Pure; the same on every computer.

Leaves of all sizes that fall on one another (the "dead leaves" model of Matheron, 1968): in edges, contrasts and sizes
such images are as photographs are, and a network answers to them with the range of values that photographs bring out.
Some are dim, noisy or blurred, as a camera's are.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from app.core.frames import ImageBGR

_SEED = 20161008
_SMALLEST, _LARGEST = 0.02, 0.6  # radius, as a share of the image's longer side
_LARGE, _LEAVES = 40, 200
_SPIKES = (3, 9)  # corners of a leaf that is no ellipse

Plane = npt.NDArray[np.float32]


def drawn_frames(count: int, width: int, height: int) -> Iterator[ImageBGR]:
    """``count`` images, each UInt8[height, width, 3]."""
    for number in range(count):
        yield draw(np.random.default_rng((_SEED, number)), width, height)


def draw(rng: np.random.Generator, width: int, height: int) -> ImageBGR:
    """One image."""
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = _colour(rng)
    longer = max(width, height)
    # Large ones first, evenly by logarithm, or little ones would be all there is to see; then sizes with a density that
    # falls with the third power: the same image at every scale.
    large = np.exp(rng.uniform(np.log(_LARGEST / 6), np.log(_LARGEST), _LARGE))
    low, high = _SMALLEST**-2, (_LARGEST / 2) ** -2
    small = (low - rng.random(_LEAVES) * (low - high)) ** -0.5
    for radius in (*large, *small):
        _leaf(rng, canvas, float(radius) * longer)
    return _photographed(rng, canvas)


def _colour(rng: np.random.Generator) -> list[float]:
    """Mostly dull, as things are; now and then a bright one."""
    grey = rng.uniform(0, 255)
    spread = rng.choice([8.0, 30.0, 90.0], p=[0.4, 0.4, 0.2])
    return [float(value) for value in np.clip(grey + rng.normal(0, spread, 3), 0, 255)]


def _leaf(rng: np.random.Generator, canvas: Plane, radius: float) -> None:
    height, width = canvas.shape[:2]
    centre = rng.uniform((0, 0), (width, height))
    if rng.random() < 0.5:
        axes = (max(1, round(radius)), max(1, round(radius * rng.uniform(0.3, 1))))
        place = (round(centre[0]), round(centre[1]))
        cv2.ellipse(canvas, place, axes, rng.uniform(0, 180), 0, 360, _colour(rng), cv2.FILLED, cv2.LINE_8)
        return
    corners = int(rng.integers(*_SPIKES))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = radius * rng.uniform(0.4, 1, corners)
    points = centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None]
    cv2.fillPoly(canvas, [points.round().astype(np.int32)], _colour(rng), cv2.LINE_8)


def _photographed(rng: np.random.Generator, canvas: Plane) -> ImageBGR:
    """Under uneven light, textured, out of focus, dim and noisy by chance."""
    height, width = canvas.shape[:2]
    light = cv2.resize(rng.uniform(0.5, 1.3, (3, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    canvas *= light[..., None] * np.float32(rng.uniform(0.5, 1.1))
    cells = int(rng.integers(20, 120))
    grain = rng.normal(0, rng.uniform(2, 14), (cells, cells)).astype(np.float32)
    canvas += cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    if rng.random() < 0.6:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.4, 2.0)), np.float32)
    canvas += rng.normal(0, rng.uniform(0.5, 8), canvas.shape).astype(np.float32)
    return np.clip(canvas, 0, 255).astype(np.uint8)
