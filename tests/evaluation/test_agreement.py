"""How far int8 finds what fp32 finds: against the rule written down literally, and by cases anyone can work out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detector.detections import Detections
from detector.evaluation.agreement import FEW, SURE, compare
from tests.support.literal_metrics import Found, Thing, area_ap, voc_iou, voc_points, voc_right_or_wrong

Row = tuple[tuple[float, float, float, float], float, int]


def found(*rows: Row) -> Detections:
    """Boxes, scores and classes, in any order."""
    ordered = sorted(rows, key=lambda row: -row[1])
    boxes = np.array([row[0] for row in ordered], np.float32).reshape(-1, 4)
    scores, ids = (np.array([row[column] for row in ordered]) for column in (1, 2))
    return Detections(boxes, scores.astype(np.float32), ids.astype(np.int32))


CAT, DOG = (10.0, 10.0, 60.0, 60.0), (100.0, 100.0, 180.0, 160.0)


def test_the_same_detections_agree_wholly() -> None:
    images = [found((CAT, 0.9, 0), (DOG, 0.7, 1)), Detections.empty()]
    result = compare(images, images)
    assert (result.ap, result.objects, result.score_difference) == (1.0, 2, 0.0)


def test_a_missed_object_costs_its_share() -> None:
    result = compare([found((CAT, 0.9, 0), (DOG, 0.8, 1))], [found((CAT, 0.8, 0))])
    assert result.ap == 0.5
    assert result.score_difference == pytest.approx(0.1)


def test_a_false_alarm_costs_even_in_a_class_that_the_reference_never_found() -> None:
    reference = [found((CAT, 0.9, 0), (DOG, 0.8, 1))]
    other = [found((CAT, 0.7, 0), (DOG, 0.6, 1), ((200.0, 0.0, 250.0, 50.0), 0.95, 7))]
    assert compare(reference, other).ap == pytest.approx(2 / 3)


def test_the_right_box_of_another_class_is_wrong() -> None:
    assert compare([found((CAT, 0.9, 0))], [found((CAT, 0.9, 1))]).ap == 0.0


def test_what_the_reference_is_not_sure_of_neither_counts_nor_harms() -> None:
    many = [found(*(((20.0 * n, 0.0, 20.0 * n + 15, 15.0), 0.9, 0) for n in range(FEW)))]
    doubtful = (DOG, SURE - 0.01, 1)
    reference = [*many, found((CAT, 0.9, 0), doubtful)]
    with_it, without = (compare(reference, [*many, found((CAT, 0.9, 0), *more)]) for more in ([(DOG, 0.95, 1)], []))
    assert with_it == without
    assert (with_it.ap, with_it.objects, with_it.min_score) == (1.0, FEW + 1, SURE)


def test_where_little_is_sure_the_best_there_is_decides() -> None:
    reference = [found((CAT, 0.2, 0), (DOG, 0.1, 1))]
    result = compare(reference, [found((CAT, 0.2, 0))])
    assert (result.ap, result.objects) == (0.5, 2)
    assert result.min_score == pytest.approx(0.1)


def test_nothing_found_tells_nothing() -> None:
    result = compare([Detections.empty()], [found((CAT, 0.9, 0))])
    assert math.isnan(result.ap)
    assert math.isnan(result.score_difference)
    assert result.objects == 0


def test_random_images_agree_as_the_rule_says_literally() -> None:
    rng = np.random.default_rng(5)
    reference, other = [], []
    for _ in range(40):
        corners = rng.uniform(0, 200, (12, 2))
        boxes = np.hstack([corners, corners + rng.uniform(30, 90, (12, 2))])
        scores, classes = rng.uniform(0.02, 1, 12), rng.integers(0, 3, 12)
        reference.append(found(*((tuple(b), s, c) for b, s, c in zip(boxes, scores, classes, strict=True))))
        moved = boxes + rng.normal(0, 6, boxes.shape)
        wobbled = np.clip(scores + rng.normal(0, 0.1, 12), 0.02, 1)
        other.append(found(*((tuple(b), s, c) for b, s, c in zip(moved, wobbled, classes, strict=True))))
    result = compare(reference, other)
    things, detections = [], []
    for number, (exact, mine) in enumerate(zip(reference, other, strict=True)):
        for box, score, class_id in zip(exact.boxes_xyxy, exact.scores, exact.class_ids, strict=True):
            if score >= 0.25:
                things.append(Thing(number * 3 + int(class_id), tuple(map(float, box)), difficult=score < 0.5))
        for box, score, class_id in zip(mine.boxes_xyxy, mine.scores, mine.class_ids, strict=True):
            detections.append(Found(number * 3 + int(class_id), tuple(map(float, box)), float(score)))
    sure = sum(not thing.difficult for thing in things)
    assert voc_iou(CAT, CAT) == 1.0
    assert result.objects == sure > FEW
    assert result.ap == pytest.approx(area_ap(voc_points(voc_right_or_wrong(things, detections), sure)))
    assert 0.3 < result.ap < 0.999
