"""The training objective against equation 1 written out slowly, and against torchvision's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.models.detection import ssd as torchvision_ssd
from torchvision.models.detection._utils import BoxCoder as TorchvisionCoder
from torchvision.models.detection._utils import SSDMatcher
from torchvision.ops import box_iou

from detector.config import SSD300_VOC
from detector.training.loss import MultiBoxLoss
from detector.training.matcher import Matcher, Targets
from tests.support.one_thread import one_thread


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tensors this small gain nothing from more, and lose much on a busy machine."""
    with one_thread():
        yield


def random_case(seed: int, images: int, boxes: int, positives: int) -> tuple[Tensor, Tensor, Targets]:
    rng = np.random.default_rng(seed)
    locs, wanted = rng.normal(0, 2, (2, images, boxes, 4)).astype(np.float32)
    # Few different values: costs tie, and the number of negatives must still be exact.
    logits = rng.integers(-2, 3, (images, boxes, 4)).astype(np.float32)
    classes = np.zeros((images, boxes), np.int64)
    classes.ravel()[rng.permutation(images * boxes)[:positives]] = rng.integers(1, 4, min(positives, images * boxes))
    return (
        torch.from_numpy(locs),
        torch.from_numpy(logits),
        Targets(torch.from_numpy(wanted), torch.from_numpy(classes)),
    )


def slow_losses(locs: Tensor, logits: Tensor, targets: Targets, ratio: int) -> tuple[float, float]:
    """Equation 1, a number at a time."""
    localisation = confidence = 0.0
    for image, classes in enumerate(targets.classes.tolist()):
        rows = logits[image].tolist()
        cost = [math.log(sum(map(math.exp, row))) - row[k] for row, k in zip(rows, classes, strict=True)]
        positives = [p for p, k in enumerate(classes) if k]
        for p in positives:
            for error in (locs[image, p] - targets.locs[image, p]).abs().tolist():
                localisation += 0.5 * error**2 if error < 1 else error - 0.5
        others = sorted((cost[p] for p, k in enumerate(classes) if not k), reverse=True)
        confidence += sum(cost[p] for p in positives) + sum(others[: ratio * len(positives)])
    count = max(1, int((targets.classes > 0).sum()))
    return localisation / count, confidence / count


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(4, 30), st.integers(0, 20), st.integers(1, 4))
def test_loss_is_equation_1(seed: int, images: int, boxes: int, positives: int, ratio: int) -> None:
    case = random_case(seed, images, boxes, positives)
    got = [term.item() for term in MultiBoxLoss(ratio)(*case)]
    assert got == pytest.approx(slow_losses(*case, ratio), rel=1e-4, abs=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_loss_and_gradient_are_torchvisions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matcher = Matcher(SSD300_VOC)
    corner = rng.uniform(0, 0.6, (2, 3, 2))
    boxes = torch.from_numpy(np.concatenate((corner, corner + rng.uniform(0.1, 0.4, (2, 3, 2))), axis=2)).float()
    class_ids = torch.from_numpy(rng.integers(0, 20, (2, 3)))
    torch.manual_seed(seed % 2**31)
    overlaps = [box_iou(image, matcher.defaults_xyxy) for image in boxes]
    assume(all(len(image.argmax(dim=1).unique()) == 3 for image in overlaps))  # else theirs loses an object
    locs, logits = torch.randn(2, 8732, 4, requires_grad=True), torch.randn(2, 8732, 21, requires_grad=True)
    ours = MultiBoxLoss()(locs, logits, matcher(boxes, class_ids))
    our_gradients = torch.autograd.grad(ours.localisation + ours.confidence, (locs, logits))

    anchors = [matcher.defaults_xyxy] * 2
    matches = [SSDMatcher(0.5)(image) for image in overlaps]
    theirs = torchvision_ssd.SSD.compute_loss(
        cast(
            torchvision_ssd.SSD, SimpleNamespace(box_coder=TorchvisionCoder((10.0, 10.0, 5.0, 5.0)), neg_to_pos_ratio=3)
        ),
        [{"boxes": b, "labels": k + 1} for b, k in zip(boxes, class_ids, strict=True)],
        {"bbox_regression": locs, "cls_logits": logits},
        anchors,
        [m.clamp_min(-1) for m in matches],
    )
    torch.testing.assert_close(ours.localisation, theirs["bbox_regression"], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.confidence, theirs["classification"], rtol=1e-5, atol=1e-5)
    their_gradients = torch.autograd.grad(theirs["bbox_regression"] + theirs["classification"], (locs, logits))
    for mine, other in zip(our_gradients, their_gradients, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


def test_gradient_is_the_slope() -> None:
    locs, logits, targets = random_case(3, 2, 6, 3)
    locs, logits = locs.double(), (logits + torch.randn(logits.shape) * 0.1).double()

    def total(change: float, at: tuple[int, int, int]) -> float:
        moved = logits.clone()
        moved[at] += change
        return sum(slow_losses(locs, moved, targets, 3))

    leaf = logits.float().requires_grad_()
    losses = MultiBoxLoss()(locs.float(), leaf, targets)
    (gradient,) = torch.autograd.grad(losses.localisation + losses.confidence, leaf)
    for at in ((0, 0, 0), (0, 3, 1), (1, 2, 2), (1, 5, 0)):
        slope = (total(1e-4, at) - total(-1e-4, at)) / 2e-4
        assert gradient[at].item() == pytest.approx(slope, abs=1e-3)


def test_images_without_objects_cost_nothing_and_have_a_gradient() -> None:
    locs, logits = torch.randn(1, 8, 4, requires_grad=True), torch.randn(1, 8, 3, requires_grad=True)
    losses = MultiBoxLoss()(locs, logits, Targets(torch.zeros(1, 8, 4), torch.zeros(1, 8, dtype=torch.int64)))
    assert [term.item() for term in losses] == [0.0, 0.0]
    gradients = torch.autograd.grad(losses.localisation + losses.confidence, (locs, logits))
    assert all(float(gradient.abs().sum()) == 0.0 for gradient in gradients)


def test_computes_in_float32_under_autocast() -> None:
    locs, logits, targets = random_case(7, 2, 50, 9)
    exact = MultiBoxLoss()(locs.bfloat16().float(), logits.bfloat16().float(), targets)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = MultiBoxLoss()(locs.bfloat16(), logits.bfloat16(), targets)
    assert mixed.confidence.dtype == torch.float32
    assert [term.item() for term in mixed] == [term.item() for term in exact]
