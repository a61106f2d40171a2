"""Caffe's default boxes, laid out as its ``PriorBox`` layer does (weiliu89/caffe, ``prior_box_layer.cpp``)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detector.importers.caffe_file import PriorBox

Floats = npt.NDArray[np.float32]

MOST_BOXES = 2**19
_SAME_RATIO = 1e-6
_DEFAULT_VARIANCE = 0.1  # what Caffe takes where a layer gives none


def prior_boxes(told: PriorBox, grid: tuple[int, int], image: tuple[int, int]) -> Floats:
    """Returns Float32[1, 2, P * 4]: boxes as xyxy in fractions, then the variances of each.

    Args:
        told: The layer's settings.
        grid: (rows, columns) of its map.
        image: (height, width) of the network's input, pixels.

    Raises:
        ValueError: They make no boxes, or far too many; the text ends a sentence.
    """
    height, width = told.image_hw or image
    rows, columns = grid
    step_y, step_x = told.step_yx or (height / rows, width / columns)
    sides = _sides(told)
    if rows * columns * len(sides) > MOST_BOXES:
        raise ValueError(f"makes more than {MOST_BOXES} boxes")
    y, x = np.mgrid[:rows, :columns].astype(np.float64) + told.offset
    centres = np.stack([x * step_x, y * step_y], axis=2)[:, :, None, :]
    boxes = np.concatenate([centres - sides / 2, centres + sides / 2], axis=3) / [width, height, width, height]
    if told.clip:
        boxes = boxes.clip(0, 1)
    variances = told.variances or (_DEFAULT_VARIANCE,)
    if len(variances) not in (1, 4) or min(variances) <= 0:
        raise ValueError(f"has {len(variances)} variances, of which it needs one or four")
    spread = np.broadcast_to(np.array(variances), (boxes.size // 4, 4))
    return np.stack([boxes.reshape(-1), spread.reshape(-1)])[None].astype(np.float32)


def _sides(told: PriorBox) -> npt.NDArray[np.float64]:
    """Width and height of the boxes of a cell, Float64[N, 2], pixels, in Caffe's order."""
    least = [int(size) for size in told.min_sizes]  # Caffe keeps them in an ``int``
    most = [int(size) for size in told.max_sizes]
    if not least or min(least) < 1 or len(most) not in (0, len(least)) or any(b <= a for a, b in zip(least, most)):  # noqa: B905  # equally many, or none
        raise ValueError("needs min sizes and, for all of them or none, larger max sizes")
    ratios = [1.0]
    for ratio in told.aspect_ratios:
        if not 1e-3 < ratio < 1e3:
            raise ValueError(f"has the aspect ratio {ratio:g}")
        if not any(abs(ratio - known) < _SAME_RATIO for known in ratios):
            ratios += [ratio, 1 / ratio] if told.flip else [ratio]
    sides = []
    for place, size in enumerate(least):
        sides.append((float(size), float(size)))
        if most:
            sides.append(((size * most[place]) ** 0.5,) * 2)
        sides += [(size * ratio**0.5, size / ratio**0.5) for ratio in ratios[1:]]
    return np.array(sides)
