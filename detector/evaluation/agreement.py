"""How far one run of a model finds what another run finds, on images nobody has labelled. Pure.

The measure is average precision with the other run's detections in the place of true objects: a shorter number format
is judged by what the exact one finds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detector.detections import Detections
from detector.evaluation.detection_table import DetectionTable, box_areas, make_table
from detector.evaluation.results import DataSet, ImageTruth, Verdict
from detector.evaluation.voc_metric import evaluate_voc

SURE = 0.5
"""Objects that the reference scores this high must be found."""
FEW = 50
"""With fewer such objects in all images, this many of the reference's best take their place."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The result of a comparison.

    Attributes:
        ap: 0..1, average precision against the reference's detections at an overlap of one half: the area under one
            curve of all classes, so that a false alarm counts whatever its class. The reference's weaker detections,
            down to half the score of the weakest that counts, are neither asked for nor wrong. NaN where the
            reference found nothing.
        objects: How many detections of the reference counted.
        min_score: The score of the weakest of them, at most ``SURE``.
        score_difference: Mean absolute difference of the scores of objects that both found; NaN where none was.
    """

    ap: float
    objects: int
    min_score: float
    score_difference: float


def compare(reference: Sequence[Detections], other: Sequence[Detections]) -> Agreement:
    """Compare image by image.

    Args:
        reference: What the exact format finds in each image, best first, down to its low floor score.
        other: Of the same images.
    """
    least = _min_score(reference)
    # One curve for all classes: every class of every image is taken for an image of its own, with one class.
    cells = [
        (found, other_found, class_id)
        for found, other_found in zip(reference, other, strict=True)
        for class_id in np.union1d(found.class_ids, other_found.class_ids)
    ]
    exact = [_of_class(found, class_id).above(least / 2) for found, _, class_id in cells]
    data = DataSet(Path(), "voc", "", ("any",), tuple(_truth(found, least) for found in exact))
    result = evaluate_voc(data, _table([_of_class(found, class_id) for _, found, class_id in cells]), "voc")
    differences = [np.empty(0)]
    for outcome, found in zip(result.outcomes, exact, strict=True):
        rows = np.flatnonzero(outcome.verdicts == Verdict.MATCHED)
        differences.append(np.abs(outcome.found.scores[rows] - found.scores[outcome.partners[rows]]))
    every = np.concatenate(differences)
    difference = float(every.mean()) if len(every) else math.nan
    return Agreement(result.mean_ap, result.per_class[0].objects, least, difference)


def _min_score(reference: Sequence[Detections]) -> float:
    scores = np.sort(np.concatenate([np.empty(0, np.float32), *(found.scores for found in reference)]))[::-1]
    return float(min(SURE, scores[min(FEW, len(scores)) - 1])) if len(scores) else SURE


def _of_class(found: Detections, class_id: int) -> Detections:
    rows = found.class_ids == class_id
    return Detections(found.boxes_xyxy[rows], found.scores[rows], found.class_ids[rows])


def _truth(found: Detections, least: float) -> ImageTruth:
    """Detections as objects; those that score less than ``least`` neither count nor do harm."""
    boxes = found.boxes_xyxy.astype(np.float64)
    areas = box_areas(boxes)
    weak = found.scores < np.float32(least)
    none = np.zeros(len(found), np.bool_)
    return ImageTruth("", None, 0, 0, boxes, np.zeros(len(found), np.int32), weak, none, areas, areas)


def _table(runs: Sequence[Detections]) -> DetectionTable:
    images = np.repeat(np.arange(len(runs)), [len(found) for found in runs])
    scores = np.concatenate([np.empty(0), *(found.scores for found in runs)])
    boxes = np.concatenate([np.empty((0, 4)), *(found.boxes_xyxy for found in runs)])
    return make_table(images, np.zeros(len(scores), np.int32), scores, boxes)
