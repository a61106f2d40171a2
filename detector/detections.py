"""Host-side results. ``Candidates`` is what one run of a network leaves; ``Detections`` is what a viewer shows of it.

Keeping the candidates is what lets a threshold, an NMS limit or a class filter change at once, on a paused frame
too, without running the network again. numpy only; immutable, so they may cross threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from detector.nms import batched_nms

Boxes = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float32]
ClassIds = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

FLOOR = 0.05
"""Lower scores are noise to everybody but an evaluation and who asks for them: a trained network leaves thousands."""


def floor_for(threshold: float) -> float:
    """Least score that is looked for and kept, for a person who now wants ``threshold`` and may want another soon."""
    return min(FLOOR, threshold)


def just_below(score: float) -> float:
    """Returns the largest float32 below ``score``: scores of at least ``score`` are those above it."""
    return float(np.nextafter(np.float32(score), np.float32(-1)))


def _check(boxes_xyxy: Boxes, scores: Scores, class_ids: ClassIds) -> None:
    if boxes_xyxy.ndim != 2 or boxes_xyxy.shape[1] != 4:
        raise ValueError(f"boxes_xyxy must be [N, 4], not {boxes_xyxy.shape}")
    if scores.shape != (len(boxes_xyxy),) or class_ids.shape != (len(boxes_xyxy),):
        raise ValueError(f"{len(boxes_xyxy)} boxes but scores {scores.shape}, class_ids {class_ids.shape}")
    if np.any(scores[1:] > scores[:-1]):
        raise ValueError("scores must descend")


def _freeze(*arrays: npt.NDArray[np.generic]) -> None:
    for array in arrays:
        array.flags.writeable = False


@dataclass(frozen=True, slots=True)
class Detections:
    """Objects found in one image, best first.

    Attributes:
        boxes_xyxy: Float32[N, 4], pixels of the upright image, x right, y down; not rounded.
        scores: Float32[N], descending.
        class_ids: Int32[N], index into the model's labels, background excluded.

    Raises:
        ValueError: Lengths differ, or scores do not descend.
    """

    boxes_xyxy: Boxes
    scores: Scores
    class_ids: ClassIds

    def __post_init__(self) -> None:
        _check(self.boxes_xyxy, self.scores, self.class_ids)
        _freeze(self.boxes_xyxy, self.scores, self.class_ids)

    def __len__(self) -> int:
        return len(self.scores)

    @staticmethod
    def empty() -> Detections:
        """Returns detections of no object."""
        return Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))

    def above(self, score: float) -> Detections:
        """Returns the detections that score at least ``score``."""
        n = int(np.count_nonzero(self.scores >= np.float32(score)))
        return Detections(self.boxes_xyxy[:n], self.scores[:n], self.class_ids[:n])


@dataclass(frozen=True, slots=True)
class DetectionFilter:
    """Chooses which candidates are shown.

    Attributes:
        score_threshold: Shown when score >= threshold, in [0, 1].
        iou_threshold: A box overlapping a better one of its class by more than this is suppressed, in [0, 1].
        class_ids: Classes to show; None for all.
        max_detections: At most this many, the best.
    """

    score_threshold: float = 0.5
    iou_threshold: float = 0.45
    class_ids: frozenset[int] | None = None
    max_detections: int = 200

    def __post_init__(self) -> None:
        if not (0.0 <= self.score_threshold <= 1.0 and 0.0 <= self.iou_threshold <= 1.0):
            raise ValueError("thresholds lie between 0 and 1")
        if self.max_detections < 1:
            raise ValueError("max_detections must be positive")


@dataclass(frozen=True, slots=True)
class Candidates:
    """Decoded boxes of one image before non-maximum suppression, best first, down to the engine's floor score.

    Attributes:
        boxes_xyxy: Float32[N, 4], pixels of the upright image.
        scores: Float32[N], descending.
        class_ids: Int32[N].
        kept: Bool[N], what NMS at ``iou_threshold`` leaves; computed where the network ran. None: not computed yet.
        iou_threshold: The limit ``kept`` was computed for.
    """

    boxes_xyxy: Boxes
    scores: Scores
    class_ids: ClassIds
    kept: Mask | None = None
    iou_threshold: float = field(default=0.45)

    def __post_init__(self) -> None:
        _check(self.boxes_xyxy, self.scores, self.class_ids)
        _freeze(self.boxes_xyxy, self.scores, self.class_ids)
        if self.kept is not None:
            if self.kept.shape != self.scores.shape:
                raise ValueError(f"{len(self.scores)} boxes but kept {self.kept.shape}")
            _freeze(self.kept)

    def __len__(self) -> int:
        return len(self.scores)

    @staticmethod
    def empty() -> Candidates:
        """Nothing above the floor."""
        return Candidates(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))

    def best(self, class_ids: frozenset[int] | None = None) -> int | None:
        """Row of the highest score, whatever the threshold, among these classes or all; None where there is none."""
        rows = range(len(self)) if class_ids is None else np.flatnonzero(np.isin(self.class_ids, list(class_ids)))
        return int(rows[0]) if len(rows) else None

    def detections(self, wanted: DetectionFilter) -> Detections:
        """Returns what ``wanted`` lets through."""
        return self.pick(self.chosen(wanted))

    def pick(self, rows: Rows) -> Detections:
        """The candidates in these rows, Int[N], ascending."""
        return Detections(self.boxes_xyxy[rows], self.scores[rows], self.class_ids[rows])

    def chosen(self, wanted: DetectionFilter) -> Rows:
        """Int[N]: the rows left by threshold, class filter, NMS and cap.

        Suppression runs on the boxes above the threshold only; a greedy NMS gives the same answer that way, because
        a box never suppresses a better one.
        """
        above = self.scores >= np.float32(wanted.score_threshold)
        if wanted.class_ids is not None:
            above &= np.isin(self.class_ids, list(wanted.class_ids))
        if self.kept is not None and wanted.iou_threshold == self.iou_threshold:
            chosen = np.flatnonzero(above & self.kept)
        else:
            chosen = np.flatnonzero(above)
            keep = batched_nms(self.boxes_xyxy[chosen], self.class_ids[chosen], wanted.iou_threshold)
            chosen = chosen[keep]
        return chosen[: wanted.max_detections]
