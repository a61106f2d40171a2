"""What ``everyday`` is fine-tuned by, against the same thing written out a default box at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from detector.training.batches import Batch
from detector.training.matcher import PADDING, Matcher, Targets
from detector.training.order import Pick
from tests.support.one_thread import one_thread
from tests.support.training_sets import SPEC
from tools.everyday.criterion import DistillingCriterion, labelled_classes
from tools.everyday.schedules import Distillation

CLASSES = 4  # with the background


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


class Case:
    """A prediction, its targets and the start's answer; targets come without a matcher.

    Args:
        seed: Of the numbers.
        images: Of the batch.
        boxes: Default boxes of each.
        matched: Of all of them.
    """

    def __init__(self, seed: int, images: int = 2, boxes: int = 7, matched: int = 3) -> None:
        rng = np.random.default_rng(seed)
        locs, wanted, old_locs = rng.normal(0, 1.5, (3, images, boxes, 4)).astype(np.float32)
        logits, old_logits = rng.normal(0, 2, (2, images, boxes, CLASSES)).astype(np.float32)
        old_logits[..., 0] += rng.choice([0, 4], (images, boxes)).astype(np.float32)  # mostly background
        classes = np.zeros(images * boxes, np.int64)
        classes[rng.permutation(len(classes))[:matched]] = rng.integers(1, CLASSES, min(matched, len(classes)))
        self.locs = torch.from_numpy(locs).requires_grad_()
        self.logits = torch.from_numpy(logits).requires_grad_()
        self.targets = Targets(torch.from_numpy(wanted), torch.from_numpy(classes.reshape(images, boxes)))
        self.old_locs, self.old_logits = torch.from_numpy(old_locs), torch.from_numpy(old_logits)
        self.labelled = torch.from_numpy(rng.random((5, CLASSES - 1)) < 0.5)  # of a set of five images
        self.picks = [Pick(0, int(index)) for index in rng.integers(0, 5, images)]

    def __call__(self, keep: Distillation, ratio: int = 3) -> tuple[Tensor, Tensor]:
        images = torch.zeros(len(self.picks), 3, 2, 2)
        criterion = DistillingCriterion(
            cast(Matcher, lambda _boxes, _ids: self.targets),
            lambda _images: (1 * self.old_locs, 1 * self.old_logits),  # as a network that computes them
            self.labelled,
            keep,
            ratio,
        )
        none = torch.zeros(len(images), 0, 4), torch.zeros(len(images), 0, dtype=torch.int64)
        losses = criterion(images, self.locs, self.logits, Batch(images, *none, self.picks))
        return losses.localisation, losses.confidence

    def literal(self, keep: Distillation, ratio: int = 3) -> tuple[Tensor, Tensor]:
        """The same, one default box after the other, in double precision."""
        locs, logits = self.locs.double(), self.logits.double()
        boxes = found = distilled = moved = mass = missed = torch.zeros((), dtype=torch.float64)
        count = 0
        for image, pick in enumerate(self.picks):
            hard: list[Tensor] = []
            objects = 0
            for box, number in enumerate(self.targets.classes[image].tolist()):
                cost = -(logits[image, box] - logits[image, box].exp().sum().log())  # -log p of each class
                old = self.old_logits[image, box].double().softmax(0)
                if number:
                    objects += 1
                    for index in range(CLASSES):
                        wanted = (1 - keep.softness) * (index == number) + keep.softness * old[index]
                        found = found + wanted * cost[index]
                    boxes = boxes + smooth(locs[image, box] - self.targets.locs[image, box])
                    continue
                share = [keep.kept if known else 1.0 for known in self.labelled[pick.index].tolist()]
                believed = [old[index + 1] * share[index] for index in range(CLASSES - 1)]
                foreign = torch.stack(believed).sum()
                for probability, price in zip([1 - foreign, *believed], cost, strict=True):
                    distilled = distilled + probability * (probability.log() + price)
                mass = mass + foreign
                moved = moved + foreign * smooth(locs[image, box] - self.old_locs[image, box])
                if 1 - old[0] < keep.sure:
                    hard.append(cost[0])
            count += objects
            for one in sorted(hard, key=lambda price: price.item(), reverse=True)[: ratio * objects]:
                missed = missed + one
        scale = max(count, 1) + mass
        place = boxes / max(count, 1) + keep.weight * moved / scale
        return keep.box_weight * place, (found + missed) / max(count, 1) + keep.weight * distilled / scale


def smooth(difference: Tensor) -> Tensor:
    far = difference.abs()
    return torch.where(far < 1, 0.5 * far**2, far - 0.5).sum()


KEEPS = st.builds(
    Distillation,
    weight=st.floats(0, 4),
    kept=st.floats(0.01, 1),
    softness=st.floats(0, 0.5),
    sure=st.floats(0, 1),
    box_weight=st.floats(0.1, 2),
)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), matched=st.integers(0, 14), keep=KEEPS, ratio=st.integers(0, 4))
def test_values_and_gradients_are_those_of_the_literal_sum(
    seed: int, matched: int, keep: Distillation, ratio: int
) -> None:
    case = Case(seed, matched=matched)
    fast, slow = case(keep, ratio), case.literal(keep, ratio)
    for one, other in zip(fast, slow, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-5)
    inputs = (case.locs, case.logits)
    wanted = torch.autograd.grad(slow[0] + slow[1], inputs, allow_unused=True)
    for one, other in zip(torch.autograd.grad(fast[0] + fast[1], inputs), wanted, strict=True):
        torch.testing.assert_close(one, torch.zeros_like(one) if other is None else other, rtol=1e-3, atol=1e-5)


def test_where_labels_are_silent_the_starts_own_answer_costs_nothing() -> None:
    case = Case(1, images=1, boxes=4, matched=0)
    case.labelled[:] = False
    case.logits.data.copy_(case.old_logits)
    case.locs.data.copy_(case.old_locs)
    place, kind = case(Distillation())
    assert place.item() == pytest.approx(0, abs=1e-6)
    assert kind.item() == pytest.approx(0, abs=1e-6)
    for gradient in torch.autograd.grad(place + kind, (case.locs, case.logits)):
        assert float(gradient.abs().max()) < 1e-6


def test_of_a_labelled_class_without_a_label_only_a_share_is_believed() -> None:
    case = Case(2, images=1, boxes=1, matched=0)
    case.old_logits = torch.tensor([[[0.1, 0.6, 0.3, 1e-9]]]).log()
    case.labelled = torch.tensor([[True, False, False]])
    case.picks = [Pick(0, 0)]
    keep = Distillation(kept=0.2, sure=0.0)
    case.logits.data = torch.tensor([[[0.58, 0.12, 0.3, 1e-9]]]).log()  # a fifth of the first class, all of the second
    assert case(keep)[1].item() == pytest.approx(0, abs=1e-6)
    case.logits.data = case.old_logits.clone()
    assert case(keep)[1].item() > 0.5


def test_background_is_taught_only_where_not_even_the_start_sees_something() -> None:
    case = Case(3, images=1, boxes=3, matched=0)
    case.targets.classes[0, 0] = 2
    case.old_logits = torch.tensor([[[0.0, 9, 0, 0], [0.0, 9, 0, 0], [9.0, 0, 0, 0]]])
    keep = Distillation(weight=0.0)
    (gradient,) = torch.autograd.grad(case(keep)[1], case.logits)
    assert float(gradient[0, 1].abs().max()) == 0, "the start sees something there, and no label says what"
    assert float(gradient[0, 2, 0]) < 0, "more background"


def test_the_start_learns_nothing() -> None:
    case = Case(4)
    case.old_logits.requires_grad_()
    case.old_locs.requires_grad_()
    torch.autograd.backward(list(case(Distillation())))
    assert case.logits.grad is not None
    assert case.old_logits.grad is None
    assert case.old_locs.grad is None


@pytest.mark.parametrize("certain", [False, True])
def test_nothing_matched_is_a_finite_cost(certain: bool) -> None:
    case = Case(5, matched=0)
    if certain:
        case.old_logits = torch.full_like(case.old_logits, -200.0)
        case.old_logits[..., 0] = 0.0  # its probabilities of objects are zero in float32
    place, kind = case(Distillation())
    assert bool(torch.isfinite(torch.stack((place, kind))).all())
    for gradient in torch.autograd.grad(place + kind, (case.locs, case.logits)):
        assert bool(torch.isfinite(gradient).all())


def test_objects_are_given_to_default_boxes_by_the_matcher() -> None:
    assert SPEC.config is not None
    matcher = Matcher(SPEC.config)
    boxes, ids = torch.tensor([[[0.1, 0.1, 0.6, 0.7], [0.0, 0.0, 0.0, 0.0]]]), torch.tensor([[1, PADDING]])
    count = SPEC.config.num_boxes
    logits = torch.zeros(1, count, CLASSES, requires_grad=True)
    criterion = DistillingCriterion(
        matcher,
        lambda _images: (torch.zeros(1, count, 4), torch.tensor([20.0, 0, 0, 0]).expand(1, count, 4)),
        torch.ones(1, CLASSES - 1, dtype=torch.bool),
        Distillation(softness=0.0),
    )
    batch = Batch(torch.zeros(1, 3, 2, 2), boxes, ids, [Pick(0, 0)])
    losses = criterion(batch.images_bgr, torch.zeros(1, count, 4), logits, batch)
    (gradient,) = torch.autograd.grad(losses.confidence, logits)
    matched = matcher(boxes, ids).classes[0] == 2
    assert bool(matched.any())
    assert bool((gradient[0, matched, 2] < 0).all()), "more of the object's class where it was matched"
    assert bool((gradient[0, ~matched, 2] > 0).all()), "less of it elsewhere"


def test_which_classes_an_image_labels_follows_its_set() -> None:
    table = labelled_classes((2, 0, 3), ((0, 2), (), (1,)), 4)
    assert table.tolist() == [[True, False, True, False]] * 2 + [[False, True, False, False]] * 3
    assert table.dtype == torch.bool
