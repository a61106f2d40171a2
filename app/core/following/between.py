"""Detections for the frames between two that the network saw: those of both, carried along the motion.

Forward from the first, backward from the last, blended by how near each is. An object that only one of the two shows is
taken to appear or vanish halfway; both ends' detections are exact, those in between are followed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.core.motion.boxes import moved
from app.core.motion.frame_motion import FrameMotion
from app.core.motion.similarity import Floats
from detector.boxes import iou
from detector.detections import Detections

_SAME_IOU = 0.3  # of a carried box with a detection of its class: the same object
_UNSEEN = 0.05  # score of an object at the end that does not show it
_MIN_INSIDE = 0.3  # share of a carried box that must lie inside the frame


def between(
    first: Detections, last: Detections, motions: Sequence[FrameMotion], size: tuple[int, int]
) -> list[Detections]:
    """Returns the detections of the frames between two.

    Args:
        first: What the network found in the first frame.
        last: What it found in the last one.
        motions: From each frame to the next, first to last: one more than there are frames between.
        size: (width, height) of the frames, pixels.

    Returns:
        One for each frame between; scores go evenly from one end to the other.
    """
    steps = len(motions)
    ahead = _carried(first, motions)
    behind = _carried(last, [motion.reversed() for motion in reversed(motions)])[::-1]
    pairs = [] if ahead[-1] is None or behind[0] is None else _pairs(first, last, ahead, behind)
    return [_blend(first, last, ahead[step - 1], behind[step], pairs, step / steps, size) for step in range(1, steps)]


def _carried(detections: Detections, motions: Sequence[FrameMotion]) -> list[Floats | None]:
    """The boxes after each motion, Float64[N, 4]; None from a cut on."""
    boxes: Floats | None = detections.boxes_xyxy.astype(np.float64)
    places: list[Floats | None] = []
    for motion in motions:
        boxes = None if boxes is None or motion.cut else moved(boxes, motion)
        places.append(boxes)
    return places


def _pairs(
    first: Detections, last: Detections, ahead: list[Floats | None], behind: list[Floats | None]
) -> list[tuple[int, int]]:
    """(row of first, row of last): the same objects, the best overlaps first."""
    assert ahead[-1] is not None
    assert behind[0] is not None
    at_last = iou(ahead[-1].astype(np.float32), last.boxes_xyxy)
    at_first = iou(first.boxes_xyxy, behind[0].astype(np.float32))
    overlap = (at_last + at_first) / 2
    overlap[first.class_ids[:, None] != last.class_ids[None]] = 0
    pairs = []
    while overlap.size and overlap.max() > _SAME_IOU:
        row, column = (int(i) for i in np.unravel_index(overlap.argmax(), overlap.shape))
        pairs.append((row, column))
        overlap[row], overlap[:, column] = 0, 0
    return pairs


def _blend(
    first: Detections,
    last: Detections,
    ahead: Floats | None,
    behind: Floats | None,
    pairs: Sequence[tuple[int, int]],
    share: float,
    size: tuple[int, int],
) -> Detections:
    boxes, scores, classes = [], [], []
    for row, column in pairs:
        assert ahead is not None
        assert behind is not None
        boxes.append((1 - share) * ahead[row] + share * behind[column])
        scores.append((1 - share) * float(first.scores[row]) + share * float(last.scores[column]))
        classes.append(int(first.class_ids[row]))
    for source, places, end, near in ((first, ahead, 0, 1 - share), (last, behind, 1, share)):
        if places is None:
            continue
        for row in sorted(set(range(len(source))) - {pair[end] for pair in pairs}):
            boxes.append(places[row])
            scores.append(near * float(source.scores[row]) + (1 - near) * _UNSEEN)
            classes.append(int(source.class_ids[row]))
    return _inside(boxes, scores, classes, size)


def _inside(boxes: list[Floats], scores: list[float], classes: list[int], size: tuple[int, int]) -> Detections:
    """Clipped to the frame, best first, without those that left it."""
    if not boxes:
        return Detections.empty()
    full = np.stack(boxes)
    clipped = np.clip(full, 0, np.tile(np.array(size, np.float64), 2))
    kept = _area(clipped) > _MIN_INSIDE * _area(full)
    score = np.array(scores, np.float32)
    order = np.argsort(-score, kind="stable")
    order = order[kept[order]]
    return Detections(clipped[order].astype(np.float32), score[order], np.array(classes, np.int32)[order])


def _area(boxes: Floats) -> npt.NDArray[np.float64]:
    areas: npt.NDArray[np.float64] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas
