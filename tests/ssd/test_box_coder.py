"""Encoding and decoding undo each other; the numbers are the paper's; the pure box functions agree with plain loops."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from detector import postprocess_torch
from detector.box_coder import BoxCoder
from detector.boxes import area, cxcywh_to_xyxy, iou, xyxy_to_cxcywh

Boxes = npt.NDArray[np.float32]
quickly = settings(deadline=None, max_examples=60)


@st.composite
def centred_boxes(draw: st.DrawFn, count: int) -> Boxes:
    """Float32[count, 4] as (cx, cy, w, h), fractions, from a speck to the whole image."""
    centres = draw(hnp.arrays(np.float32, (count, 2), elements=st.floats(0, 1, width=32)))
    sizes = draw(hnp.arrays(np.float32, (count, 2), elements=st.floats(2**-9, 1.5, width=32)))
    return np.concatenate((centres, sizes), axis=1)


pairs = st.integers(1, 20).flatmap(lambda n: st.tuples(centred_boxes(n), centred_boxes(n)))
variances = st.sampled_from([(0.1, 0.1, 0.2, 0.2), (1.0, 1.0, 1.0, 1.0), (0.05, 0.1, 0.2, 0.4)])


@quickly
@given(pairs, variances)
def test_decoding_undoes_encoding(given_pair: tuple[Boxes, Boxes], scale: tuple[float, float, float, float]) -> None:
    boxes, defaults = given_pair
    coder = BoxCoder(scale)
    again = coder.decode(coder.encode(boxes, defaults), defaults)
    assert again.dtype == np.float32
    np.testing.assert_allclose(again, boxes, atol=1e-5, rtol=1e-5)


@quickly
@given(pairs)
def test_torch_decodes_the_same(given_pair: tuple[Boxes, Boxes]) -> None:
    locs, defaults = given_pair
    decoded = BoxCoder(max_log_size=0.3).decode(locs, defaults)
    tensors = torch.from_numpy(locs)[None], torch.from_numpy(defaults)
    theirs = postprocess_torch.decode(*tensors, (0.1, 0.1, 0.2, 0.2), 0.3)[0].numpy()
    np.testing.assert_allclose(theirs, decoded, rtol=1e-6, atol=1e-7)


def test_the_numbers_are_equation_two() -> None:
    default = np.asarray([[0.5, 0.4, 0.2, 0.1]], np.float32)
    box = np.asarray([[0.54, 0.37, 0.4, 0.05]], np.float32)
    expected = [[0.04 / 0.2 / 0.1, -0.03 / 0.1 / 0.1, math.log(2) / 0.2, math.log(0.5) / 0.2]]
    np.testing.assert_allclose(BoxCoder().encode(box, default), expected, rtol=1e-5)


def test_half_precision_offsets_are_decoded_in_single() -> None:
    locs = np.asarray([[0, 0, 30, 30]], np.float16)  # exp(6) times a pixel: exact enough only in float32
    default = np.asarray([[0.5, 0.5, 0.01, 0.01]], np.float32)
    decoded = BoxCoder().decode(locs, default)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded[0, 2:], 0.01 * math.exp(6), rtol=1e-6)


def test_the_size_limit_keeps_exp_sane() -> None:
    locs, default = np.full((1, 4), 1e4, np.float32), np.asarray([[0.5, 0.5, 0.1, 0.1]], np.float32)
    assert np.isinf(BoxCoder().decode(locs, default)[0, 2])
    limited = BoxCoder(max_log_size=math.log(1000 / 16)).decode(locs, default)
    np.testing.assert_allclose(limited[0, 2:], 0.1 * 1000 / 16, rtol=1e-5)


@quickly
@given(st.integers(1, 20).flatmap(centred_boxes))
def test_corner_and_centre_form_undo_each_other(boxes: Boxes) -> None:
    np.testing.assert_allclose(xyxy_to_cxcywh(cxcywh_to_xyxy(boxes)), boxes, atol=1e-6)


@quickly
@given(pairs)
def test_iou_is_symmetric_bounded_and_one_with_itself(given_pair: tuple[Boxes, Boxes]) -> None:
    first, second = (cxcywh_to_xyxy(boxes) for boxes in given_pair)
    overlaps = iou(first, second)
    assert overlaps.shape == (len(first), len(second))
    np.testing.assert_array_equal(overlaps, iou(second, first).T)
    assert overlaps.min() >= 0
    assert overlaps.max() <= 1 + 1e-6
    np.testing.assert_allclose(np.diagonal(iou(first, first)), 1, rtol=1e-6)


def test_iou_by_hand() -> None:
    first = np.asarray([[0, 0, 2, 2], [0, 0, 0, 0]], np.float32)
    second = np.asarray([[1, 1, 3, 3], [2, 2, 4, 4], [0, 0, 0, 0]], np.float32)
    assert area(second).tolist() == [4, 4, 0]
    assert iou(first, second).tolist() == [[pytest.approx(1 / 7), 0, 0], [0, 0, 0]]
