"""How far two contestants find the same objects, without which their speeds could not be compared. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detector.boxes import iou
from detector.detections import Detections

_IOU = 0.75


def agreement(ours: Sequence[Detections], theirs: Sequence[Detections]) -> float:
    """Returns the share of all detections with a partner on the other side: same image and class, IoU 0.75 or more.

    Returns:
        0..1; 1.0 if neither found anything.

    Raises:
        ValueError: The two cover different numbers of images.
    """
    paired = sum(_pairs(a, b) for a, b in zip(ours, theirs, strict=True))
    found = sum(len(each) for each in (*ours, *theirs))
    return 2 * paired / found if found else 1.0


def _pairs(ours: Detections, theirs: Detections) -> int:
    """Counts one-to-one pairs, the best of ours choosing first."""
    overlaps = iou(ours.boxes_xyxy, theirs.boxes_xyxy)
    overlaps[ours.class_ids[:, None] != theirs.class_ids[None]] = 0.0
    free: npt.NDArray[np.bool_] = np.ones(len(theirs), np.bool_)
    count = 0
    for row in overlaps:
        candidates = np.where(free, row, 0.0)
        if len(candidates) and candidates.max() >= _IOU:
            free[int(candidates.argmax())] = False
            count += 1
    return count
