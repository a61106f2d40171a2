"""The numbers of the SSD recipe, and nowhere else: default boxes of SSD300/SSD512 x VOC/COCO, MobileNets, UltraFace.

Pure data, no torch. A level is described the way the original Caffe ``PriorBox`` layer is: one or more ``min_size``,
an optional ``max_size`` for each, and aspect ratios. Source: SSD paper, arXiv 1512.02325, section 2.2 with footnotes
3 and 5, and the sizes of the published ``examples/ssd`` scripts, which differ from the paper's equation 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

LOG_SIZE_LIMIT = math.log(1000 / 16)
"""Bound of the decoded log size of a box in torchvision and mmdetection; Caffe and what follows it have none."""

Clamp = Literal["none", "size", "all", "corners"]
"""The coordinates that a checkpoint's authors clamped to [0, 1]: none (Caffe, mmdetection); in centre form width and
height only (torchvision) or all four numbers (amdegroot, lufficc, NVIDIA, UltraFace); or the four corner coordinates
(Caffe where a network asks for ``clip``). A property of the weights, not a taste."""


@dataclass(frozen=True, slots=True)
class SSDConfig:
    """Geometry of the default boxes.

    Attributes:
        image_size: Network input as (height, width), pixels.
        grids: (rows, columns) of each source feature map.
        steps: (y, x) distance in input pixels between neighbouring cells, per level.
        min_sizes: Box sizes per level, pixels; each yields a square box, then the boxes below.
        max_sizes: Per level either empty or one per ``min_size``: adds a square of side sqrt(min * max).
        aspect_ratios: Per level; ratio r adds a box of w = s * sqrt(r), h = s / sqrt(r), then its transpose.
        clamp: See ``Clamp``.
        variances: Scale of the encoded offsets (cx, cy, w, h).
        shapes: (width, height) in pixels of the boxes in one cell of each level, in the order the network predicts
            them, for a family that no ``PriorBox`` describes; then the sizes and ratios are empty. () for none.
    """

    image_size: tuple[int, int]
    grids: tuple[tuple[int, int], ...]
    steps: tuple[tuple[float, float], ...]
    min_sizes: tuple[tuple[float, ...], ...]
    max_sizes: tuple[tuple[float, ...], ...]
    aspect_ratios: tuple[tuple[float, ...], ...]
    clamp: Clamp = "none"
    variances: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)
    shapes: tuple[tuple[tuple[float, float], ...], ...] = ()

    def __post_init__(self) -> None:
        levels = len(self.grids)
        sizes = (self.min_sizes, self.max_sizes, self.aspect_ratios)
        if self.shapes and any(sizes):
            raise ValueError("default boxes have either shapes, or sizes and ratios")
        parts = (self.steps, self.shapes) if self.shapes else (self.steps, *sizes)
        if levels == 0 or any(len(part) != levels for part in parts):
            raise ValueError("every level needs a grid, a step, min sizes, max sizes and aspect ratios")

    @property
    def boxes_per_cell(self) -> tuple[int, ...]:
        """Default boxes in one cell of each level, e.g. (4, 6, 6, 6, 4, 4) for SSD300."""
        if self.shapes:
            return tuple(len(shapes) for shapes in self.shapes)
        return tuple(
            len(mins) * (1 + 2 * len(ratios)) + len(maxs)
            for mins, maxs, ratios in zip(self.min_sizes, self.max_sizes, self.aspect_ratios, strict=True)
        )

    @property
    def num_boxes(self) -> int:
        """Total default boxes: 8732 for SSD300, 24564 for SSD512."""
        return sum(rows * columns * n for (rows, columns), n in zip(self.grids, self.boxes_per_cell, strict=True))


def _square(values: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    return tuple((value, value) for value in values)


def _ssd(side: int, grids: tuple[int, ...], steps: tuple[float, ...], sizes: tuple[float, ...]) -> SSDConfig:
    """A classic SSD: ``sizes`` has one entry more than there are levels, each level's max is the next one's min."""
    few: tuple[float, ...] = (2.0,)
    many: tuple[float, ...] = (2.0, 3.0)
    return SSDConfig(
        image_size=(side, side),
        grids=tuple((g, g) for g in grids),
        steps=_square(steps),
        min_sizes=tuple((s,) for s in sizes[:-1]),
        max_sizes=tuple((s,) for s in sizes[1:]),
        aspect_ratios=(few, *(many,) * (len(grids) - 3), few, few),
    )


_GRIDS_300, _STEPS_300 = (38, 19, 10, 5, 3, 1), (8.0, 16.0, 32.0, 64.0, 100.0, 300.0)
_GRIDS_512, _STEPS_512 = (64, 32, 16, 8, 4, 2, 1), (8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)

SSD300_VOC = _ssd(300, _GRIDS_300, _STEPS_300, (30.0, 60.0, 111.0, 162.0, 213.0, 264.0, 315.0))
SSD300_COCO = _ssd(300, _GRIDS_300, _STEPS_300, (21.0, 45.0, 99.0, 153.0, 207.0, 261.0, 315.0))
# Caffe's PriorBox truncates its sizes to integers, so these are what the published SSD512 weights were trained with.
SSD512_VOC = _ssd(512, _GRIDS_512, _STEPS_512, (35.0, 76.0, 153.0, 230.0, 307.0, 384.0, 460.0, 537.0))
SSD512_COCO = _ssd(512, _GRIDS_512, _STEPS_512, (20.0, 51.0, 133.0, 215.0, 296.0, 378.0, 460.0, 542.0))

# torchvision's ssd300_vgg16 uses the COCO sizes and clamps width and height.
SSD300_TORCHVISION = replace(SSD300_COCO, clamp="size")


def _fractional(base: SSDConfig, sizes: tuple[float, ...]) -> SSDConfig:
    return replace(
        base, min_sizes=tuple((s,) for s in sizes[:-1]), max_sizes=tuple((s,) for s in sizes[1:]), clamp="all"
    )


# lufficc's weights: all four numbers clamped, and SSD512's sizes not truncated (537.65 is theirs, not a slip of ours).
SSD300_VOC_CLAMPED = replace(SSD300_VOC, clamp="all")
SSD512_VOC_FRACTIONAL = _fractional(SSD512_VOC, (35.84, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.65))
SSD512_COCO_FRACTIONAL = _fractional(SSD512_COCO, (20.48, 51.2, 133.12, 215.04, 296.96, 378.88, 460.8, 542.72))

# NVIDIA's SSD300-ResNet50.
SSD300_COCO_CLAMPED = replace(SSD300_COCO, clamp="all")

_SSDLITE_GRIDS = (20, 10, 5, 3, 2, 1)
SSDLITE320 = SSDConfig(
    image_size=(320, 320),
    grids=tuple((g, g) for g in _SSDLITE_GRIDS),
    steps=_square(tuple(320.0 / g for g in _SSDLITE_GRIDS)),
    min_sizes=((64.0,), (112.0,), (160.0,), (208.0,), (256.0,), (304.0,)),
    max_sizes=((112.0,), (160.0,), (208.0,), (256.0,), (304.0,), (320.0,)),
    aspect_ratios=((2.0, 3.0),) * 6,
    clamp="size",
)

_MOBILENET_GRIDS = (19, 10, 5, 3, 2, 1)
_MOBILENET_SIZES = (60.0, 105.0, 150.0, 195.0, 240.0, 285.0, 330.0)

# mb1-ssd, mb1-ssd-lite and mb2-ssd-lite of qfgaohao/pytorch-ssd and jetson-inference.
MOBILENET300 = replace(
    _ssd(300, _MOBILENET_GRIDS, (16.0, 32.0, 64.0, 100.0, 150.0, 300.0), _MOBILENET_SIZES),
    aspect_ratios=((2.0, 3.0),) * 6,
    clamp="all",
)
# lufficc's MobileNetV2-SSD320: the same sizes in pixels of a larger input, as its configuration file has them.
MOBILENET320 = replace(
    MOBILENET300,
    image_size=(320, 320),
    grids=SSDLITE320.grids,
    steps=_square((16.0, 32.0, 64.0, 107.0, 160.0, 320.0)),
)
# chuanqi305's MobileNet-SSD. Where no step is given, Caffe divides the input by the map.
MOBILENET300_CAFFE = replace(
    MOBILENET300,
    steps=_square(tuple(300.0 / g for g in _MOBILENET_GRIDS)),
    max_sizes=((), *MOBILENET300.max_sizes[1:5], (300.0,)),
    aspect_ratios=((2.0,), *((2.0, 3.0),) * 5),
    clamp="none",
)


def tensorflow_config(side: int = 300) -> SSDConfig:
    """Default boxes of the SSDs of TensorFlow's Object Detection API (``ssd_anchor_generator``, its usual settings).

    Six scales from 0.2 to 0.95 of the input, each with ratios 1, 2, 1/2, 3 and 0.3333, as its configurations write it,
    and a square between it and the next scale; the finest level has three boxes only: a square of 0.1, and ratios 2
    and 1/2 of 0.2.
    """
    scales = [0.2 + 0.15 * level for level in range(6)]
    levels = [_scaled_shapes(side, ((0.1, 1.0), (scales[0], 2.0), (scales[0], 0.5)))]
    for scale, following in zip(scales[1:], [*scales[2:], 1.0], strict=True):
        ratios = tuple((scale, ratio) for ratio in (1.0, 2.0, 0.5, 3.0, 0.3333))
        levels.append(_scaled_shapes(side, (*ratios, (math.sqrt(scale * following), 1.0))))
    grids = tuple(-(-side // stride) for stride in (16, 32, 64, 128, 256, 512))
    return SSDConfig(
        image_size=(side, side),
        grids=tuple((g, g) for g in grids),
        steps=_square(tuple(side / g for g in grids)),
        min_sizes=(),
        max_sizes=(),
        aspect_ratios=(),
        shapes=tuple(levels),
    )


def _scaled_shapes(side: int, shapes: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """(width, height) in pixels of boxes given as (scale, ratio of width to height)."""
    return tuple((side * scale * math.sqrt(ratio), side * scale / math.sqrt(ratio)) for scale, ratio in shapes)


def ultraface_config(height: int = 240, width: int = 320) -> SSDConfig:
    """Square face boxes of UltraFace (slim and RFB) for an input of ``height`` x ``width`` pixels."""
    strides = (8, 16, 32, 64)
    grids = tuple((-(-height // s), -(-width // s)) for s in strides)
    return SSDConfig(
        image_size=(height, width),
        grids=grids,
        steps=tuple((height / rows, width / columns) for rows, columns in grids),
        min_sizes=((10.0, 16.0, 24.0), (32.0, 48.0), (64.0, 96.0), (128.0, 192.0, 256.0)),
        max_sizes=((), (), (), ()),
        aspect_ratios=((), (), (), ()),
        clamp="all",
    )
