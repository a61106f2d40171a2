"""Default boxes against independent statements: torchvision, Caffe's layer spelled out, the published prototxt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator

from detector.boxes import cxcywh_to_xyxy
from detector.config import (
    SSD300_COCO,
    SSD300_TORCHVISION,
    SSD300_VOC,
    SSD512_COCO,
    SSD512_VOC,
    SSDLITE320,
    Clamp,
    SSDConfig,
    tensorflow_config,
    ultraface_config,
)
from detector.default_boxes import default_boxes
from detector.runtime.openvino_runtime import is_installed, load_openvino
from tests.support.shared_data import shared
from tools.fixtures.tensorflow_networks import anchors

Boxes = npt.NDArray[np.float32]


def torchvision_boxes(generator: DefaultBoxGenerator, side: int, grids: tuple[int, ...]) -> Boxes:
    """Float32[P, 4] as (cx, cy, w, h), fractions of the input, before torchvision rounds them to corners."""
    boxes: Boxes = generator._grid_default_boxes([[grid, grid] for grid in grids], [side, side]).numpy()
    return boxes


def caffe_boxes(
    side: int, grids: list[int], steps: list[float], sizes: list[float], ratios: list[list[float]]
) -> Boxes:
    """The published C++ layer, literally: integer sizes, corners in fractions, nothing clipped. Float32[P, 4]."""
    rows = []
    for level, grid in enumerate(grids):
        small, large = int(sizes[level]), int(sizes[level + 1])
        for y, x in product(range(grid), repeat=2):
            centre_x, centre_y = (x + 0.5) * steps[level], (y + 0.5) * steps[level]
            shapes = [(small, small), ((small * large) ** 0.5,) * 2]
            for ratio in ratios[level]:
                for r in (ratio, 1 / ratio):
                    shapes.append((small * r**0.5, small / r**0.5))
            for w, h in shapes:
                low_x, low_y = (centre_x - w / 2) / side, (centre_y - h / 2) / side
                high_x, high_y = (centre_x + w / 2) / side, (centre_y + h / 2) / side
                rows.append(((low_x + high_x) / 2, (low_y + high_y) / 2, high_x - low_x, high_y - low_y))
    return np.asarray(rows, dtype=np.float32)


CAFFE = {
    "SSD300 VOC": (
        SSD300_VOC,
        (300, [38, 19, 10, 5, 3, 1], [8, 16, 32, 64, 100, 300], [30, 60, 111, 162, 213, 264, 315]),
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        8732,
    ),
    "SSD300 COCO": (
        SSD300_COCO,
        (300, [38, 19, 10, 5, 3, 1], [8, 16, 32, 64, 100, 300], [21, 45, 99, 153, 207, 261, 315]),
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        8732,
    ),
    "SSD512 VOC": (
        SSD512_VOC,
        (
            512,
            [64, 32, 16, 8, 4, 2, 1],
            [8, 16, 32, 64, 128, 256, 512],
            [35.84, 76.8, 153.6, 230.4, 307.2, 384, 460.8, 537.6],
        ),
        [[2], [2, 3], [2, 3], [2, 3], [2, 3], [2], [2]],
        24564,
    ),
    "SSD512 COCO": (
        SSD512_COCO,
        (
            512,
            [64, 32, 16, 8, 4, 2, 1],
            [8, 16, 32, 64, 128, 256, 512],
            [20.48, 51.2, 133.12, 215.04, 296.96, 378.88, 460.8, 542.72],
        ),
        [[2], [2, 3], [2, 3], [2, 3], [2, 3], [2], [2]],
        24564,
    ),
}


@pytest.mark.parametrize("name", CAFFE)
def test_equals_the_original_caffe_layer(name: str) -> None:
    config, (side, grids, steps, sizes), ratios, count = CAFFE[name]
    boxes = default_boxes(config)
    assert boxes.dtype == np.float32
    assert boxes.shape == (count, 4)
    assert config.num_boxes == count
    np.testing.assert_allclose(boxes, caffe_boxes(side, grids, steps, sizes, ratios), atol=1e-7, rtol=0)


def test_equals_torchvisions_ssd300() -> None:
    generator = DefaultBoxGenerator(
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
        steps=[8, 16, 32, 64, 100, 300],
    )
    theirs = torchvision_boxes(generator, 300, (38, 19, 10, 5, 3, 1))
    np.testing.assert_allclose(default_boxes(SSD300_TORCHVISION), theirs, atol=1e-7, rtol=0)


def test_equals_torchvisions_ssdlite320() -> None:
    generator = DefaultBoxGenerator([[2, 3]] * 6, min_ratio=0.2, max_ratio=0.95)
    theirs = torchvision_boxes(generator, 320, (20, 10, 5, 3, 2, 1))
    assert len(theirs) == SSDLITE320.num_boxes == 3234
    np.testing.assert_allclose(default_boxes(SSDLITE320), theirs, atol=1e-7, rtol=0)


@pytest.mark.parametrize(
    ("config", "clamp", "changed"),
    [
        (SSD300_VOC, "all", 134),
        (SSD300_COCO, "all", 116),
        (SSD512_VOC, "all", 42),
        (SSD300_VOC, "size", 20),
        (SSD300_COCO, "size", 2),
        (SSD300_VOC, "none", 0),
    ],
)
def test_clamping_changes_as_many_boxes_as_it_does_elsewhere(config: SSDConfig, clamp: Clamp, changed: int) -> None:
    free, clamped = default_boxes(config), default_boxes(replace(config, clamp=clamp))
    assert np.count_nonzero((free != clamped).any(axis=1)) == changed
    if clamp == "size":
        np.testing.assert_array_equal(clamped[:, :2], free[:, :2])


@pytest.mark.parametrize("config", [SSD300_VOC, SSD512_COCO])
def test_caffes_clip_moves_corners_not_centres(config: SSDConfig) -> None:
    free = cxcywh_to_xyxy(default_boxes(config))
    clipped = cxcywh_to_xyxy(default_boxes(replace(config, clamp="corners")))
    assert free.min() < 0
    assert free.max() > 1
    np.testing.assert_allclose(clipped, free.clip(0, 1), atol=1e-6)


def test_the_first_cell_reads_as_the_paper_says() -> None:
    cell = default_boxes(SSD300_VOC)[:4] * 300
    root = 2**0.5
    expected = [
        (4, 4, 30, 30),
        (4, 4, 1800**0.5, 1800**0.5),
        (4, 4, 30 * root, 30 / root),
        (4, 4, 30 / root, 30 * root),
    ]
    np.testing.assert_allclose(cell, expected, rtol=1e-6)


@pytest.mark.parametrize(("height", "width", "count"), [(240, 320, 4420), (480, 640, 17640)])
def test_ultraface_boxes(height: int, width: int, count: int) -> None:
    config = ultraface_config(height, width)
    boxes = default_boxes(config)
    assert boxes.shape == (count, 4)
    assert config.boxes_per_cell == (3, 2, 2, 3)
    # Square in pixels, and inside the image.
    free = default_boxes(replace(config, clamp="none")) * (width, height, width, height)
    np.testing.assert_allclose(free[:, 2], free[:, 3], rtol=1e-5)
    assert boxes.min() >= 0
    assert boxes.max() <= 1
    np.testing.assert_allclose(free[0], (4, 4, 10, 10), rtol=1e-5)


def test_ultraface_boxes_equal_those_inside_its_published_network() -> None:
    if not is_installed():
        pytest.skip("OpenVINO is not installed")
    model = load_openvino().Core().read_model(shared("weights/ultraface/version-RFB-320.onnx"))
    inside = [
        op.data.reshape(4420, 2)
        for op in model.get_ordered_ops()
        if op.get_type_name() == "Constant" and tuple(op.get_output_shape(0)) == (1, 4420, 2)
    ]
    boxes = default_boxes(ultraface_config())
    # Sizes once to scale the centres and once to scale themselves, centres once.
    assert len(inside) == 3
    for values in inside:
        assert min(np.abs(values - boxes[:, :2]).max(), np.abs(values - boxes[:, 2:]).max()) < 1e-6
    assert any(np.abs(values - boxes[:, :2]).max() < 1e-6 for values in inside)


@pytest.mark.parametrize(
    ("side", "grids", "count"),
    [(300, (19, 10, 5, 3, 2, 1), 1917), (320, (20, 10, 5, 3, 2, 1), 2034), (512, (32, 16, 8, 4, 2, 1), 5118)],
)
def test_equals_tensorflows_anchors(side: int, grids: tuple[int, ...], count: int) -> None:
    config = tensorflow_config(side)
    assert config.grids == tuple((grid, grid) for grid in grids)
    assert config.boxes_per_cell == (3, 6, 6, 6, 6, 6)
    assert config.num_boxes == len(anchors(side)) == count
    corners = cxcywh_to_xyxy(default_boxes(config))[:, [1, 0, 3, 2]]
    np.testing.assert_allclose(corners, anchors(side), atol=1e-6, rtol=0)


def test_the_first_of_tensorflows_cells_reads_as_its_configuration_says() -> None:
    cell = default_boxes(tensorflow_config())[:3] * 300
    root = 2**0.5
    centre = 300 / 19 / 2
    expected = [
        (centre, centre, 30, 30),
        (centre, centre, 60 * root, 60 / root),
        (centre, centre, 60 / root, 60 * root),
    ]
    np.testing.assert_allclose(cell, expected, rtol=1e-6)


def prior_layers(prototxt: str) -> Iterator[dict[str, list[float]]]:
    """The numbers of each PriorBox layer of a Caffe network."""
    for body in re.findall(r"prior_box_param\s*\{(.*?)\n  \}", prototxt, flags=re.DOTALL):
        numbers: dict[str, list[float]] = {}
        for key, value in re.findall(r"(\w+):\s*([\d.]+)", body):
            numbers.setdefault(key, []).append(float(value))
        yield numbers


@pytest.mark.parametrize(
    ("folder", "config"),
    [
        ("xzgz_VOC0712_SSD_300x300", SSD300_VOC),
        ("zhangkaij_coco_SSD_300x300", SSD300_COCO),
        ("cory8249_coco_SSD_512x512", SSD512_COCO),
    ],
)
def test_numbers_equal_the_published_prototxt(folder: str, config: SSDConfig) -> None:
    layers = list(prior_layers(shared(f"prototxt/{folder}/deploy.prototxt").read_text()))
    assert len(layers) == len(config.grids)
    for level, layer in enumerate(layers):
        assert tuple(float(int(v)) for v in layer["min_size"]) == config.min_sizes[level]
        assert tuple(float(int(v)) for v in layer["max_size"]) == config.max_sizes[level]
        assert tuple(layer["aspect_ratio"]) == config.aspect_ratios[level]
        assert layer["step"] == [config.steps[level][0]]
        assert layer["variance"] == pytest.approx(config.variances)
        assert layer.get("offset", [0.5]) == [0.5]  # the layer's default


def test_a_level_short_of_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="every level"):
        replace(SSD300_VOC, steps=SSD300_VOC.steps[:-1])
    with pytest.raises(ValueError, match="every level"):
        replace(tensorflow_config(), shapes=tensorflow_config().shapes[:-1])
    with pytest.raises(ValueError, match="either shapes"):
        replace(SSD300_VOC, shapes=tensorflow_config().shapes)
