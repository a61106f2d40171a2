"""Post-processing against the rule spelled out class by class, in both its forms, and at its edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import postprocess_torch
from detector.box_coder import BoxCoder
from detector.boxes import cxcywh_to_xyxy
from detector.detections import Candidates, DetectionFilter, floor_for, just_below
from detector.nms import batched_nms
from detector.postprocess import best_first, postprocess
from detector.spec import PostprocessSpec

Floats = npt.NDArray[np.float32]
Sizes = list[tuple[int, int]]
Way = Callable[..., list[Candidates]]

RULES = (
    PostprocessSpec(),
    PostprocessSpec(score_floor=0.001, iou_threshold=0.55, top_k=7, clip=True, max_log_size=4.135),
    PostprocessSpec(score_floor=0.3, iou_threshold=0.3, top_k=3),
    PostprocessSpec(score_floor=0.6, iou_threshold=0.0, top_k=400, clip=True),
    PostprocessSpec(score_floor=0.0, iou_threshold=1.0, top_k=1000),
)


def by_numpy(
    locs: Floats,
    logits: Floats,
    defaults: Floats,
    rule: PostprocessSpec,
    sizes: Sizes,
    iou_threshold: float | None = None,
) -> list[Candidates]:
    return postprocess(locs, logits, defaults, rule, sizes, iou_threshold)


def by_torch(
    locs: Floats,
    logits: Floats,
    defaults: Floats,
    rule: PostprocessSpec,
    sizes: Sizes,
    iou_threshold: float | None = None,
) -> list[Candidates]:
    tensors = (torch.from_numpy(array) for array in (locs, logits, defaults))
    extent = torch.tensor(sizes, dtype=torch.float32)
    return postprocess_torch.postprocess(*tensors, rule, extent, iou_threshold).candidates()


both = pytest.mark.parametrize("way", [by_numpy, by_torch])


def literal(logits: Floats, rule: PostprocessSpec) -> list[tuple[float, int, int]]:
    """(score, class, default box) of one image's candidates, best first, by the plainest loops."""
    wide = logits.astype(np.float64)
    odds = np.exp(wide - wide.max(axis=1, keepdims=True))
    scores = odds / odds.sum(axis=1, keepdims=True)
    found = []
    for class_id in range(1, logits.shape[1]):
        passing = [(float(s), class_id - 1, box) for box, s in enumerate(scores[:, class_id]) if s > rule.score_floor]
        found += sorted(passing, key=lambda item: -item[0])[: rule.top_k]
    return sorted(found, key=lambda item: -item[0])


def box_of(locs: Floats, defaults: Floats, rule: PostprocessSpec, size: tuple[int, int]) -> Floats:
    """Float32[P, 4] pixels: every default box decoded."""
    height, width = size
    boxes = cxcywh_to_xyxy(BoxCoder(max_log_size=rule.max_log_size).decode(locs, defaults))
    boxes = boxes * np.asarray((width, height, width, height), np.float32)
    return np.clip(boxes, 0, np.asarray((width, height, width, height), np.float32)) if rule.clip else boxes


def assert_same(found: Candidates, where: Floats, expected: list[tuple[float, int, int]]) -> None:
    """One to one; the order of scores that differ by rounding only is free."""
    assert len(found) == len(expected)
    scores = np.asarray([score for score, _, _ in expected])
    np.testing.assert_allclose(found.scores, scores, rtol=1e-5)
    free = np.ones(len(expected), dtype=bool)
    classes = np.asarray([class_id for _, class_id, _ in expected])
    for box, score, class_id in zip(found.boxes_xyxy, found.scores, found.class_ids, strict=True):
        near = np.isclose(where, box, rtol=1e-5, atol=1e-3).all(axis=1) & np.isclose(scores, score, rtol=1e-5, atol=0)
        partners = np.flatnonzero(free & near & (classes == class_id))
        assert len(partners)
        free[partners[0]] = False


def predictions(seed: int, batch: int, boxes: int, classes: int, background: float) -> tuple[Floats, Floats, Floats]:
    """Random locs, logits and default boxes."""
    rng = np.random.default_rng(seed)
    locs = rng.normal(0, 1.5, (batch, boxes, 4)).astype(np.float32)
    logits = rng.normal(0, 3, (batch, boxes, classes)).astype(np.float32)
    logits[..., 0] += background
    defaults = np.concatenate((rng.uniform(0.1, 0.9, (boxes, 2)), rng.uniform(0.05, 0.5, (boxes, 2))), axis=1)
    return locs, logits, defaults.astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.integers(1, 60),
    st.integers(2, 7),
    st.floats(-4, 9),
    st.sampled_from(RULES),
)
def test_follows_the_rule_spelled_out(
    seed: int, batch: int, boxes: int, classes: int, background: float, rule: PostprocessSpec
) -> None:
    locs, logits, defaults = predictions(seed, batch, boxes, classes, background)
    sizes: Sizes = [(240 + 31 * image, 320 - 17 * image) for image in range(batch)]
    for way in (by_numpy, by_torch):
        for image, found in enumerate(way(locs, logits, defaults, rule, sizes)):
            expected = literal(logits[image], rule)
            where = box_of(locs[image], defaults, rule, sizes[image])[[box for _, _, box in expected]]
            assert_same(found, where, expected)
            assert found.kept is not None
            again = batched_nms(found.boxes_xyxy, found.class_ids, rule.iou_threshold)
            np.testing.assert_array_equal(found.kept, again)


@settings(deadline=None, max_examples=80)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.integers(1, 60),
    st.integers(2, 7),
    st.floats(-4, 9),
    st.sampled_from(RULES),
    st.floats(0, 1),
    st.sampled_from([0.3, 0.45, 0.6]),
)
def test_a_higher_floor_changes_nothing_of_what_scores_more(
    seed: int, batch: int, boxes: int, classes: int, background: float, rule: PostprocessSpec, least: float, iou: float
) -> None:
    predicted = predictions(seed, batch, boxes, classes, background)
    sizes: Sizes = [(240, 320)] * batch
    for way in (by_numpy, by_torch):
        everything = way(*predicted, rule, sizes)
        scores = np.concatenate([found.scores for found in everything])
        if len(scores) and seed % 2:
            least = float(scores[seed % len(scores)])  # a score that is there counts as reached
        higher = replace(rule, score_floor=max(rule.score_floor, just_below(least)))
        for some, whole in zip(way(*predicted, higher, sizes), everything, strict=True):
            assert len(some) == np.count_nonzero(whole.scores >= np.float32(least))
            for wanted in (DetectionFilter(least, rule.iou_threshold), DetectionFilter((1 + least) / 2, iou, None, 9)):
                found, expected = some.detections(wanted), whole.detections(wanted)
                np.testing.assert_array_equal(found.boxes_xyxy, expected.boxes_xyxy)
                np.testing.assert_array_equal(found.scores, expected.scores)
                np.testing.assert_array_equal(found.class_ids, expected.class_ids)


@given(st.floats(0, 1))
def test_the_floor_is_never_above_what_is_wanted(threshold: float) -> None:
    assert floor_for(threshold) <= threshold
    reached = np.float32(threshold)
    assert float(reached) > just_below(threshold) >= float(np.nextafter(reached, np.float32(-1)))


@both
def test_each_image_of_a_batch_is_as_it_is_alone(way: Way) -> None:
    locs, logits, defaults = predictions(3, 3, 200, 21, 4.0)
    sizes: Sizes = [(720, 1280), (100, 100), (333, 250)]
    together = way(locs, logits, defaults, PostprocessSpec(), sizes)
    for image, found in enumerate(together):
        one = slice(image, image + 1)
        (alone,) = way(locs[one], logits[one], defaults, PostprocessSpec(), sizes[one])
        np.testing.assert_allclose(found.boxes_xyxy, alone.boxes_xyxy, rtol=1e-6)
        np.testing.assert_array_equal(found.class_ids, alone.class_ids)
        np.testing.assert_array_equal(found.kept, alone.kept)


@both
def test_the_callers_overlap_limit_replaces_the_models(way: Way) -> None:
    locs, logits, defaults = predictions(5, 1, 300, 4, 0.0)
    default = way(locs, logits, defaults, PostprocessSpec(), [(300, 300)])[0]
    strict = way(locs, logits, defaults, PostprocessSpec(), [(300, 300)], 0.1)[0]
    assert (default.iou_threshold, strict.iou_threshold) == (0.45, 0.1)
    assert strict.kept is not None
    assert default.kept is not None
    assert strict.kept.sum() < default.kept.sum()
    shown = default.detections(DetectionFilter(0.0, 0.1, None, 10_000))
    np.testing.assert_array_equal(shown.scores, strict.scores[strict.kept])


@both
def test_nothing_above_the_floor(way: Way) -> None:
    locs, logits, defaults = predictions(6, 2, 50, 5, 60.0)
    for found in way(locs, logits, defaults, PostprocessSpec(), [(10, 10), (20, 20)]):
        assert len(found) == 0
        assert len(found.detections(DetectionFilter(0.0))) == 0


@both
def test_equal_scores_come_in_class_then_box_order(way: Way) -> None:
    """Whatever sorts them: which of two equals suppresses the other may not depend on the device."""
    logits = np.zeros((1, 6, 3), np.float32)
    logits[..., 0] = -9
    defaults = np.tile(np.asarray([[0.5, 0.5, 0.2, 0.2]], np.float32), (6, 1))
    defaults[:, 0] += np.arange(6, dtype=np.float32) * 0.01
    found = way(np.zeros((1, 6, 4), np.float32), logits, defaults, PostprocessSpec(), [(100, 100)])[0]
    assert found.class_ids.tolist() == [0] * 6 + [1] * 6
    assert found.boxes_xyxy[:6, 0].tolist() == sorted(found.boxes_xyxy[:6, 0].tolist())
    assert found.kept is not None
    assert np.flatnonzero(found.kept).tolist() == [0, 6]


@both
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_broken_numbers_spoil_their_own_box_only(way: Way, poison: float) -> None:
    """An overflow inside the network must neither raise nor hide the rest."""
    locs, logits, defaults = predictions(7, 1, 40, 4, -3.0)
    clean = way(locs, logits, defaults, PostprocessSpec(), [(64, 64)])[0]
    logits[0, 3], locs[0, 9, 2] = poison, poison
    found = way(locs, logits, defaults, PostprocessSpec(), [(64, 64)])[0]
    assert np.isfinite(found.boxes_xyxy).all()
    assert np.isfinite(found.scores).all()
    assert len(clean) - 2 * 3 <= len(found) < len(clean)


@both
def test_a_size_that_overflows_is_no_box_unless_limited(way: Way) -> None:
    locs, logits, defaults = np.zeros((1, 2, 4), np.float32), np.zeros((1, 2, 2), np.float32), np.full((2, 4), 0.5)
    locs[0, 0, 2:] = 1e6
    rule = PostprocessSpec(max_log_size=None)
    assert len(way(locs, logits, defaults.astype(np.float32), rule, [(8, 8)])[0]) == 1
    assert len(way(locs, logits, defaults.astype(np.float32), replace(rule, max_log_size=4.1), [(8, 8)])[0]) == 2


def test_the_tensor_form_keeps_the_best_that_fit() -> None:
    locs, logits, defaults = predictions(8, 2, 100, 6, 0.0)
    sizes: Sizes = [(300, 300), (200, 400)]
    everything = by_numpy(locs, logits, defaults, PostprocessSpec(), sizes)
    tensors = (torch.from_numpy(array) for array in (locs, logits, defaults))
    packed = postprocess_torch.postprocess(*tensors, PostprocessSpec(), torch.tensor(sizes).float(), capacity=32)
    assert packed.rows.shape == (2, 32, 7)
    for some, full in zip(packed.candidates(), everything, strict=True):
        assert len(some) == 32 < len(full)
        np.testing.assert_allclose(some.boxes_xyxy, full.boxes_xyxy[:32], rtol=1e-5, atol=1e-3)
        assert full.kept is not None
        np.testing.assert_array_equal(some.kept, full.kept[:32])


def test_the_tensor_form_has_one_shape_whatever_it_finds() -> None:
    shapes = set()
    for background in (-9.0, 3.0, 90.0):
        locs, logits, defaults = (torch.from_numpy(a) for a in predictions(9, 2, 100, 6, background))
        packed = postprocess_torch.postprocess(locs, logits, defaults, PostprocessSpec(), torch.ones(2, 2))
        shapes.add(tuple(packed.rows.shape))
    assert shapes == {(2, 5 * 100, 7)}


def test_half_precision_predictions_are_finished_in_single() -> None:
    locs, logits, defaults = (torch.from_numpy(a) for a in predictions(10, 1, 100, 6, 2.0))
    rule, size = PostprocessSpec(), torch.full((1, 2), 300.0)
    half = postprocess_torch.postprocess(locs.half(), logits.half(), defaults, rule, size)
    same = postprocess_torch.postprocess(locs.half().float(), logits.half().float(), defaults, rule, size)
    assert half.rows.dtype == torch.float32
    torch.testing.assert_close(half.rows, same.rows)


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    locs, logits, defaults = predictions(11, 1, 20, 3, 0.0)
    for wrong in ((locs[:, 1:], logits, defaults), (locs, logits, defaults[1:])):
        with pytest.raises(ValueError, match="locs"):
            postprocess(*wrong, PostprocessSpec(), [(8, 8)])
    with pytest.raises(ValueError, match="sizes"):
        postprocess(locs, logits, defaults, PostprocessSpec(), [])


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 1e-45, 0.25, 0.5, 1.0])), max_size=40),
    st.sampled_from([1, 1 << 40]),
)
def test_the_best_of_each_group_come_first_and_equals_as_they_came(rows: list[tuple[int, float]], step: int) -> None:
    group = np.asarray([group * step for group, _ in rows], np.intp)
    scores = np.asarray([score for _, score in rows], np.float32)
    assert best_first(group, scores).tolist() == sorted(range(len(rows)), key=lambda i: (group[i], -scores[i]))
