"""Default boxes of BlazeFace, which its files do not hold: all of the input's size, only their centres differ.

Source: arXiv 1907.05047, section 3.2, and the options of MediaPipe's face detection graphs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_GRIDS = {  # input side: (stride, boxes in a cell) of each map
    (128, 896): ((8, 2), (16, 6)),
    (256, 896): ((16, 2), (32, 6)),
    (192, 2304): ((4, 1),),
}


def blazeface_anchors(size: tuple[int, int], count: int) -> Floats | None:
    """Float32[count, 4] as (cx, cy, w, h), fractions; None where no published network has that many for this input.

    Args:
        size: (height, width) of the input, pixels.
        count: Of boxes.
    """
    grids = _GRIDS.get((size[0], count)) if size[0] == size[1] else None
    if grids is None:
        return None
    centres = []
    for stride, boxes in grids:
        cells = size[0] // stride
        rows, columns = np.mgrid[:cells, :cells]
        centre = np.stack([columns.reshape(-1), rows.reshape(-1)], axis=1) + 0.5
        centres.append(np.repeat(centre / cells, boxes, axis=0))
    found = np.concatenate(centres)
    return np.concatenate([found, np.ones_like(found)], axis=1).astype(np.float32)
