"""An image parted into four and convolved becomes one convolution of the image: the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from detector.runtime.focus import without_focus
from detector.runtime.openvino_runtime import compile_for_latency, load_openvino, operations

ORDERS = [((0, 0), (1, 0), (0, 1), (1, 1)), ((0, 0), (0, 1), (1, 0), (1, 1))]


def _network(order: tuple[tuple[int, int], ...], *, stride: int = 1) -> Any:
    openvino, ops = load_openvino(), operations()
    image = ops.parameter([1, 3, 12, 16], np.float32)
    parts = []
    for row, column in order:
        whole = {"start": [row, column], "stop": [1000, 1000], "step": [2, 2], "axes": [2, 3]}
        parts.append(ops.slice(image, *(ops.constant(np.array(value, np.int64)) for value in whole.values())))
    filters = np.random.default_rng(0).normal(size=(5, 12, 3, 3)).astype(np.float32)
    joined = ops.concat(parts, 1)
    y = ops.relu(ops.convolution(joined, ops.constant(filters), [stride, stride], [1, 1], [1, 1], [1, 1]))
    return openvino.Model([y], [image], "focus")


def _answer(model: Any) -> Any:
    image = np.random.default_rng(1).normal(size=(1, 3, 12, 16)).astype(np.float32)
    return np.array(compile_for_latency(load_openvino().Core(), model, "fp32")({0: image})[0])


@pytest.mark.parametrize("order", ORDERS)
def test_it_gives_the_same_numbers_without_the_parts(order: tuple[tuple[int, int], ...]) -> None:
    """YOLOX parts by columns first, others by rows."""
    model = _network(order)
    before = _answer(model)
    without_focus(load_openvino(), model)
    assert not any(op.get_type_name() in ("Slice", "Concat") for op in model.get_ops())
    np.testing.assert_allclose(_answer(model), before, atol=1e-5)


@pytest.mark.parametrize("model", [_network(((0, 0), (0, 0), (0, 1), (1, 1))), _network(ORDERS[0], stride=2)])
def test_what_is_something_else_is_left_alone_or_stays_right(model: Any) -> None:
    before = _answer(model)
    without_focus(load_openvino(), model)
    np.testing.assert_allclose(_answer(model), before, atol=1e-5)
