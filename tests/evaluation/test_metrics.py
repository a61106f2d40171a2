"""The three rules against slow literal twins, COCO's also against pycocotools, to the last digit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings

from detector.evaluation.coco_matching import AREAS, OVERLAPS
from detector.evaluation.coco_metric import evaluate_coco
from detector.evaluation.results import COCO_NUMBERS, CocoResult, ImageOutcome, Verdict
from detector.evaluation.voc_metric import VocRule, evaluate_voc
from tests.support import literal_metrics as literal
from tests.support.evaluation_data import (
    Case,
    cases,
    coco_dicts,
    data_set,
    found_table,
    pycocotools_says,
    random_case,
)

VOC_RULES: tuple[VocRule, ...] = ("voc07", "voc")


def _check_voc(case: Case) -> None:
    data, found = data_set(case), found_table(case)
    eleven, area = evaluate_voc(data, found, "voc07"), evaluate_voc(data, found, "voc")
    expected: list[tuple[float, float]] = []
    for number in range(case.classes):
        things = case.things_of(number)
        objects = sum(not thing.difficult for thing in things)
        assert eleven.per_class[number].objects == objects
        if not objects:
            assert math.isnan(eleven.per_class[number].ap)
            assert math.isnan(area.per_class[number].ap)
            continue
        points = literal.voc_points(literal.voc_right_or_wrong(things, case.found_of(number)), objects)
        curve = eleven.per_class[number].curve
        assert list(zip(curve.recall.tolist(), curve.precision.tolist(), strict=True)) == points
        assert eleven.per_class[number].ap == pytest.approx(literal.voc07_ap(points), abs=1e-12)
        assert area.per_class[number].ap == pytest.approx(literal.area_ap(points), abs=1e-12)
        expected.append((literal.voc07_ap(points), literal.area_ap(points)))
    if expected:
        assert eleven.mean_ap == pytest.approx(np.mean([pair[0] for pair in expected]))
        assert area.mean_ap == pytest.approx(np.mean([pair[1] for pair in expected]))
    else:
        assert math.isnan(eleven.mean_ap)


@settings(max_examples=100, deadline=None)
@given(cases(difficult=True, crowd=False))
def test_voc_is_what_its_rule_says_detection_by_detection(case: Case) -> None:
    _check_voc(case)


def test_voc_with_fractional_boxes_and_many_images() -> None:
    case = random_case(1, found=1500)
    _check_voc(
        Case(
            case.classes,
            case.images,
            tuple((n, literal.Thing(t.image, t.box, t.crowd)) for n, t in case.things),
            case.found,
        )
    )


def _check_coco_literally(case: Case, result: CocoResult) -> None:
    for number in range(case.classes):
        things, found = case.things_of(number), case.found_of(number)
        for name, size in (("AP", 0), ("APs", 1), ("APm", 2), ("APl", 3)):
            values = []
            for overlap in OVERLAPS.tolist():
                rule = literal.CocoRule(overlap, (float(AREAS[size, 0]), float(AREAS[size, 1])))
                right, objects = rule.right_or_wrong(things, found, case.images)
                values.append(literal.coco_ap(right, objects) if objects else math.nan)
            assert result.per_class[number].numbers[name] == pytest.approx(np.mean(values), nan_ok=True, abs=1e-9)
        for name, most in (("AR1", 1), ("AR10", 10)):
            recalls = []
            for overlap in OVERLAPS.tolist():
                right, objects = literal.CocoRule(overlap, most=most).right_or_wrong(things, found, case.images)
                recalls.append(sum(right) / objects if objects else math.nan)
            assert result.per_class[number].numbers[name] == pytest.approx(np.mean(recalls), nan_ok=True, abs=1e-9)


@settings(max_examples=80, deadline=None)
@given(cases(difficult=True, crowd=True))
def test_coco_is_what_its_rule_says_detection_by_detection(case: Case) -> None:
    _check_coco_literally(case, evaluate_coco(data_set(case), found_table(case)))


def _check_against_pycocotools(case: Case) -> None:
    expected, precision = pycocotools_says(*coco_dicts(case))
    result = evaluate_coco(data_set(case), found_table(case))
    ours = [-1.0 if math.isnan(result.numbers[name]) else result.numbers[name] for name in COCO_NUMBERS]
    assert ours == expected  # every bit
    for number in range(case.classes):
        own = precision[:, :, number, 0, 2]
        present = own[own > -1]
        ap = result.per_class[number].ap
        assert (math.isnan(ap) and not present.size) or ap == np.mean(present)


@settings(max_examples=100, deadline=None)
@given(cases(difficult=False, crowd=True).filter(lambda case: bool(case.found)))
def test_coco_equals_pycocotools_to_the_last_digit(case: Case) -> None:
    _check_against_pycocotools(case)


@pytest.mark.parametrize("seed", range(3))
def test_coco_equals_pycocotools_on_crowded_images(seed: int) -> None:
    """More than a hundred detections of a class in an image, equal scores everywhere."""
    _check_against_pycocotools(random_case(seed, classes=3, images=8, things=200, found=6000))


def _image(case: Case) -> ImageOutcome:
    (outcome,) = evaluate_voc(data_set(case), found_table(case)).outcomes
    (twin,) = evaluate_coco(data_set(case), found_table(case)).outcomes
    for name in ("verdicts", "partners", "missed"):
        assert getattr(outcome, name).tolist() == getattr(twin, name).tolist()
    return outcome


def test_an_image_tells_what_was_matched_missed_and_false() -> None:
    things = (
        (0, literal.Thing(0, (0, 0, 10, 10))),
        (1, literal.Thing(0, (50, 0, 60, 10))),
        (0, literal.Thing(0, (20, 0, 30, 10))),
        (0, literal.Thing(0, (70, 0, 90, 20), difficult=True)),
    )
    found = (
        (0, literal.Found(0, (70, 0, 90, 19), 0.95)),  # on the difficult one
        (0, literal.Found(0, (20, 0, 30, 11), 0.3)),  # right
        (0, literal.Found(0, (20, 0, 30, 12), 0.2)),  # the same object again
        (0, literal.Found(0, (50, 0, 60, 10), 0.9)),  # an object, but of another class
        (0, literal.Found(0, (0, 0, 4, 10), 0.8)),  # too little of one
    )
    outcome = _image(Case(2, 1, things, found))
    assert outcome.verdicts.tolist() == [
        Verdict.IGNORED,
        Verdict.MATCHED,
        Verdict.FALSE,
        Verdict.FALSE,
        Verdict.FALSE,
    ]
    assert outcome.partners.tolist() == [3, 2, -1, -1, -1]
    assert outcome.missed.tolist() == [0, 1]


def test_nothing_found_is_no_precision_and_no_objects_is_no_number() -> None:
    thing = (0, literal.Thing(0, (0, 0, 10, 10), area=100))
    nothing_found = Case(2, 2, (thing,), ())
    for rule in VOC_RULES:
        result = evaluate_voc(data_set(nothing_found), found_table(nothing_found), rule)
        assert (result.per_class[0].ap, result.mean_ap) == (0.0, 0.0)
        assert math.isnan(result.per_class[1].ap)
    coco = evaluate_coco(data_set(nothing_found), found_table(nothing_found))
    assert (coco.mean_ap, coco.numbers["AR100"]) == (0.0, 0.0)
    assert math.isnan(coco.numbers["APl"])
    nothing_there = Case(1, 1, (), ((0, literal.Found(0, (0, 0, 5, 5), 0.5)),))
    assert math.isnan(evaluate_voc(data_set(nothing_there), found_table(nothing_there)).mean_ap)
    assert all(map(math.isnan, evaluate_coco(data_set(nothing_there), found_table(nothing_there)).numbers.values()))
    empty = Case(0, 0, (), ())
    assert math.isnan(evaluate_voc(data_set(empty), found_table(empty)).mean_ap)
    assert evaluate_coco(data_set(empty), found_table(empty)).outcomes == ()


def test_a_devkit_overlap_of_exactly_one_half_counts() -> None:
    """``VOCevaldet.m`` says ``>=``; scripts written after it say ``>``."""
    half = Case(1, 1, ((0, literal.Thing(0, (0, 0, 9, 9))),), ((0, literal.Found(0, (0, 0, 9, 4), 0.5)),))
    assert evaluate_voc(data_set(half), found_table(half)).mean_ap == 1.0
