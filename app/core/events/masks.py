"""Ignore masks: a detection is ignored when the middle of its box lies in one. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.core.events.geometry import Mask, Point, centres_of, inside
from detector.detections import Detections

Masks = Sequence[Sequence[Point]]
"""Polygons, positions from 0 to 1 over the upright frame."""


def outside_masks(boxes_xyxy: npt.NDArray[np.float32], size: tuple[int, int], masks: Masks) -> Mask:
    """Bool[N]: whether each box counts.

    Args:
        boxes_xyxy: Float32[N, 4], pixels.
        size: (width, height) of the upright frame, pixels.
        masks: Where nothing counts.
    """
    if not masks or not len(boxes_xyxy):
        return np.ones(len(boxes_xyxy), np.bool_)
    centres = centres_of(boxes_xyxy, *size)
    ignored: Mask = np.logical_or.reduce([inside(centres, mask) for mask in masks])
    return ~ignored


def unmasked(found: Detections, size: tuple[int, int], masks: Masks) -> Detections:
    """Returns the detections that count; arguments as for ``outside_masks``."""
    if not masks or not len(found):
        return found
    seen = outside_masks(found.boxes_xyxy, size, masks)
    return Detections(found.boxes_xyxy[seen], found.scores[seen], found.class_ids[seen])
