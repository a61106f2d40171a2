"""One NMS for all groups equals the greedy loop of the paper, spelled out, and torchvision's."""

from __future__ import annotations

import tracemalloc
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torchvision.ops import batched_nms as torchvision_batched_nms

from detector import nms, postprocess_torch
from detector.nms import batched_nms, float32_limit

Boxes = npt.NDArray[np.float32]
Groups = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def greedy(boxes: Boxes, groups: Groups, threshold: float) -> Mask:
    """The textbook: take the best left, drop those of its group it overlaps, repeat."""
    kept = np.zeros(len(boxes), dtype=bool)
    left = list(range(len(boxes)))
    while left:
        best = left.pop(0)
        kept[best] = True
        left = [i for i in left if groups[i] != groups[best] or not overlap(boxes[best], boxes[i]) > threshold]
    return kept


def overlap(a: Boxes, b: Boxes) -> float:
    width = max(np.minimum(a[2], b[2]) - np.maximum(a[0], b[0]), np.float32(0))
    height = max(np.minimum(a[3], b[3]) - np.maximum(a[1], b[1]), np.float32(0))
    both = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return float(both / union) if union > 0 else 0.0


def by_torch(boxes: Boxes, groups: Groups, threshold: float) -> Mask:
    """Ours on tensors, behind two more rows of padding."""
    padded = torch.zeros(1, len(boxes) + 2, 4)
    padded[0, : len(boxes)] = torch.from_numpy(boxes)
    ids = torch.zeros(1, len(boxes) + 2, dtype=torch.int64)
    ids[0, : len(boxes)] = torch.from_numpy(groups)
    valid = torch.arange(len(boxes) + 2)[None] < len(boxes)
    kept: Mask = postprocess_torch.batched_nms(padded, ids, valid, threshold)[0].numpy()
    assert not kept[len(boxes) :].any()
    return kept[: len(boxes)]


@st.composite
def crowds(draw: st.DrawFn) -> tuple[Boxes, Groups]:
    """Boxes on a coarse lattice, so that equal, touching, nested and empty ones are common."""
    count = draw(st.integers(0, 40))
    corner = draw(hnp.arrays(np.int8, (count, 2), elements=st.integers(0, 12)))
    size = draw(hnp.arrays(np.int8, (count, 2), elements=st.integers(0, 9)))
    groups = draw(hnp.arrays(np.int64, count, elements=st.integers(0, 3)))
    return np.concatenate((corner, corner + size), axis=1).astype(np.float32), groups


def random_crowd(seed: int, count: int, groups: int) -> tuple[Boxes, Groups]:
    """Boxes clustered as a detector leaves them, pixels."""
    rng = np.random.default_rng(seed)
    hub = rng.uniform(50, 450, (max(1, count // 12), 2))
    centre = hub[rng.integers(0, len(hub), count)] + rng.normal(0, 12, (count, 2))
    half = rng.uniform(10, 60, (count, 2))
    return np.concatenate((centre - half, centre + half), axis=1).astype(np.float32), rng.integers(0, groups, count)


@settings(deadline=None, max_examples=150)
@given(crowds(), st.sampled_from([0.0, 0.25, 0.3, 0.45, 0.5, 0.55, 0.75, 1.0]))
def test_equals_the_greedy_loop(crowd: tuple[Boxes, Groups], threshold: float) -> None:
    expected = greedy(*crowd, threshold)
    np.testing.assert_array_equal(batched_nms(*crowd, threshold), expected)
    np.testing.assert_array_equal(by_torch(*crowd, threshold), expected)


@settings(deadline=None, max_examples=40)
@given(crowds(), st.integers(1, 60), st.integers(1, 9))
def test_comparing_in_small_pieces_changes_nothing(
    crowd: tuple[Boxes, Groups], pairs_at_a_time: int, leaders: int
) -> None:
    expected = greedy(*crowd, 0.45)
    with (
        mock.patch.object(nms, "_CHUNK", pairs_at_a_time),
        mock.patch.object(nms, "_LEADERS", leaders),
        mock.patch.object(postprocess_torch, "_PAIRS_AT_A_TIME", pairs_at_a_time),
    ):
        np.testing.assert_array_equal(batched_nms(*crowd, 0.45), expected)
        np.testing.assert_array_equal(by_torch(*crowd, 0.45), expected)


@pytest.mark.parametrize(("count", "groups"), [(300, 1), (900, 20), (3000, 90)])
@pytest.mark.parametrize("threshold", [0.3, 0.45])
def test_equals_torchvision(count: int, groups: int, threshold: float) -> None:
    boxes, ids = random_crowd(count, count, groups)
    scores = torch.linspace(1, 0.1, count)
    # Class by class: moving the classes apart, torchvision's other way, rounds the boxes.
    expected = np.zeros(count, dtype=bool)
    for group in range(groups):
        mine = torch.from_numpy(np.flatnonzero(ids == group))
        corners = torch.from_numpy(boxes)[mine]
        keep = torchvision_batched_nms(corners, scores[mine], torch.zeros(len(mine), dtype=torch.int64), threshold)
        expected[mine[keep].numpy()] = True
    assert 0 < expected.sum() < count
    np.testing.assert_array_equal(batched_nms(boxes, ids, threshold), expected)
    np.testing.assert_array_equal(by_torch(boxes, ids, threshold), expected)


def test_a_long_chain_settles_from_the_best_down() -> None:
    """Each box suppresses the next alone: every other one stays."""
    left = np.arange(200, dtype=np.float32) * 3
    boxes = np.stack((left, np.zeros_like(left), left + 10, np.full_like(left, 10)), axis=1)
    groups = np.zeros(200, dtype=np.int64)
    expected = np.arange(200) % 2 == 0
    np.testing.assert_array_equal(batched_nms(boxes, groups, 0.45), expected)
    np.testing.assert_array_equal(by_torch(boxes, groups, 0.45), expected)


def test_thirty_six_thousand_boxes_fit_in_little_memory() -> None:
    """As many as 90 classes of 400 can leave: 7 million pairs."""
    boxes, _ = random_crowd(0, 36_000, 1)
    groups = np.repeat(np.arange(90), 400)
    tracemalloc.start()
    try:
        kept = batched_nms(boxes, groups, 0.45)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0 < kept.sum() < len(boxes)
    assert peak_bytes < 64 * 2**20


def test_boxes_past_all_measure_suppress_nothing() -> None:
    boxes = np.array([[-3e38, -3e38, 3e38, 3e38], [-3e38, -3e38, 3e38, 3e38], [0, 0, 1e30, 1e30]], np.float32)
    groups = np.zeros(3, np.int64)
    assert batched_nms(boxes, groups, 0.5).tolist() == by_torch(boxes, groups, 0.5).tolist() == [True] * 3


def test_nothing_and_one() -> None:
    none = np.empty((0, 4), np.float32)
    assert batched_nms(none, np.empty(0, np.int64), 0.5).shape == (0,)
    assert batched_nms(np.ones((1, 4), np.float32), np.zeros(1, np.int64), 0.5).tolist() == [True]


@settings(deadline=None, max_examples=200)
@given(st.floats(0, 1), st.floats(0, 1, width=32))
def test_the_limit_in_single_precision_says_the_same(threshold: float, value: float) -> None:
    assert (np.float32(value) > float32_limit(threshold)) == (value > threshold)
    near = np.nextafter(np.float32(threshold), np.float32(2))
    assert (near > float32_limit(threshold)) == (float(near) > threshold)
