"""PASCAL VOC's average precision: the eleven points of 2007, and the area under the curve of 2010 and later.

The rules are those of the development kit (Everingham et al., "The PASCAL Visual Object Classes Challenge: A
Retrospective", 2015, sections 2 and 3, and ``VOCevaldet.m``): detections of a class are taken best first; each looks
at the one object of its image that it overlaps most; at an overlap of one half or more it is right the first time,
wrong every further time, and left out if that object is marked difficult; below one half it is wrong.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from detector.evaluation.curves import class_result, mean_ap, measured_curve
from detector.evaluation.detection_table import DetectionTable, Indices, Truths, all_truths
from detector.evaluation.outcomes import OVERLAP, put_together
from detector.evaluation.overlaps import overlapping_pairs, voc_overlap
from detector.evaluation.results import ClassResult, Curve, DataSet, Flags, Floats, Verdict, VocResult

VocRule = Literal["voc07", "voc"]

_ELEVEN = np.arange(11) * 0.1  # as everybody's script computes them: 0.30000000000000004 is not reached by 3 of 10


def evaluate_voc(data: DataSet, found: DetectionTable, rule: VocRule = "voc07") -> VocResult:
    """Average precision of each class at an overlap of one half.

    Args:
        data: The true objects; those of COCO's crowds are taken as difficult.
        found: The detections; equal scores keep the order they have there.
        rule: "voc07" for eleven points, "voc" for the area.
    """
    truths = all_truths(data)
    uncounted = truths.difficult | truths.crowd
    order = np.argsort(-found.scores, kind="stable")
    partners, verdicts = _judge(found, truths, uncounted, order, len(data.labels))
    results: list[ClassResult] = []
    by_class = order[np.argsort(found.class_ids[order], kind="stable")]
    ends = np.searchsorted(found.class_ids[by_class], np.arange(len(data.labels) + 1))
    for index, label in enumerate(data.labels):
        rows = by_class[ends[index] : ends[index + 1]]
        objects = int(np.count_nonzero((truths.class_ids == index) & ~uncounted))
        counted = rows[verdicts[rows] != Verdict.IGNORED]
        curve = measured_curve(verdicts[counted] == Verdict.MATCHED, found.scores[counted], objects)
        ap = (eleven_point_ap if rule == "voc07" else area_ap)(curve) if objects else math.nan
        results.append(class_result(label, ap, objects, len(rows), curve))
    outcomes = put_together(data, found, truths, uncounted, verdicts, partners)
    return VocResult(rule, mean_ap(results), tuple(results), outcomes)


def eleven_point_ap(curve: Curve) -> float:
    """Mean of the best precision at a recall of at least 0, 0.1, ... 1 (VOC 2007)."""
    best = np.concatenate((_falling(curve.precision), [0.0]))
    return math.fsum(best[np.searchsorted(curve.recall, _ELEVEN, "left")]) / len(_ELEVEN)


def area_ap(curve: Curve) -> float:
    """Area under the curve made to fall (VOC 2010 and later)."""
    steps = np.diff(np.concatenate(([0.0], curve.recall)))
    return float(np.sum(steps * _falling(curve.precision)))


def _falling(precision: Floats) -> Floats:
    """Each point raised to the best at its recall or a higher one."""
    return np.maximum.accumulate(precision[::-1])[::-1]


def _judge(
    found: DetectionTable, truths: Truths, uncounted: Flags, order: Indices, classes: int
) -> tuple[Indices, npt.NDArray[np.uint8]]:
    """The object each detection looks at (or -1) and its verdict; ``order`` is best first."""
    pairs = overlapping_pairs(
        found.images * classes + found.class_ids,
        truths.images * classes + truths.class_ids,
        voc_overlap(found, truths),
        OVERLAP,
    )
    partners = np.full(len(found), -1, np.intp)
    # Of each detection the pair that overlaps most, the first of equals: written last.
    best = np.lexsort((-pairs.truth, pairs.overlaps, pairs.found))
    partners[pairs.found[best]] = pairs.truth[best]
    verdicts = np.full(len(found), Verdict.FALSE, np.uint8)
    looking = order[partners[order] >= 0]
    verdicts[looking[uncounted[partners[looking]]]] = Verdict.IGNORED
    counted = looking[~uncounted[partners[looking]]]
    _, first = np.unique(partners[counted], return_index=True)
    verdicts[counted[first]] = Verdict.MATCHED
    return np.where(verdicts == Verdict.FALSE, -1, partners), verdicts
