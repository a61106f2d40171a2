"""Networks built straight for OpenVINO: the same answers as their torch twins, from the same tensors."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from detector.config import SSD300_VOC, SSD512_VOC, SSDLITE320, SSDConfig, tensorflow_config, ultraface_config
from detector.errors import DetectorError
from detector.models.build import build_network
from detector.network_shapes import network_shapes
from detector.plans.architectures import ARCHITECTURES, SingleStage
from detector.runtime.openvino_graph import build_graph
from detector.runtime.openvino_runtime import compile_for_latency, load_openvino
from detector.safetensors_file import Arrays
from detector.spec import Architecture, InputSpec, ModelSpec

_MOBILE = replace(
    SSD300_VOC, image_size=(160, 224), grids=tuple((-(-160 // s), -(-224 // s)) for s in (16, 32, 64, 128, 256, 512))
)
CASES: dict[Architecture, list[tuple[SSDConfig, float]]] = {
    "ssd-vgg16": [(SSD300_VOC, 0.125), (SSD512_VOC, 0.125)],
    "ssd-vgg16-affine": [(SSD300_VOC, 0.125)],
    "ssd-resnet50": [(SSD300_VOC, 1.0)],
    "ssd-mobilenetv1": [(_MOBILE, 1.0)],
    "ssd-mobilenetv1-pointwise": [(_MOBILE, 1.0)],
    "ssdlite-mobilenetv1": [(_MOBILE, 1.0)],
    "ssdlite-mobilenetv2": [(_MOBILE, 1.0)],
    "ssdlite-mobilenetv2-narrow": [(_MOBILE, 1.0)],
    "ssdlite-mobilenetv2-tf": [(tensorflow_config(), 1.0)],
    "ssd-mobilenetv2-tf": [(tensorflow_config(), 1.0), (_MOBILE, 1.0)],  # maps of odd and of even sides
    "ssd-mobilenetv2-tf-pointwise": [(tensorflow_config(320), 1.0)],
    "ssdlite-mobilenetv1-tf": [(tensorflow_config(), 1.0)],
    "ssd-mobilenetv1-tf": [(tensorflow_config(), 1.0)],
    "ssdlite320-mobilenetv3": [(SSDLITE320, 1.0)],
    "ssdlite320-mobilenetv3-wide": [(SSDLITE320, 1.0)],
    "ultraface-slim": [(ultraface_config(), 1.0)],
    "ultraface-rfb": [(ultraface_config(240, 320), 1.0)],
}


def spec_of(architecture: Architecture, config: SSDConfig, width: float = 1.0) -> ModelSpec:
    return ModelSpec("test", architecture, ("cat", "dog"), InputSpec(*config.image_size), config, width=width)


def drawn(spec: ModelSpec) -> tuple[torch.nn.Module, Arrays]:
    """A network whose every tensor is random, normalisation's too, and its tensors."""
    torch.manual_seed(1)
    network = build_network(spec)
    state: dict[str, Tensor] = network.state_dict()
    for name, tensor in state.items():
        if tensor.dim() == 4:
            torch.nn.init.kaiming_normal_(tensor, nonlinearity="relu")
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif tensor.is_floating_point():
            tensor.uniform_(-0.3, 0.7)
    return network, {name: tensor.numpy().copy() for name, tensor in state.items()}


def answers(spec: ModelSpec, arrays: Arrays, images: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    openvino = load_openvino()
    model = build_graph(openvino, spec, arrays, "test.safetensors")
    result = compile_for_latency(openvino.Core(), model, "fp32")(images)
    return [result[0], result[1]]


def test_every_architecture_of_ours_is_compared() -> None:
    assert set(CASES) == {name for name, row in ARCHITECTURES.items() if isinstance(row, SingleStage)}


def test_every_architecture_has_its_row() -> None:
    assert tuple(ARCHITECTURES) == get_args(Architecture)


@pytest.mark.parametrize(
    ("architecture", "config", "width"),
    [(architecture, *case) for architecture, cases in CASES.items() for case in cases],
)
def test_it_answers_as_its_torch_twin(architecture: Architecture, config: SSDConfig, width: float) -> None:
    spec = spec_of(architecture, config, width)
    network, arrays = drawn(spec)
    images = torch.randn(1, 3, *config.image_size)
    with torch.inference_mode():
        expected = [tensor.numpy() for tensor in network(images)]
    got = answers(spec, arrays, images.numpy())
    assert not arrays  # each tensor was used
    for mine, theirs in zip(got, expected, strict=True):
        assert mine.shape == theirs.shape
        assert np.abs(mine - theirs).max() <= 2e-4 * np.abs(theirs).max()


def test_half_precision_tensors_are_widened() -> None:
    spec = spec_of("ultraface-slim", ultraface_config())
    _, arrays = drawn(spec)
    halves = {n: a.astype(np.float16) if a.dtype == np.float32 else a for n, a in arrays.items()}
    widened = {n: a.astype(np.float32) if a.dtype == np.float16 else a for n, a in halves.items()}
    images = np.random.default_rng(0).standard_normal((1, 3, 240, 320), np.float32)
    for first, second in zip(answers(spec, halves, images), answers(spec, widened, images), strict=True):
        np.testing.assert_array_equal(first, second)


def test_what_does_not_fit_is_named() -> None:
    spec = spec_of("ssd-vgg16", SSD300_VOC, 0.125)
    _, arrays = drawn(spec)
    del arrays["backbone.conv1_1.bias"]
    arrays["extra"] = np.zeros(3, np.float32)
    arrays["backbone.fc7.bias"] = np.zeros(5, np.float32)
    arrays["loc.0.bias"] = np.zeros(16, np.int64)
    with pytest.raises(DetectorError) as caught:
        build_graph(load_openvino(), spec, arrays, "test.safetensors")
    for part in (
        "test.safetensors does not fit its network",
        "backbone.conv1_1.bias [8] is missing",
        "extra [3] is unexpected",
        "backbone.fc7.bias is [5] instead of [128]",
        "loc.0.bias holds int64 instead of floating point numbers",
    ):
        assert part in caught.value.message


def test_many_faults_are_counted() -> None:
    spec = spec_of("ultraface-slim", ultraface_config())
    with pytest.raises(DetectorError, match="and 174 more"):
        build_graph(load_openvino(), spec, {}, "empty.safetensors")


def test_default_boxes_of_another_network_are_refused() -> None:
    with pytest.raises(DetectorError, match="do not fit"):
        build_graph(load_openvino(), spec_of("ssd-vgg16", SSDLITE320), {}, "test")


def test_torch_is_not_needed() -> None:
    code = (
        "import sys; import detector.plans.plan, detector.runtime.openvino_runtime as r;"
        "r.load_openvino(); import importlib; importlib.import_module('openvino.opset13');"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("architecture", "config", "width"),
    [(architecture, *case) for architecture, cases in CASES.items() for case in cases],
)
def test_a_plan_knows_the_shapes_of_its_torch_twin(architecture: Architecture, config: SSDConfig, width: float) -> None:
    spec = spec_of(architecture, config, width)
    with torch.device("meta"):
        twin = build_network(spec)
    assert network_shapes(spec) == {name: tuple(tensor.shape) for name, tensor in twin.state_dict().items()}
