"""The form of post-processing for CUDA graphs says what the numpy form says; what it cannot say, it tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import postprocess_fixed
from detector.detections import Candidates
from detector.nms import batched_nms, float32_limit
from detector.postprocess import postprocess
from detector.postprocess_fixed import postprocess_fixed as fixed
from detector.postprocess_fixed import unpack
from detector.spec import PostprocessSpec

Floats = npt.NDArray[np.float32]
Predictions = tuple[Floats, Floats, Floats]

SIZE = (360, 640)
RULES = (
    PostprocessSpec(),
    PostprocessSpec(score_floor=0.001, iou_threshold=0.55, top_k=7, clip=True, max_log_size=4.135),
    PostprocessSpec(score_floor=0.3, iou_threshold=0.3, top_k=3),
    PostprocessSpec(score_floor=0.6, iou_threshold=0.0, clip=True),
    PostprocessSpec(score_floor=0.0, iou_threshold=1.0, top_k=1000),
)


def rows_of(
    predictions: Predictions, rule: PostprocessSpec, iou: float, capacity: int, floor: torch.Tensor | None = None
) -> Floats:
    locs, logits, defaults = (torch.from_numpy(array) for array in predictions)
    extent = torch.tensor([SIZE[1], SIZE[0], SIZE[1], SIZE[0]], dtype=torch.float32)
    limit = torch.tensor(float(float32_limit(iou)))
    rows: Floats = fixed(locs, logits, defaults, rule, extent, limit, floor=floor, capacity=capacity).numpy()
    return rows


def run(
    predictions: Predictions, rule: PostprocessSpec, iou: float | None = None, capacity: int = 1024
) -> list[Candidates | None]:
    limit = rule.iou_threshold if iou is None else iou
    return unpack(rows_of(predictions, rule, limit, capacity), limit, capacity)


def by_numpy(predictions: Predictions, rule: PostprocessSpec, iou: float | None = None) -> list[Candidates]:
    return postprocess(*predictions, rule, [SIZE] * len(predictions[0]), iou)


def assert_same(found: Candidates | None, wanted: Candidates) -> None:
    assert found is not None
    assert len(found) == len(wanted)
    np.testing.assert_allclose(found.scores, wanted.scores, rtol=1e-5)
    np.testing.assert_array_equal(found.class_ids, wanted.class_ids)
    np.testing.assert_allclose(found.boxes_xyxy, wanted.boxes_xyxy, rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(found.kept, wanted.kept)
    assert found.iou_threshold == wanted.iou_threshold


@st.composite
def crowds(draw: st.DrawFn) -> Predictions:
    """Predictions whose scores are equal or clearly apart, on boxes that are equal, apart or crowded."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    batch, boxes, classes = draw(st.integers(1, 3)), draw(st.integers(1, 60)), draw(st.integers(2, 7))
    logits = np.broadcast_to(rng.integers(0, 3, classes) * 1.91, (batch, boxes, classes)).copy()
    logits[..., 0] = draw(st.floats(-4, 9)) - 0.37 * rng.integers(0, draw(st.integers(1, 9)), (batch, boxes))
    places = rng.integers(0, draw(st.integers(1, 12)), (boxes, 1))
    defaults = np.concatenate((0.1 + places * 0.07, 0.5 + 0 * places, rng.choice([0.1, 0.2, 0.4], (boxes, 2))), axis=1)
    locs = rng.choice([-1.0, 0.0, 1.0], (batch, boxes, 4)) * draw(st.sampled_from([0.0, 0.5, 3.0]))
    return locs.astype(np.float32), logits.astype(np.float32), defaults.astype(np.float32)


@settings(max_examples=80)
@given(crowds(), st.sampled_from(RULES))
def test_says_what_the_numpy_form_says(predictions: Predictions, rule: PostprocessSpec) -> None:
    for found, wanted in zip(run(predictions, rule), by_numpy(predictions, rule), strict=True):
        assert_same(found, wanted)


@settings(max_examples=60)
@given(crowds(), st.sampled_from(RULES), st.floats(0, 1))
def test_the_floor_may_be_a_number_on_the_device(predictions: Predictions, rule: PostprocessSpec, floor: float) -> None:
    higher = replace(rule, score_floor=floor)
    rows = rows_of(predictions, rule, rule.iou_threshold, 1024, floor=torch.tensor(floor))
    for found, wanted in zip(unpack(rows, rule.iou_threshold, 1024), by_numpy(predictions, higher), strict=True):
        assert_same(found, wanted)


@settings(max_examples=60)
@given(crowds(), st.sampled_from(RULES), st.integers(1, 40))
def test_where_there_is_no_room_it_says_so_and_has_the_beginning(
    predictions: Predictions, rule: PostprocessSpec, capacity: int
) -> None:
    """Up to the last pair looked at, the list is the rule's; among equals of that last one, any may be in it."""
    rows = rows_of(predictions, rule, rule.iou_threshold, capacity)
    whole = by_numpy(predictions, replace(rule, top_k=10**6))
    for image, pairs, wanted in zip(rows, whole, by_numpy(predictions, rule), strict=True):
        assert image[0, 0] == len(pairs)  # all of them, before the cut of each class
        (found,) = unpack(image[None], rule.iou_threshold, capacity)
        if len(pairs) <= capacity:
            assert_same(found, wanted)
            continue
        assert found is None
        last = pairs.scores[capacity - 1]
        sure = int(np.count_nonzero(wanted.scores > last * (1 + 1e-5)))
        head = [[min(image[0, 0], capacity), image[0, 1], 0, 0, 0, 0, 0]]
        beginning = postprocess_fixed.unpack_one(np.r_[head, image[1:]], rule.iou_threshold)
        assert len(beginning) >= sure
        assert wanted.kept is not None
        assert beginning.kept is not None
        np.testing.assert_array_equal(beginning.class_ids[:sure], wanted.class_ids[:sure])
        np.testing.assert_array_equal(beginning.kept[:sure], wanted.kept[:sure])
        np.testing.assert_allclose(beginning.boxes_xyxy[:sure], wanted.boxes_xyxy[:sure], rtol=1e-5, atol=1e-3)


def random_predictions(seed: int, batch: int, boxes: int, classes: int, background: float) -> Predictions:
    rng = np.random.default_rng(seed)
    locs = rng.normal(0, 1.5, (batch, boxes, 4)).astype(np.float32)
    logits = rng.normal(0, 3, (batch, boxes, classes)).astype(np.float32)
    logits[..., 0] += background
    defaults = np.concatenate((rng.uniform(0.1, 0.9, (boxes, 2)), rng.uniform(0.05, 0.5, (boxes, 2))), axis=1)
    return locs, logits, defaults.astype(np.float32)


@pytest.mark.parametrize("iou", [0.0, 0.45, 1.0])
def test_the_sizes_of_a_real_network(iou: float) -> None:
    predictions = random_predictions(1, 2, 8732, 21, 16.0)
    for found, wanted in zip(run(predictions, RULES[0], iou), by_numpy(predictions, RULES[0], iou), strict=True):
        assert 500 < len(wanted) < 1024
        assert_same(found, wanted)


def test_nothing_above_the_floor() -> None:
    for found in run(random_predictions(2, 2, 50, 5, 60.0), PostprocessSpec()):
        assert found is not None
        assert len(found) == 0


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_broken_numbers_spoil_the_same_boxes_as_in_numpy(poison: float) -> None:
    for rule in (PostprocessSpec(), PostprocessSpec(clip=True, top_k=5), PostprocessSpec(max_log_size=4.1)):
        locs, logits, defaults = random_predictions(3, 1, 40, 4, -3.0)
        logits[0, 3], locs[0, 9, 2], locs[0, 11] = poison, poison, poison
        (found,), (wanted,) = run((locs, logits, defaults), rule), by_numpy((locs, logits, defaults), rule)
        assert_same(found, wanted)
        assert np.isfinite(wanted.boxes_xyxy).all()


def test_a_network_that_answers_nothing_but_nan() -> None:
    locs, logits, defaults = random_predictions(4, 1, 40, 4, 0.0)
    (found,) = run((locs * np.nan, logits * np.nan, defaults), PostprocessSpec())
    assert found is not None
    assert len(found) == 0


def test_a_chain_longer_than_the_rounds_is_finished_on_the_host() -> None:
    """Each box suppresses the next alone: every other one stays, and that takes as many rounds as there are boxes."""
    count = 40
    defaults = np.stack(
        (0.1 + 0.003 * np.arange(count), np.full(count, 0.5), np.full(count, 0.01), np.full(count, 0.1)), 1
    )
    logits = np.stack((np.zeros(count), 5 - 0.01 * np.arange(count)), axis=1)[None]
    predictions = (np.zeros((1, count, 4), np.float32), logits.astype(np.float32), defaults.astype(np.float32))
    rows = rows_of(predictions, PostprocessSpec(), 0.45, 1024)
    assert rows[0, 0, 1] == 0  # not settled
    (found,) = unpack(rows, 0.45)
    assert found is not None
    assert found.kept is not None
    assert np.flatnonzero(found.kept).tolist() == list(range(0, count, 2))
    short = tuple(array[:, :4] if array.ndim == 3 else array[:4] for array in predictions)
    assert rows_of(short, PostprocessSpec(), 0.45, 1024)[0, 0, 1] == 1


def test_one_shape_whatever_it_finds() -> None:
    shapes = {rows_of(random_predictions(5, 2, 400, 6, b), RULES[0], 0.45, 512).shape for b in (-9.0, 3.0, 90.0)}
    assert shapes == {(2, 513, 7)}
    assert rows_of(random_predictions(5, 2, 10, 6, 0.0), RULES[0], 0.45, 512).shape == (2, 51, 7)


def test_images_done_a_few_at_a_time_are_done_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    predictions = random_predictions(6, 5, 300, 6, 3.0)
    together = rows_of(predictions, RULES[1], 0.45, 256)
    monkeypatch.setattr(postprocess_fixed, "PAIRS_AT_A_TIME", 2 * 256**2)
    np.testing.assert_array_equal(rows_of(predictions, RULES[1], 0.45, 256), together)


def test_marks_are_those_of_the_greedy_loop() -> None:
    (found,) = run(random_predictions(7, 1, 3000, 4, 10.0), RULES[0])
    assert found is not None
    assert len(found) > 300
    np.testing.assert_array_equal(found.kept, batched_nms(found.boxes_xyxy, found.class_ids, 0.45))
