"""Sorts the false alarms and missed objects of an evaluation into kinds. Pure.

The kinds are those of Hoiem, Chodpathumwan and Dai ("Diagnosing Error in Object Detectors", 2012), with the limits
of Bolya and others ("TIDE", 2020): an overlap of 0.1 shows that an object was meant, 0.5 that it was found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from detector.boxes import iou
from detector.evaluation.curves import reached_by
from detector.evaluation.outcomes import OVERLAP
from detector.evaluation.results import Floats, ImageOutcome, Verdict

MEANT = 0.1
"""Minimum overlap at which a detection counts as aimed at an object it does not fit."""


class Kind(StrEnum):
    """The kind of a mistake."""

    MISSED = "missed"
    CONFUSED = "confused"
    MISPLACED = "misplaced"
    BACKGROUND = "background"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake.

    Attributes:
        kind: Its kind.
        image: Index into the outcomes.
        found: Index of the detection in its image, or for a missed object that of a detection below the threshold;
            -1 for none.
        truth: Index of the object concerned in its image; -1 for none.
        overlap: IoU of the two; 0 without both.
        score: Score of the detection; 0 for none.
        area: Area of the object, or else of the detection, square pixels.
    """

    kind: Kind
    image: int
    found: int
    truth: int
    overlap: float
    score: float
    area: float


@dataclass(frozen=True, slots=True)
class Mistakes:
    """All mistakes of an evaluation at one threshold.

    Attributes:
        of: Mistakes by kind, worst first: missed objects by size, false alarms by score.
        confusions: (class shown, true class, count), most frequent first.
    """

    of: dict[Kind, tuple[Mistake, ...]]
    confusions: tuple[tuple[int, int, int], ...]


def find_mistakes(outcomes: Sequence[ImageOutcome], threshold: float) -> Mistakes:
    """Sorts the wrong detections shown at ``threshold``, and the objects they miss.

    A missed object to which a misplaced or confused detection belongs is reported there only.
    """
    found: dict[Kind, list[Mistake]] = {kind: [] for kind in Kind}
    confusions: Counter[tuple[int, int]] = Counter()
    for index, outcome in enumerate(outcomes):
        wrong = _false_alarms(index, outcome, threshold)
        for mistake in (*wrong, *_missed(index, outcome, threshold, {m.truth for m in wrong})):
            found[mistake.kind].append(mistake)
            if mistake.kind is Kind.CONFUSED:
                pair = outcome.found.class_ids[mistake.found], outcome.truth.class_ids[mistake.truth]
                confusions[int(pair[0]), int(pair[1])] += 1
    for kind, mistakes in found.items():
        mistakes.sort(key=lambda m: m.area if kind is Kind.MISSED else m.score, reverse=True)
    common = tuple((shown, true, count) for (shown, true), count in confusions.most_common())
    return Mistakes({kind: tuple(mistakes) for kind, mistakes in found.items()}, common)


def _false_alarms(image: int, outcome: ImageOutcome, threshold: float) -> list[Mistake]:
    found, truth = outcome.found, outcome.truth
    rows = np.flatnonzero((outcome.verdicts == Verdict.FALSE) & reached_by(found.scores, threshold))
    if not len(rows):
        return []
    counted = np.flatnonzero(~(truth.difficult | truth.crowd))
    overlaps = iou(found.boxes_xyxy[rows].astype(np.float32), truth.boxes_xyxy[counted].astype(np.float32))  # [R, C]
    same = found.class_ids[rows][:, None] == truth.class_ids[counted][None]
    mistakes = []
    for row, own, other in zip(rows.tolist(), np.where(same, overlaps, 0), np.where(same, 0, overlaps), strict=True):
        kind, column, overlap = _kind_of(own, other)
        target = int(counted[column]) if column >= 0 else -1
        score = float(found.scores[row])
        mistakes.append(Mistake(kind, image, row, target, overlap, score, float(found.areas[row])))
    return mistakes


def _kind_of(own: Floats, other: Floats) -> tuple[Kind, int, float]:
    """Returns kind, object (-1: none) and overlap, from the overlaps with objects of the same and of other classes."""
    if not len(own):
        return Kind.BACKGROUND, -1, 0.0
    best_own, best_other = int(own.argmax()), int(other.argmax())
    if own[best_own] >= OVERLAP:  # it fits, and is wrong: the object was found already
        return Kind.DUPLICATE, best_own, float(own[best_own])
    if other[best_other] >= OVERLAP:
        return Kind.CONFUSED, best_other, float(other[best_other])
    if own[best_own] >= MEANT:
        return Kind.MISPLACED, best_own, float(own[best_own])
    return Kind.BACKGROUND, -1, 0.0


def _missed(image: int, outcome: ImageOutcome, threshold: float, explained: set[int]) -> list[Mistake]:
    found, truth = outcome.found, outcome.truth
    matched = outcome.verdicts == Verdict.MATCHED
    below = np.flatnonzero(matched & ~reached_by(found.scores, threshold))
    late = dict(zip(outcome.partners[below].tolist(), below.tolist(), strict=True))
    mistakes = []
    for index in (*outcome.missed.tolist(), *late):
        if index in explained:
            continue
        row = late.get(index, -1)
        overlap, score = 0.0, 0.0
        if row >= 0:
            pair = found.boxes_xyxy[row : row + 1], truth.boxes_xyxy[index : index + 1]
            overlap = float(iou(*(boxes.astype(np.float32) for boxes in pair))[0, 0])
            score = float(found.scores[row])
        mistakes.append(Mistake(Kind.MISSED, image, row, index, overlap, score, float(truth.box_areas[index])))
    return mistakes
