"""Numbers in eight bits: filters whose errors cancel, ranges that clip little, networks that do compute in bytes."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.lab.bench.int8_networks import quantise_random
from app.lab.bench.lineup import Opening, open_exactly
from app.lab.bench.rounds import BenchCancelledError
from detector.config import MOBILENET300
from detector.errors import DetectorError
from detector.golden import INT8_TOLERANCE, TOLERANCES, prove
from detector.golden_reference import with_golden
from detector.model_file import ModelEntry
from detector.network_shapes import network_shapes
from detector.quantisation.filters import rounded_filters
from detector.quantisation.ranges import LEVELS, MapValues
from detector.registry import MODELS
from detector.runtime import openvino_int8
from detector.runtime.calibrate import Frames, measure_ranges, with_ranges
from detector.runtime.openvino import OpenVinoDetector
from detector.runtime.openvino_graph import build_graph
from detector.runtime.openvino_int8 import FULL, NARROW, largest_weight
from detector.runtime.openvino_runtime import compile_for_latency, load_openvino
from detector.safetensors_file import Arrays
from detector.spec import InputSpec, ModelSpec
from detector.weights import as_arrays, save_model
from tests.support.tiny_models import picture, random_spec, random_state

# -- filters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(8, 3, 3, 3), (16, 1, 1, 3, 3), (24, 40, 1, 1)])
@pytest.mark.parametrize("most", [127, 63])
def test_filters_are_whole_numbers_whose_errors_cancel(shape: tuple[int, ...], most: int) -> None:
    filters = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    whole, steps = rounded_filters(filters, most)
    assert whole.dtype == np.int8
    assert np.abs(whole.astype(int)).max() == most
    errors = (filters - whole * steps) / steps
    assert np.abs(errors).max() <= 1.5 + 1e-4
    assert np.abs(errors.reshape(len(filters), -1).sum(axis=1)).max() <= 0.5 + 1e-3
    plain = filters / steps
    assert np.square(errors).mean() < 1.3 * np.square(plain - np.rint(plain)).mean()


def test_a_filter_of_nothing_stays_nothing() -> None:
    filters = np.zeros((2, 4, 3, 3), np.float32)
    filters[1, 2, 1, 1] = 0.5
    whole, steps = rounded_filters(filters, 127)
    np.testing.assert_array_equal(whole * steps, filters)


# -- ranges ----------------------------------------------------------------------------------------------------------


def seen(*maps: np.ndarray) -> tuple[float, float]:
    values = MapValues(len(maps))
    for each in maps:
        values.add(each.astype(np.float32))
    return values.range()


def test_zero_is_one_of_the_values_told_apart() -> None:
    low, high = seen(np.random.default_rng(0).normal(0.3, 1.0, (8, 50, 50)))
    assert low < 0 < high
    step = (high - low) / (LEVELS - 1)
    assert abs(low / step - round(low / step)) < 1e-3


def test_a_map_of_no_negatives_spends_nothing_on_them() -> None:
    low, high = seen(np.abs(np.random.default_rng(0).normal(size=(8, 50, 50))))
    assert low == 0.0
    assert 2.5 < high < 5.0


def test_a_single_wild_value_is_clipped() -> None:
    rng = np.random.default_rng(0)
    maps = [np.clip(rng.normal(size=(4, 100, 100)), 0, 4) for _ in range(6)]
    maps[3][0, 0, 0] = 14.0
    assert seen(*maps)[1] < 8.0


def test_a_map_that_is_zero_throughout_has_a_range() -> None:
    low, high = seen(np.zeros((2, 5, 5)))
    assert low == 0.0 < high


@pytest.mark.parametrize("bad", [np.nan, np.inf, -2e6])
def test_values_that_are_no_numbers_are_noticed(bad: float) -> None:
    values = MapValues(1)
    assert values.is_sane
    values.add(np.array([[1.0, bad]], np.float32))
    assert not values.is_sane


# -- networks --------------------------------------------------------------------------------------------------------

SSDLITE = ModelSpec(
    "lite", "ssdlite-mobilenetv2", ("a", "b"), InputSpec(300, 300, mean=(127.5,) * 3, std=(127.5,) * 3), MOBILENET300
)
SPECS = {
    "ssdlite-mobilenetv2": SSDLITE,
    "ssd-mobilenetv1": replace(SSDLITE, architecture="ssd-mobilenetv1"),
    "ssdlite320-mobilenetv3": MODELS["ssdlite320-mobilenetv3-coco"],
    "ultraface-rfb": random_spec("ultraface-rfb"),
    "ultraface-slim": random_spec("ultraface-slim"),
    "ssd-vgg16": random_spec("ssd-vgg16"),
}


def arrays_of(spec: ModelSpec) -> Arrays:
    """Weights that keep every map's values of about one size, without torch."""
    rng = np.random.default_rng(0)
    arrays: Arrays = {}
    for name, shape in network_shapes(spec).items():
        if name.endswith("num_batches_tracked"):
            arrays[name] = np.zeros((), np.int64)
        elif len(shape) == 4:
            arrays[name] = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)
        elif name.endswith(("running_var", "scale")) or (len(shape) == 1 and name.endswith(".weight")):
            arrays[name] = np.ones(shape, np.float32)
        else:
            arrays[name] = rng.normal(0, 0.1, shape).astype(np.float32)
    return arrays


def pictures(spec: ModelSpec, count: int = 3) -> list[np.ndarray]:
    return [picture(spec.input.height, spec.input.width, seed) for seed in range(count)]


@pytest.mark.parametrize("name", SPECS)
def test_every_convolution_computes_in_bytes(name: str) -> None:
    spec = SPECS[name]
    arrays = arrays_of(spec)
    openvino = load_openvino()
    ranges = measure_ranges(spec, arrays, pictures(spec))
    network = build_graph(openvino, spec, dict(arrays), "test", ranges)
    compiled = compile_for_latency(openvino.Core(), network, "int8")
    kinds: Counter[tuple[str, str]] = Counter()
    for node in compiled.get_runtime_model().get_ops():
        facts = node.get_rt_info()
        kinds[facts["layerType"].astype(str), facts["runtimePrecision"].astype(str)] += 1
    convolutions = {precision for layer, precision in kinds if layer == "Convolution"}
    assert convolutions <= {"u8", "i8"}, kinds
    if "v2" in name:  # sums of residuals are part of the convolutions before them
        assert not [kind for kind in kinds if kind[0] == "Eltwise"], kinds


def test_a_map_without_a_range_stays_in_floating_point() -> None:
    spec = SPECS["ultraface-slim"]
    arrays, openvino = arrays_of(spec), load_openvino()
    ranges = measure_ranges(spec, arrays, pictures(spec))
    del ranges["images"]
    network = build_graph(openvino, spec, dict(arrays), "test", ranges)
    first = next(node for node in network.get_ordered_ops() if node.get_type_name() == "Convolution")
    assert first.input_value(0).get_node().get_type_name() == "Parameter"
    with pytest.raises(DetectorError, match=r"the range of 'elsewhere'"):
        build_graph(openvino, spec, dict(arrays), "test", {**ranges, "elsewhere": (0.0, 1.0)})


# -- a model's file --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made() -> tuple[ModelSpec, Arrays]:
    """A random network with what its file says of int8."""
    spec = random_spec()
    arrays = as_arrays(random_state(spec))
    steps: list[tuple[str, int, int]] = []
    spec = with_ranges(
        with_golden(spec, arrays), dict(arrays), iter(pictures(spec, 9)), "blocks", lambda *step: steps.append(step)
    )
    assert steps == [*(("calibrate", n, 6) for n in range(1, 7)), *(("compare", n, 3) for n in range(1, 4))]
    return spec, arrays


def test_with_ranges_says_what_it_saw(made: tuple[ModelSpec, Arrays]) -> None:
    spec, _ = made
    int8 = spec.int8
    assert int8 is not None
    assert (int8.measured, int8.compared, int8.pictures) == (6, 3, "blocks")
    assert int8.objects > 0
    assert int8.agreement is not None
    assert int8.agreement > 0.8
    assert int8.golden is not None
    assert spec.golden is not None
    assert int8.golden.weights == spec.golden.weights != ""


def test_too_few_images_are_refused(made: tuple[ModelSpec, Arrays]) -> None:
    with pytest.raises(DetectorError, match="2 images are too few"):
        with_ranges(made[0], made[1], pictures(made[0], 2), "blocks")


def test_pictures_are_parted_into_those_to_measure_and_to_compare_on() -> None:
    images = [np.full((1, 1, 3), number, np.uint8) for number in range(10)]
    rest, apart = ([int(image[0, 0, 0]) for image in part] for part in Frames(images, 3, "numbers").parted())
    assert len(apart) == 3
    assert sorted(rest + apart) == list(range(10))


def error_in_int8(spec: ModelSpec, arrays: Arrays, *, narrow: bool = False) -> float:
    """How far the answers in int8 are off those in the file."""
    assert spec.int8 is not None
    entry = ModelEntry(spec.name, spec, Path("test.safetensors"), False)
    network = build_graph(load_openvino(), spec, dict(arrays), "test", spec.int8.ranges)
    with OpenVinoDetector(entry, "int8", network=network) as engine:
        result = prove(spec, engine.raw, "int8", narrow=narrow)
    assert result is not None
    assert result.ok == (result.error <= (TOLERANCES["int8"] if narrow else INT8_TOLERANCE))
    return result.error


def test_int8_is_held_to_its_own_answers(made: tuple[ModelSpec, Arrays]) -> None:
    spec, arrays = made
    assert error_in_int8(spec, arrays) < INT8_TOLERANCE / 10
    swapped = replace(spec, input=replace(spec.input, channels="bgr"))
    assert error_in_int8(swapped, arrays) > INT8_TOLERANCE
    wrong = dict(arrays)
    name = next(name for name, array in wrong.items() if array.ndim == 4 and array.shape[1] > 1 and len(array) > 16)
    wrong[name] = np.roll(wrong[name], 1, 0)
    assert error_in_int8(spec, wrong) > INT8_TOLERANCE


def test_a_processor_without_dot_products_of_bytes_gives_about_the_same(
    made: tuple[ModelSpec, Arrays], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, arrays = made
    monkeypatch.setattr(openvino_int8, "largest_weight", lambda: NARROW)
    assert 1e-4 < error_in_int8(spec, arrays, narrow=True) < TOLERANCES["int8"]


def test_only_filters_whose_sums_could_overflow_have_seven_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, openvino = SPECS["ultraface-slim"], load_openvino()
    arrays = arrays_of(spec)
    ranges = measure_ranges(spec, arrays, pictures(spec))
    monkeypatch.setattr(openvino_int8, "largest_weight", lambda: NARROW)
    largest: dict[str, set[int]] = {}
    for node in build_graph(openvino, spec, dict(arrays), "test", ranges).get_ordered_ops():
        if node.get_type_name() in ("Convolution", "GroupConvolution"):
            whole = node.input_value(1).get_node().input_value(0).get_node().input_value(0).get_node().get_data()
            largest.setdefault(node.get_type_name(), set()).add(int(np.abs(whole.astype(int)).max()))
    assert largest == {"Convolution": {NARROW}, "GroupConvolution": {FULL}}


def test_what_this_processor_can_multiply_is_known() -> None:
    assert largest_weight() in (FULL, NARROW)
    assert largest_weight() == largest_weight()


def test_an_answer_that_overflowed_tells_the_kind_of_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    halved = np.full((1, 16, 4, 4), 1_048_544, np.float32)  # what AVX2 without VNNI gives
    monkeypatch.setattr(openvino_int8, "compile_for_latency", lambda *_: lambda _images: [halved])
    largest_weight.cache_clear()
    try:
        assert largest_weight() == NARROW
    finally:
        largest_weight.cache_clear()


def test_random_weights_are_measured_in_int8_too(tmp_path: Path) -> None:
    spec = random_spec()
    save_model(tmp_path / "m.safetensors", spec, random_state(spec))
    entry = ModelEntry("m", spec, tmp_path / "m.safetensors", False)
    told: list[tuple[str, int, int]] = []
    made = quantise_random(entry, pictures(spec), lambda *step: told.append(step), threading.Event())
    assert told == [("int8", number, 3) for number in (1, 2, 3)]
    with open_exactly(made, "cpu", "int8", Opening(("int8",), (), None)) as detector:
        assert detector.precision == "int8"
        assert len(detector.candidates_batch(pictures(spec))) == 3
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(BenchCancelledError):
        quantise_random(entry, pictures(spec), lambda *_: None, stopped)
