"""Pure functions on arrays of boxes. ``cxcywh`` is centre and size, ``xyxy`` the top left and bottom right corners."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float32]


def cxcywh_to_xyxy(boxes_cxcywh: Boxes) -> Boxes:
    """Float32[N, 4] centre form -> Float32[N, 4] corner form, in the same unit."""
    half = boxes_cxcywh[:, 2:] * np.float32(0.5)
    return np.concatenate((boxes_cxcywh[:, :2] - half, boxes_cxcywh[:, :2] + half), axis=1)


def xyxy_to_cxcywh(boxes_xyxy: Boxes) -> Boxes:
    """Float32[N, 4] corner form -> Float32[N, 4] centre form, in the same unit."""
    low, high = boxes_xyxy[:, :2], boxes_xyxy[:, 2:]
    return np.concatenate(((low + high) * np.float32(0.5), high - low), axis=1)


def area(boxes_xyxy: Boxes) -> npt.NDArray[np.float32]:
    """Float32[N]: width times height."""
    result: npt.NDArray[np.float32] = (boxes_xyxy[:, 2] - boxes_xyxy[:, 0]) * (boxes_xyxy[:, 3] - boxes_xyxy[:, 1])
    return result


def iou(first_xyxy: Boxes, second_xyxy: Boxes) -> npt.NDArray[np.float32]:
    """Float32[N, M]: intersection over union of every pair; 0 where neither box has an area."""
    a, b = first_xyxy[:, None], second_xyxy[None]
    sides = np.maximum(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), np.float32(0))
    intersection = sides[..., 0] * sides[..., 1]
    union = area(first_xyxy)[:, None] + area(second_xyxy)[None] - intersection
    result: npt.NDArray[np.float32] = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
    return result
