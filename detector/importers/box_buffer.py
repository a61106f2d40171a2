"""Default boxes that a network keeps as a buffer among its weights: they tell which of a layout's sets it has.

Forks of several code bases register them as ``priors``, ``anchors`` or the like, in fractions of the input or in
pixels, by centre and size or by corners.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from detector.boxes import cxcywh_to_xyxy
from detector.config import SSDConfig
from detector.default_boxes import default_boxes
from detector.safetensors_file import Array

_NAMES = frozenset({
    "priors", "prior_boxes", "priorbox", "anchors", "anchor_boxes", "default_boxes", "defaults", "dboxes",
    "dboxes_xywh", "dboxes_ltrb",
})  # fmt: skip
_NEAR = 2e-3  # of the input
_ENOUGH = 0.9
"""So many of the boxes have to agree: files differ in whether those at the border are clamped."""


def is_box_buffer(name: str, array: Array) -> bool:
    """Returns whether a tensor is such a buffer, by its last name and its shape, Float[P, 4] or Float[1, P, 4]."""
    *_, last = name.rsplit(".", 1)
    is_list = array.ndim == 2 or (array.ndim == 3 and array.shape[0] == 1)
    return last in _NAMES and is_list and array.shape[-1] == 4 and array.dtype.kind == "f"


def without_box_buffers(state: Mapping[str, Array]) -> tuple[dict[str, Array], Array | None]:
    """Returns the other tensors, and the boxes of the first buffer, Float[P, 4]; None where there is none."""
    boxes = next((array.reshape(-1, 4) for name, array in state.items() if is_box_buffer(name, array)), None)
    return {name: array for name, array in state.items() if not is_box_buffer(name, array)}, boxes


def is_set_of(config: SSDConfig, boxes: Array) -> bool:
    """Returns whether ``boxes``, Float[P, 4] in one of the forms above, are the default boxes of ``config``."""
    ours = default_boxes(config)
    if boxes.shape != ours.shape or not np.isfinite(boxes).all():
        return False
    height, width = config.image_size
    in_pixels = float(np.median(np.abs(boxes))) > 2
    fractions = boxes / np.array([width, height, width, height], np.float32) if in_pixels else boxes
    return any(
        float((np.abs(fractions - form) < _NEAR).all(axis=1).mean()) >= _ENOUGH for form in (ours, cxcywh_to_xyxy(ours))
    )
