"""Importing SSDs on ResNet-50, MobileNet and MobileNetV2: each gives the raw outputs of its own program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detector.default_boxes import default_boxes
from detector.importers.base import Imported, Importer, Overrides, SourceFile
from detector.importers.layout_match import detect_layout
from detector.importers.lufficc_mobilenet import import_lufficc_mobilenet
from detector.importers.mobilenet_ssd_caffe import map_layers
from detector.importers.nvidia import import_nvidia
from detector.importers.qfgaohao_mobilenet import import_mb1, import_mb2_lite
from detector.labels import VOC20
from detector.models.build import build_network
from detector.weights import as_arrays, as_tensors, load_strict
from tests.support.foreign_caffe import blobs, caffe_mobilenet_forward, caffe_mobilenet_layers
from tests.support.foreign_networks import (
    LufficcMobileNetV2,
    Mb1LiteSSD,
    Mb1SSD,
    Mb2LiteSSD,
    NvidiaSSD,
    level_boxes,
    nvidia_default_boxes,
    randomise,
)

SOURCE = SourceFile("weights.pth", "0" * 64)
NOTHING = Overrides()
Outputs = tuple[Tensor, Tensor]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def state_of(network: Callable[[int], nn.Module], classes: int) -> dict[str, Tensor]:
    return dict(randomise(network(classes)).state_dict())


def as_ours(outputs: Outputs) -> Outputs:
    """Programs of one family give the class scores first."""
    return outputs[1], outputs[0]


def from_nvidia(outputs: Outputs) -> Outputs:
    """[B, values, boxes in (level, shape, row, column) order] to [B, boxes in (level, row, column, shape), values]."""
    results = []
    for values in outputs:
        levels, start = [], 0
        for side, shapes in zip((38, 19, 10, 5, 3, 1), (4, 6, 6, 6, 4, 4), strict=True):
            part = values[..., start : (start := start + shapes * side**2)]
            levels.append(part.reshape(*part.shape[:2], shapes, side, side).permute(0, 3, 4, 2, 1).flatten(1, 3))
        results.append(torch.cat(levels, 1))
    return results[0], results[1]


@dataclass(frozen=True)
class Case:
    layout: str
    network: Callable[[int], nn.Module]
    importer: Importer
    ordered: Callable[[Outputs], Outputs]
    classes: int
    size: int
    tensors: int


CASES = [
    Case("nvidia-ssd300", NvidiaSSD, import_nvidia, from_nvidia, 81, 300, 342),
    Case("qfgaohao-mb1", Mb1SSD, import_mb1, as_ours, 21, 300, 202),
    Case("qfgaohao-mb1", Mb1LiteSSD, import_mb1, as_ours, 6, 300, 230),
    Case("qfgaohao-mb2-lite", Mb2LiteSSD, import_mb2_lite, as_ours, 4, 300, 478),
    Case("lufficc-mobilenetv2", LufficcMobileNetV2, import_lufficc_mobilenet, as_ours, 21, 320, 478),
]


@pytest.fixture(params=CASES, ids=lambda case: case.network.__name__)
def case(request: pytest.FixtureRequest) -> Case:
    return cast(Case, request.param)


def picture(size: int) -> Tensor:
    return torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(5))


def outputs_of(imported: Imported, image: Tensor) -> Outputs:
    network = build_network(imported.spec)
    load_strict(network, as_tensors(imported.tensors), "it")
    return cast(Outputs, network(image))


def assert_same(ours: Outputs, theirs: Outputs) -> None:
    """But for rounding, which grows through fifty layers of random weights. Another eps would show fifty times over."""
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == other.shape
        assert float(other.std()) > 0.01
        assert float((mine - other).abs().max()) < 2e-4 * float(other.abs().max())


def test_the_raw_outputs_are_those_of_the_original(case: Case) -> None:
    theirs = randomise(case.network(case.classes))
    state = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    assert len(state) == case.tensors
    assert detect_layout(as_arrays(state)).name == case.layout
    image = picture(case.size)
    imported = case.importer(as_arrays(state), SOURCE, NOTHING)
    assert_same(outputs_of(imported, image), case.ordered(cast(Outputs, theirs(image))))


@pytest.mark.parametrize("merged", [True, False])
def test_the_caffe_network_gives_what_its_prototxt_says(merged: bool) -> None:
    layers = caffe_mobilenet_layers(21, merged=merged)
    image = picture(300)
    imported = map_layers(blobs(layers), SOURCE, NOTHING)
    assert_same(outputs_of(imported, image), caffe_mobilenet_forward(layers, image, 21))
    assert imported.spec.labels == VOC20


def test_old_caffe_files_store_vectors_with_four_dimensions() -> None:
    layers = caffe_mobilenet_layers(3, merged=False)
    old = {name: [b if b.dim() > 1 else b.reshape(1, 1, 1, -1) for b in blobs] for name, blobs in layers.items()}
    old["conv11_mbox_loc"] = [blob.double() for blob in old["conv11_mbox_loc"]]  # blobs may come in either precision
    tensors = map_layers(blobs(layers), SOURCE, NOTHING).tensors
    for name, tensor in map_layers(blobs(old), SOURCE, NOTHING).tensors.items():
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, tensors[name])


def mobilenet_boxes(steps: list[float], sides: list[int], image: int) -> Tensor:
    sizes = (60, 105, 150, 195, 240, 285, 330)
    levels = [level_boxes(sides[i], steps[i], sizes[i], sizes[i + 1], (2, 3), image) for i in range(6)]
    return torch.cat(levels).clamp(0, 1)


def default_boxes_of(imported: Imported) -> Tensor:
    assert imported.spec.config is not None
    return torch.from_numpy(default_boxes(imported.spec.config)).double()


class TestDefaultBoxes:
    def test_of_nvidia_by_its_own_order(self) -> None:
        imported = import_nvidia(as_arrays(state_of(NvidiaSSD, 81)), SOURCE, NOTHING)
        theirs, _ = from_nvidia((nvidia_default_boxes().T[None], nvidia_default_boxes().T[None]))
        torch.testing.assert_close(default_boxes_of(imported), theirs[0], rtol=0, atol=1e-7)

    @pytest.mark.parametrize("importer", [import_mb1, import_mb2_lite])
    def test_of_qfgaohao(self, importer: Importer) -> None:
        network = Mb1SSD if importer is import_mb1 else Mb2LiteSSD
        imported = importer(as_arrays(state_of(network, 5)), SOURCE, NOTHING)
        theirs = mobilenet_boxes([16, 32, 64, 100, 150, 300], [19, 10, 5, 3, 2, 1], 300)
        torch.testing.assert_close(default_boxes_of(imported), theirs, rtol=0, atol=1e-7)

    def test_of_lufficc(self) -> None:
        imported = import_lufficc_mobilenet(as_arrays(state_of(LufficcMobileNetV2, 21)), SOURCE, NOTHING)
        theirs = mobilenet_boxes([16, 32, 64, 107, 160, 320], [20, 10, 5, 3, 2, 1], 320)
        torch.testing.assert_close(default_boxes_of(imported), theirs, rtol=0, atol=1e-7)

    def test_of_caffe(self) -> None:
        sizes, sides = ((60, 0), (105, 150), (150, 195), (195, 240), (240, 285), (285, 300)), (19, 10, 5, 3, 2, 1)
        theirs = torch.cat(
            [
                level_boxes(side, 300 / side, small, large, (2, 3) if large else (2,), 300)
                for (small, large), side in zip(sizes, sides, strict=True)
            ]
        )
        assert len(theirs) == 1917
        imported = map_layers(blobs(caffe_mobilenet_layers(21, merged=True)), SOURCE, NOTHING)
        torch.testing.assert_close(default_boxes_of(imported), theirs, rtol=0, atol=1e-6)
