"""Matching of default boxes against the paper's rule written out slowly, and against torchvision where they agree."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.models.detection._utils import BoxCoder as TorchvisionCoder
from torchvision.models.detection._utils import SSDMatcher
from torchvision.ops import box_iou

from detector.box_coder import BoxCoder
from detector.boxes import xyxy_to_cxcywh
from detector.config import SSD300_VOC, SSDLITE320
from detector.default_boxes import default_boxes
from detector.training.matcher import PADDING, UNMATCHED, Matcher, encode, match, pairwise_iou
from tests.support.one_thread import one_thread

_GRID = 8  # whole coordinates, so overlaps tie often and can be compared exactly

Box = tuple[int, int, int, int]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tensors this small gain nothing from more, and lose much on a busy machine."""
    with one_thread():
        yield


@st.composite
def grid_boxes(draw: st.DrawFn, fewest: int, most: int) -> list[Box]:
    corner, side = st.integers(0, _GRID - 1), st.integers(1, _GRID)
    rows = draw(st.lists(st.tuples(corner, corner, side, side), min_size=fewest, max_size=most))
    return [(x, y, x + w, y + h) for x, y, w, h in rows]


def exact_iou(a: Box, b: Box) -> Fraction:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(high, 0)
    return Fraction(shared, (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def slow_match(defaults: list[Box], objects: list[Box]) -> list[int]:
    """One pair at a time; ties go to the object, then to the default box, listed first."""
    result = [UNMATCHED] * len(defaults)
    pairs = [(-exact_iou(o, d), g, p) for g, o in enumerate(objects) for p, d in enumerate(defaults)]
    free_objects, free_defaults = set(range(len(objects))), set(range(len(defaults)))
    for overlap, g, p in sorted(pairs):
        if overlap < 0 and g in free_objects and p in free_defaults:
            result[p] = g
            free_objects.remove(g)
            free_defaults.remove(p)
    for p in free_defaults:
        overlaps = [exact_iou(o, defaults[p]) for o in objects]
        if overlaps and max(overlaps) >= Fraction(1, 2):
            result[p] = overlaps.index(max(overlaps))
    return result


def as_batch(images: list[list[Box]]) -> tuple[Tensor, Tensor]:
    """Boxes and which rows are real; the padding is a box that would match."""
    most = max(map(len, images), default=0)
    boxes = torch.tensor([0.0, 0.0, 4.0, 4.0]).repeat(len(images), most, 1)
    valid = torch.zeros(len(images), most, dtype=torch.bool)
    for row, objects in enumerate(images):
        if objects:
            boxes[row, : len(objects)] = torch.tensor(objects, dtype=torch.float32)
            valid[row, : len(objects)] = True
    return boxes, valid


@settings(max_examples=150, deadline=None)
@given(grid_boxes(1, 20), st.lists(grid_boxes(0, 9), min_size=1, max_size=4))
def test_matching_is_the_papers_for_every_image_of_a_batch(defaults: list[Box], images: list[list[Box]]) -> None:
    boxes, valid = as_batch(images)
    got = match(torch.tensor(defaults, dtype=torch.float32), boxes, valid)
    assert got.tolist() == [slow_match(defaults, objects) for objects in images]


@settings(max_examples=50, deadline=None)
@given(grid_boxes(1, 6))
def test_no_object_is_lost_when_all_want_the_same_default_box(objects: list[Box]) -> None:
    defaults = [(0, 0, 2 * _GRID, 2 * _GRID)] * len(objects)
    boxes, valid = as_batch([objects])
    got = match(torch.tensor(defaults, dtype=torch.float32), boxes, valid)[0].tolist()
    assert sorted(got) == list(range(len(objects)))


class _Counting(TorchDispatchMode):
    """How many operations are launched."""

    def __init__(self) -> None:
        super().__init__()
        self.launched = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.launched += 1
        return func(*args, **(kwargs or {}))


def test_an_accelerator_is_asked_for_no_value_and_gets_few_launches() -> None:
    launched = []
    for objects in (4, 24):
        boxes = torch.empty(32, objects, 4, device="meta")  # it has no values: who asks for one gets an error
        valid = torch.empty(32, objects, dtype=torch.bool, device="meta")
        with _Counting() as counting:
            assert match(torch.empty(8732, 4, device="meta"), boxes, valid).shape == (32, 8732)
        launched.append(counting.launched)
    each = (launched[1] - launched[0]) / 20
    assert each <= 10, "views included"
    assert launched[0] - 4 * each < 80


def test_an_object_beside_every_default_box_stays_without() -> None:
    boxes, valid = as_batch([[(6, 6, 7, 7), (0, 0, 2, 2)]])
    assert match(torch.tensor([[0.0, 0.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0]]), boxes, valid).tolist() == [[1, UNMATCHED]]


@pytest.mark.parametrize("objects", [0, 3])
def test_images_without_objects_match_nothing(objects: int) -> None:
    matcher = Matcher(SSDLITE320)
    targets = matcher(torch.zeros(2, objects, 4), torch.full((2, objects), PADDING))
    assert targets.locs.shape == (2, SSDLITE320.num_boxes, 4)
    assert int(targets.classes.abs().sum()) == 0
    assert float(targets.locs.abs().sum()) == 0.0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 8))
def test_agrees_with_torchvision_where_no_two_objects_share_a_best_default_box(seed: int, count: int) -> None:
    boxes = torch.from_numpy(_random_boxes(seed, count))
    matcher = Matcher(SSD300_VOC)
    overlaps = box_iou(boxes, matcher.defaults_xyxy)
    assume(len(overlaps.argmax(dim=1).unique()) == count)
    theirs = SSDMatcher(0.5)(overlaps).clamp_min(UNMATCHED)
    ours = match(matcher.defaults_xyxy, boxes[None], torch.ones(1, count, dtype=torch.bool))[0]
    assert ours.tolist() == theirs.tolist()


def test_targets_are_the_box_coders_and_torchvisions_codes() -> None:
    boxes = _random_boxes(5, 8732)
    defaults = default_boxes(SSD300_VOC)
    coder = BoxCoder()
    ours = encode(torch.from_numpy(boxes)[None], torch.from_numpy(defaults), torch.tensor(coder.variances))[0]
    np.testing.assert_allclose(ours.numpy(), coder.encode(xyxy_to_cxcywh(boxes), defaults), rtol=2e-5, atol=2e-4)
    theirs = TorchvisionCoder((10.0, 10.0, 5.0, 5.0)).encode_single(
        torch.from_numpy(boxes), Matcher(SSD300_VOC).defaults_xyxy
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)


def test_every_object_of_a_batch_has_default_boxes_that_name_it_and_decode_to_it() -> None:
    boxes = torch.from_numpy(_random_boxes(9, 12)).reshape(3, 4, 4)
    class_ids = torch.arange(12).reshape(3, 4)
    class_ids[1, 2:] = PADDING
    targets = Matcher(SSD300_VOC)(boxes, class_ids)
    defaults = default_boxes(SSD300_VOC)
    for image in range(3):
        named = targets.classes[image]
        assert set(named.tolist()) == {0, *(class_ids[image][class_ids[image] >= 0] + 1).tolist()}
        chosen = (named > 0).numpy()
        decoded = BoxCoder().decode(targets.locs[image].numpy()[chosen], defaults[chosen])
        for code, class_id in zip(decoded, named[chosen] - 1, strict=True):
            wanted = boxes[image][class_ids[image] == class_id].numpy()
            np.testing.assert_allclose(code, xyxy_to_cxcywh(wanted)[0], atol=1e-5)


def test_overlaps_of_boxes_without_area_are_zero_not_nan() -> None:
    point = torch.tensor([[[0.5, 0.5, 0.5, 0.5]]])
    assert pairwise_iou(point, torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 1.0, 1.0]])).tolist() == [[[0.0, 0.0]]]


def _random_boxes(seed: int, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.7, (count, 2))
    return np.concatenate((corner, corner + rng.uniform(0.05, 0.3, (count, 2))), axis=1).astype(np.float32)
