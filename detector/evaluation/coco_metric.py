"""COCO's twelve numbers for boxes, equal to pycocotools' to the last digit.

They are means of many small fractions, so the order in which those are added is part of the result: images by
ascending number, precision laid out as [overlap, recall, class], then the mean over what is not absent.
"""

from __future__ import annotations

import math

import numpy as np

from detector.evaluation.coco_matching import AREAS, MAX_DETECTIONS, OVERLAPS, Matching, match
from detector.evaluation.curves import class_result, measured_curve
from detector.evaluation.detection_table import DetectionTable, Indices, Truths, all_truths
from detector.evaluation.outcomes import put_together
from detector.evaluation.results import COCO_NUMBERS, ClassResult, CocoResult, DataSet, Flags, Floats, Verdict

_RECALLS: Floats = np.linspace(0.0, 1.0, 101)
_COUNTS = (1, 10, MAX_DETECTIONS)
_ABSENT = -1.0
_TINY = float(np.spacing(1))  # keeps 0 / 0 at 0; part of the published numbers


def evaluate_coco(data: DataSet, found: DetectionTable) -> CocoResult:
    """The twelve numbers, over all classes and for each.

    Args:
        data: The true objects, images in ascending order of their number; VOC's difficult objects do not count, as
            crowds do not.
        found: The detections; equal scores keep the order they have there.
    """
    truths = all_truths(data)
    matching = match(found, truths, len(data.labels))
    tables = _Tables(found, truths, matching, len(data.labels))
    results: list[ClassResult] = []
    for index, label in enumerate(data.labels):
        right, scores = tables.fill(index)
        objects = int(tables.objects[0, index])
        curve = measured_curve(right, scores, objects)
        numbers = tables.numbers(index)
        detections = int(np.count_nonzero(found.class_ids == index))
        results.append(class_result(label, numbers["AP"], objects, detections, curve, numbers))
    overall = tables.numbers(None)
    verdicts, partners = _at_one_half(found, matching)
    outcomes = put_together(data, found, truths, matching.uncounted[0], verdicts, partners)
    return CocoResult("coco", overall["AP"], overall, tuple(results), outcomes)


class _Tables:
    """Precision and recall of every class, overlap, size and count.

    Attributes:
        precision: Float64[T, 101, C, A] for the first hundred detections; -1 where no object counts.
        recall: Float64[T, C, A, 3]; likewise.
        objects: Intp[A, C], how many objects count.
    """

    def __init__(self, found: DetectionTable, truths: Truths, matching: Matching, classes: int) -> None:
        self._found, self._matching = found, matching
        sizes = len(AREAS)
        self.precision = np.full((len(OVERLAPS), len(_RECALLS), classes, sizes), _ABSENT)
        self.recall = np.full((len(OVERLAPS), classes, sizes, len(_COUNTS)), _ABSENT)
        self.objects = np.stack(
            [np.bincount(truths.class_ids[~uncounted], minlength=classes) for uncounted in matching.uncounted]
        )
        taking = np.flatnonzero(matching.ranks < MAX_DETECTIONS)
        best_first = (matching.ranks[taking], found.images[taking], -found.scores[taking], found.class_ids[taking])
        self._rows = taking[np.lexsort(best_first)]
        self._ends = np.searchsorted(found.class_ids[self._rows], np.arange(classes + 1))
        self._place = np.full(len(found), -1, np.intp)
        self._place[matching.contenders] = np.arange(len(matching.contenders))

    def fill(self, index: int) -> tuple[Flags, Floats]:
        """Compute one class.

        Returns:
            Whether each detection that counts is right at an overlap of one half, and its score; best first.
        """
        rows = self._rows[self._ends[index] : self._ends[index + 1]]
        result = np.zeros(0, np.bool_), np.zeros(0)
        for size in range(len(AREAS)):
            right, wrong = self._judge(rows, size)
            if size == 0:
                counted = right[0] | wrong[0]
                result = right[0][counted], self._found.scores[rows[counted]]
            objects = int(self.objects[size, index])
            if objects:
                self.precision[:, :, index, size] = _interpolated(right, wrong, objects)
                for column, count in enumerate(_COUNTS):
                    within = self._matching.ranks[rows] < count
                    self.recall[:, index, size, column] = np.count_nonzero(right & within, axis=1) / objects
        return result

    def _judge(self, rows: Indices, size: int) -> tuple[Flags, Flags]:
        """Bool[T, n] twice: right, wrong; neither where a detection does not count."""
        matching = self._matching
        partners = np.full((len(OVERLAPS), len(rows)), -1, np.int32)
        place = self._place[rows]
        contends = np.flatnonzero(place >= 0)
        partners[:, contends] = matching.partners[:, size, place[contends]]
        matched = partners >= 0
        uncounted = np.append(matching.uncounted[size], False)[partners]  # the last stands for no object
        return matched & ~uncounted, ~(matched | matching.outside[size, rows])

    def numbers(self, index: int | None) -> dict[str, float]:
        """The twelve by name, of one class or (None) of all."""
        which = slice(None) if index is None else slice(index, index + 1)
        precision, recall = self.precision[:, :, which], self.recall[:, which]
        values = (
            precision[..., 0],
            precision[:1, ..., 0],
            precision[5:6, ..., 0],
            *(precision[..., size] for size in (1, 2, 3)),
            *(recall[..., 0, count] for count in (0, 1, 2)),
            *(recall[..., size, 2] for size in (1, 2, 3)),
        )
        return dict(zip(COCO_NUMBERS, map(_mean, values), strict=True))


def _interpolated(right: Flags, wrong: Flags, objects: int) -> Floats:
    """Float64[T, 101]: the best precision at each recall or a higher one; 0 where it is not reached."""
    matched = np.cumsum(right, axis=1, dtype=np.float64)
    precision = matched / (np.cumsum(wrong, axis=1, dtype=np.float64) + matched + _TINY)
    falling = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = matched / objects
    result = np.zeros((len(right), len(_RECALLS)))
    for row in range(len(right)):
        reached = np.searchsorted(recall[row], _RECALLS, "left")
        inside = reached < right.shape[1]
        result[row, inside] = falling[row, reached[inside]]
    return result


def _mean(values: Floats) -> float:
    """Over what is not absent; NaN where nothing is left."""
    present = values[values > _ABSENT]
    return float(np.mean(present)) if present.size else math.nan


def _at_one_half(found: DetectionTable, matching: Matching) -> tuple[np.ndarray, Indices]:
    """A verdict and a partner for every detection, at an overlap of one half, any size."""
    verdicts = np.full(len(found), Verdict.FALSE, np.uint8)
    verdicts[matching.ranks >= MAX_DETECTIONS] = Verdict.IGNORED
    verdicts[(matching.ranks < MAX_DETECTIONS) & matching.outside[0]] = Verdict.IGNORED
    partners = np.full(len(found), -1, np.intp)
    own = matching.partners[0, 0]
    partners[matching.contenders] = own
    matched = matching.contenders[own >= 0]
    verdicts[matched] = np.where(matching.uncounted[0, own[own >= 0]], Verdict.IGNORED, Verdict.MATCHED)
    return verdicts, partners
