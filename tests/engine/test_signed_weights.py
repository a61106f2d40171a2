"""Filters without a sign become filters with one: the same network, which OpenVINO can compute in whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from detector.runtime.openvino_runtime import compile_for_latency, load_openvino, operations
from detector.runtime.signed_weights import with_signed_weights

STEP, ZERO = 0.02, 131


def _network(whole: np.ndarray[Any, Any], *, depthwise: bool) -> Any:
    """A convolution whose filters are UInt8 less a zero point, times a step."""
    openvino = load_openvino()
    ops = operations()
    image = ops.parameter([1, whole.shape[0] if depthwise else 3, 9, 9], np.float32)
    real = ops.subtract(ops.convert(ops.constant(whole), "f32"), np.float32(ZERO))
    filters = ops.multiply(real, np.float32(STEP))
    where = ([1, 1], [0, 0], [0, 0], [1, 1])
    make = ops.group_convolution if depthwise else ops.convolution
    return openvino.Model([make(image, filters, *where)], [image], "one")


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize(("low", "high", "is_exact"), [(3, 255, True), (0, 256, False)])
def test_what_fits_into_eight_bits_stays_what_it_was(depthwise: bool, low: int, high: int, is_exact: bool) -> None:
    """131 below 0 does not fit beside 124 above it: there the channels that reach so far are a little coarser."""
    random = np.random.default_rng(0)
    shape = (4, 1, 1, 3, 3) if depthwise else (4, 3, 3, 3)
    model = _network(random.integers(low, high, shape, np.uint8), depthwise=depthwise)
    core = load_openvino().Core()
    images = random.normal(size=tuple(model.inputs[0].shape)).astype(np.float32)
    before = np.array(compile_for_latency(core, model, "fp32")({0: images})[0])
    with_signed_weights(load_openvino(), model)
    kinds = {op.get_element_type().get_type_name() for op in model.get_ops() if op.get_type_name() == "Constant"}
    assert "i8" in kinds
    after = np.array(compile_for_latency(core, model, "fp32")({0: images})[0])
    np.testing.assert_allclose(after, before, rtol=0, atol=(1e-4 if is_exact else STEP * 4) * np.abs(before).max())


def test_real_filters_are_left_alone() -> None:
    openvino, ops = load_openvino(), operations()
    image = ops.parameter([1, 3, 9, 9], np.float32)
    filters = ops.constant(np.ones((2, 3, 3, 3), np.float32))
    model = openvino.Model([ops.convolution(image, filters, [1, 1], [0, 0], [0, 0], [1, 1])], [image], "one")
    with_signed_weights(openvino, model)
    assert sum(op.get_type_name() == "Constant" for op in model.get_ops()) == 1
