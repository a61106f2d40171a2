"""Default boxes ("PriorBox" elsewhere): the fixed grid of boxes whose offsets an SSD predicts. Paper section 2.2."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detector.config import SSDConfig


def default_boxes(config: SSDConfig) -> npt.NDArray[np.float32]:
    """Generate the default boxes of ``config``.

    Returns:
        Float32[P, 4] as (cx, cy, w, h), fractions of the input size, ordered (level, row, column, shape), where the
        shapes of a cell run as in the paper's SSDs: s, sqrt(s * s'), then ratio r wide, ratio r tall; or as
        ``config.shapes`` has them.
    """
    height, width = config.image_size
    levels = []
    for level, (rows, columns) in enumerate(config.grids):
        step_y, step_x = config.steps[level]
        shapes = _cell_shapes(config, level) / (width, height)  # [A, 2] as w, h
        cy = (np.arange(rows) + 0.5) * step_y / height
        cx = (np.arange(columns) + 0.5) * step_x / width
        boxes = np.empty((rows, columns, len(shapes), 4))  # float64 until the end: the sums stay exact
        boxes[..., 0] = cx[None, :, None]
        boxes[..., 1] = cy[:, None, None]
        boxes[..., 2:] = shapes
        levels.append(boxes.reshape(-1, 4))
    result = np.concatenate(levels)
    if config.clamp == "all":
        result = result.clip(0.0, 1.0)
    elif config.clamp == "size":
        result[:, 2:] = result[:, 2:].clip(0.0, 1.0)
    elif config.clamp == "corners":
        low, high = result[:, :2] - result[:, 2:] / 2, result[:, :2] + result[:, 2:] / 2
        low, high = low.clip(0.0, 1.0), high.clip(0.0, 1.0)
        result = np.concatenate(((low + high) / 2, high - low), axis=1)
    return result.astype(np.float32)


def _cell_shapes(config: SSDConfig, level: int) -> npt.NDArray[np.float64]:
    """Float64[A, 2]: width and height in input pixels of the boxes in one cell."""
    if config.shapes:
        return np.asarray(config.shapes[level], dtype=np.float64)
    shapes: list[tuple[float, float]] = []
    for index, size in enumerate(config.min_sizes[level]):
        shapes.append((size, size))
        if config.max_sizes[level]:
            middle = float(np.sqrt(size * config.max_sizes[level][index]))
            shapes.append((middle, middle))
        for ratio in config.aspect_ratios[level]:
            root = float(np.sqrt(ratio))
            shapes += [(size * root, size / root), (size / root, size * root)]
    return np.asarray(shapes, dtype=np.float64)
