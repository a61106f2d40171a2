"""The demo's training parts against the rule written out slowly."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.box_coder import BoxCoder
from detector.boxes import cxcywh_to_xyxy
from detector.default_boxes import default_boxes
from detector.detections import Detections
from detector.models.ssd import L2Norm
from tools.demo.evaluate import average_precision
from tools.demo.multibox import UNMATCHED, hard_negatives, match, multibox_loss
from tools.demo.samples import CONFIG, Sampler, scenes
from tools.demo.shapes import CLASSES
from tools.demo.train import Recipe, Run, new_network

Boxes = npt.NDArray[np.float32]


def slow_iou(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    shared = float(wide) * float(high)
    return shared / (float((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])) - shared)


def slow_match(defaults: Boxes, boxes: Boxes) -> list[int]:
    """Matching as the paper tells it, one pair at a time."""
    result = [UNMATCHED] * len(defaults)
    free_boxes, free_defaults = set(range(len(boxes))), set(range(len(defaults)))
    while free_boxes and free_defaults:
        pairs = [(slow_iou(boxes[g], defaults[d]), g, d) for g in free_boxes for d in free_defaults]
        overlap, g, d = max(pairs)
        if overlap <= 0:
            break
        result[d] = g
        free_boxes.remove(g)
        free_defaults.remove(d)
    for d in free_defaults:
        overlaps = [slow_iou(box, defaults[d]) for box in boxes]
        if overlaps and max(overlaps) >= 0.5:
            result[d] = int(np.argmax(overlaps))
    return result


@st.composite
def random_boxes(draw: st.DrawFn, fewest: int, most: int) -> Boxes:
    """Boxes with distinct real coordinates: ties in overlap, where any answer is right, do not occur."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(fewest, most))
    corner, side = rng.uniform(0, 0.7, (count, 2)), rng.uniform(0.05, 0.5, (count, 2))
    return np.concatenate((corner, corner + side), axis=1).astype(np.float32)


@settings(max_examples=100, deadline=None)
@given(random_boxes(1, 25), random_boxes(0, 6))
def test_matching_is_the_papers(defaults: Boxes, boxes: Boxes) -> None:
    assert match(defaults, boxes).tolist() == slow_match(defaults, boxes)


def test_two_objects_that_want_the_same_default_box_both_get_one() -> None:
    defaults = np.array([[0, 0, 1, 1], [0.7, 0.7, 1.7, 1.7]], np.float32)
    boxes = np.array([[0, 0, 1, 0.9], [0.1, 0.1, 1, 1]], np.float32)
    assert match(defaults, boxes).tolist() == [0, 1]


def test_negatives_are_the_hardest_three_for_each_positive_of_the_image() -> None:
    loss = torch.tensor([[0.1, 5.0, 0.3, 9.0, 0.2, 0.4], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    positive = torch.tensor([[False, False, False, True, False, False], [False] * 6])
    chosen = hard_negatives(loss, positive)
    assert chosen.tolist() == [[False, True, True, False, False, True], [False] * 6]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(4, 30), st.integers(0, 12))
def test_loss_is_equation_1(seed: int, images: int, boxes: int, positives: int) -> None:
    rng = np.random.default_rng(seed)
    locs, targets = rng.normal(0, 2, (2, images, boxes, 4))
    logits = rng.normal(0, 2, (images, boxes, 4))
    classes = np.zeros((images, boxes), np.int64)
    classes.ravel()[rng.permutation(images * boxes)[:positives]] = rng.integers(1, 4, min(positives, images * boxes))

    localisation = classification = 0.0
    for image in range(images):
        cross = [-math.log(math.exp(row[0]) / sum(map(math.exp, row))) for row in logits[image]]
        mine = [p for p in range(boxes) if classes[image, p] > 0]
        others = sorted((p for p in range(boxes) if classes[image, p] == 0), key=lambda p: -cross[p])
        for p in mine:
            row = logits[image, p]
            classification -= math.log(math.exp(row[classes[image, p]]) / sum(map(math.exp, row)))
            for error in np.abs(locs[image, p] - targets[image, p]):
                localisation += 0.5 * error**2 if error < 1 else error - 0.5
        classification += sum(cross[p] for p in others[: 3 * len(mine)])
    count = max(int((classes > 0).sum()), 1)

    got = multibox_loss(*(torch.from_numpy(a) for a in (locs, logits, targets, classes)))
    assert [float(term) for term in got] == pytest.approx([localisation / count, classification / count])


def test_pictures_without_objects_cost_nothing_and_have_a_gradient() -> None:
    locs, logits = torch.randn(1, 8, 4, requires_grad=True), torch.randn(1, 8, 3, requires_grad=True)
    terms = multibox_loss(locs, logits, torch.zeros(1, 8, 4), torch.zeros(1, 8, dtype=torch.int64))
    assert [term.item() for term in terms] == [0.0, 0.0]
    torch.autograd.backward(terms[0] + terms[1])
    assert locs.grad is not None
    assert float(locs.grad.abs().sum()) == 0.0


def test_targets_decode_to_the_objects() -> None:
    scene = next(iter(scenes(11, 1)))
    locs, classes = Sampler().targets(scene.boxes_xyxy, scene.class_ids)
    defaults = default_boxes(CONFIG)
    positive = classes > 0
    decoded = cxcywh_to_xyxy(BoxCoder(CONFIG.variances).decode(locs[positive], defaults[positive])) * 300
    for box, class_id in zip(decoded, classes[positive] - 1, strict=True):
        distance = np.abs(scene.boxes_xyxy - box).max(axis=1)
        assert distance.min() < 0.01
        assert scene.class_ids[distance.argmin()] == class_id
    for box in scene.boxes_xyxy:  # every object has a default box
        assert np.abs(decoded - box).max(axis=1).min() < 0.01


def test_batch_is_what_the_network_expects() -> None:
    batch = Sampler().batch(0, 2)
    assert batch.images.shape == (2, 3, 300, 300)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    blue = next(iter(scenes(0, 1))).image_bgr[..., 0].astype(np.float32)
    np.testing.assert_allclose(batch.images[0, 2].numpy() * 64 + 127.5, blue, atol=1e-3)
    assert batch.locs.shape == (2, 8732, 4)
    assert batch.classes.shape == (2, 8732)


def test_a_stopped_training_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    recipe = Recipe(width=0.0625, batch=2)
    straight, first, second = Run(recipe), Run(recipe), Run(recipe)
    for _ in range(2):
        straight.advance()
    first.advance()
    first.save(tmp_path / "checkpoint.pt")
    second.load(tmp_path / "checkpoint.pt")
    second.advance()
    assert second.step == straight.step == 2
    assert second.images == 4
    for name, tensor in straight.network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], tensor)


def test_learning_rate_warms_up_and_falls() -> None:
    recipe = Recipe(minutes=10.0)
    assert recipe.learning_rate(0, 0.0) == pytest.approx(recipe.peak_lr / recipe.warmup_steps)
    assert recipe.learning_rate(10_000, 300.0) == pytest.approx(recipe.peak_lr / 2, rel=0.02)
    assert recipe.learning_rate(10_000, 600.0) == pytest.approx(recipe.peak_lr * 0.005)


def test_folding_the_normalisation_changes_nothing() -> None:
    torch.manual_seed(3)
    network = new_network(0.0625)
    for _ in range(3):  # statistics that are not the initial ones
        network(torch.randn(2, 3, 300, 300) * 2 + 1)
    network.eval()
    images = torch.randn(1, 3, 300, 300)
    with torch.no_grad():
        before = network(images)
        network.fold_batch_norm()
        after = network(images)
    assert not any("bn" in name for name in network.state_dict())
    for a, b in zip(after, before, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_l2norm_has_a_gradient_where_all_features_are_zero() -> None:
    features = torch.zeros(1, 8, 2, 2, requires_grad=True)
    torch.autograd.backward(L2Norm(8)(features).sum())
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()


def test_average_precision_of_the_truth_is_one_and_of_nothing_is_zero() -> None:
    truths = list(scenes(50, 8))
    perfect = [
        Detections(scene.boxes_xyxy.copy(), np.ones(len(scene.class_ids), np.float32), scene.class_ids.copy())
        for scene in truths
    ]
    assert average_precision(truths, perfect).ap == pytest.approx(1.0)
    assert average_precision(truths, perfect).ap50 == pytest.approx(1.0)
    assert average_precision(truths, [Detections.empty()] * len(truths)).ap50 == 0.0
    wrong = [Detections(d.boxes_xyxy, d.scores, (d.class_ids + 1) % np.int32(len(CLASSES))) for d in perfect]
    assert average_precision(truths, wrong).ap50 < 0.2
