"""Networks that take pixels, and tables turned map by map: the same numbers as before."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from detector.graph_input import input_builder
from detector.graph_spec import Fit, GraphSpec
from detector.runtime.late_transpose import without_late_transpose
from detector.runtime.openvino_runtime import compile_for_latency, load_openvino, operations
from detector.runtime.pixel_input import with_pixels
from detector.spec import InputSpec, ModelSpec

FRAME = np.random.default_rng(5).integers(0, 256, (70, 50, 3), np.uint8)


def _spec(size: tuple[int, int] = (24, 32), scaled: bool = True, fit: Fit = "warp", **more: Any) -> ModelSpec:
    mean, std = ((123.0, 117.0, 104.0), (58.0, 57.0, 56.0)) if scaled else ((0.0,) * 3, (1.0,) * 3)
    given = InputSpec(*size, "rgb", mean, std)
    graph = GraphSpec("grid", fit=fit, **more)
    return ModelSpec(name="tiny", architecture="graph", labels=("a",), input=given, graph=graph)


def _network(spec: ModelSpec, kernel: int, pad: int, step: int = 2, end: int | None = None) -> Any:
    """One convolution of the image."""
    openvino, ops, random = load_openvino(), operations(), np.random.default_rng(kernel)
    image = ops.parameter([1, 3, spec.input.height, spec.input.width], np.float32, "image")
    filters = ops.constant(random.normal(size=(4, 3, kernel, kernel)).astype(np.float32))
    ends = [pad if end is None else end] * 2
    y = ops.convolution(image, filters, [step, step], [pad, pad], ends, [1, 1])
    return openvino.Model([ops.relu(y)], [image], "tiny")


def _answer(model: Any, spec: ModelSpec) -> npt.NDArray[np.float32]:
    compiled = compile_for_latency(load_openvino().Core(), model, "fp32")
    return np.array(compiled({0: input_builder(spec)([FRAME])})[0])


def _kinds(model: Any) -> list[str]:
    return [layer.get_type_name() for layer in model.get_ordered_ops()]


@pytest.mark.parametrize(
    ("kernel", "pad", "step", "end"),
    [(3, 1, 2, 1), (3, 0, 2, 1), (3, 1, 2, 0), (6, 2, 2, 2), (7, 3, 2, 3), (5, 2, 2, 2), (4, 1, 2, 1), (1, 0, 2, 0),
     (2, 0, 2, 0), (3, 1, 1, 1), (8, 4, 4, 4)],
)  # fmt: skip
@pytest.mark.parametrize("fit", ["warp", "corner"])
def test_a_network_of_pixels_answers_the_same(kernel: int, pad: int, step: int, end: int, fit: Fit) -> None:
    spec = _spec(fit=fit)
    model = _network(spec, kernel, pad, step, end)
    changed, described = with_pixels(load_openvino(), model, spec, "fp32")
    assert changed.inputs[0].get_element_type().get_type_name() == "u8"
    assert tuple(changed.inputs[0].get_shape()) == (1, 24, 32, 3)
    np.testing.assert_allclose(_answer(changed, described), _answer(model, spec), rtol=1e-4, atol=1e-4)
    shapes = [tuple(layer.get_output_shape(0)) for layer in changed.get_ordered_ops() if layer.get_output_size() == 1]
    assert ((1, 6, 24, 16) in shapes) == (step == 2), "pairs of columns where every other is taken"
    assert _kinds(model) == _kinds(_network(spec, kernel, pad, step, end)), "the one given stays as it is"


def test_an_odd_width_has_no_pairs() -> None:
    spec = _spec((24, 33))
    model = _network(spec, 3, 1)
    changed, described = with_pixels(load_openvino(), model, spec, "fp32")
    np.testing.assert_allclose(_answer(changed, described), _answer(model, spec), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("spec", "precision"),
    [(_spec(), "bf16"), (_spec(layout="nhwc"), "fp32"), (_spec(element="f16"), "fp32"), (_spec(element="u8"), "fp32")],
)
def test_what_would_not_be_the_same_stays(spec: ModelSpec, precision: str) -> None:
    model = _network(spec, 3, 1)
    assert with_pixels(load_openvino(), model, spec, precision) == (model, spec)


def test_pixels_that_are_not_scaled_are_exact_in_half_precision() -> None:
    spec = _spec(scaled=False)
    assert with_pixels(load_openvino(), _network(spec, 3, 1), spec, "bf16")[1] != spec


# -- tables ------------------------------------------------------------------------------------------------------------


def _table(order: list[int], axis: int = 2) -> Any:
    """Three maps of the image, flattened, joined and turned."""
    openvino, ops = load_openvino(), operations()
    image = ops.parameter([1, 5, 8, 12], np.float32, "image")
    maps = [image, ops.max_pool(image, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0), ops.relu(image)]
    flat = [ops.reshape(each, np.array([1, 5, -1]), False) for each in maps]
    last = ops.transpose(ops.concat(flat, axis), np.array(order))
    last.output(0).set_names({"table"})
    return openvino.Model([last], [image], "tiny")


@pytest.mark.parametrize(
    ("order", "axis", "changes"), [([0, 2, 1], 2, True), ([0, 2, 1], -1, True), ([1, 2, 0], 2, False)]
)
def test_a_table_is_turned_map_by_map(order: list[int], axis: int, changes: bool) -> None:
    before, after = _table(order, axis), _table(order, axis)
    without_late_transpose(after)
    assert (_kinds(after) != _kinds(before)) == changes
    assert after.outputs[0].get_names() == {"table"}
    image = np.random.default_rng(1).normal(size=(1, 5, 8, 12)).astype(np.float32)
    core = load_openvino().Core()
    answers = [np.array(compile_for_latency(core, each, "fp32")({0: image})[0]) for each in (before, after)]
    np.testing.assert_array_equal(*answers)
