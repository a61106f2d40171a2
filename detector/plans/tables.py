"""The numbers of each network: layers, channels, strides, taps. No torch: every engine builds from these.

A torch module and an OpenVINO graph of the same network read the same table, so they cannot drift apart.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from detector.spec import Architecture

# -- SSD on VGG-16: paper section 2.1, figure 2; arXiv 1409.1556 ------------------------------------------------------

VGG_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""(channels, convolutions) of the five blocks."""
VGG_FC = 1024
"""Channels of fc6 and fc7 as convolutions, as many as the paper keeps."""
VGG_EXTRAS: dict[int, tuple[tuple[int, int, int, int, int], ...]] = {
    300: ((256, 512, 3, 2, 1), (128, 256, 3, 2, 1), (128, 256, 3, 1, 0), (128, 256, 3, 1, 0)),
    512: (
        (256, 512, 3, 2, 1),
        (128, 256, 3, 2, 1),
        (128, 256, 3, 2, 1),
        (128, 256, 3, 2, 1),
        (128, 256, 4, 1, 1),
    ),
}
"""(1x1 channels, 3x3 channels, kernel, stride, padding) of conv8 .. conv11/12, by input side."""


def scaled(channels: int, width: float) -> int:
    """Channels of a network made ``width`` times as wide, kept a multiple of 8 for the convolution kernels."""
    return max(8, round(channels * width / 8) * 8)


# -- SSD on ResNet-50 as NVIDIA's DeepLearningExamples train it; arXiv 1512.03385, table 1 ----------------------------

RESNET_STEM = 64
RESNET_STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 1))
"""(blocks, narrow channels, stride of the first block)."""
RESNET_EXPANSION = 4
RESNET_EXTRAS = ((256, 512, 2, 1), (256, 512, 2, 1), (128, 256, 2, 1), (128, 256, 1, 0), (128, 256, 1, 0))
"""(1x1 channels, 3x3 channels, stride, padding) of the feature layers: maps of 19, 10, 5, 3 and 1 cells a side."""

# -- SSD on MobileNet: arXiv 1704.04861 --------------------------------------------------------------------------------

V1_STEM = 32
V1_LAYERS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
    (1024, 2), (1024, 1),
)  # fmt: skip
"""(channels out, stride) of the thirteen separable layers."""
V1_TAP = 10
"""The first source is this layer's output, at stride 16; the second the last one's, at stride 32."""
V1_EXTRAS = ((256, 512), (128, 256), (128, 256), (128, 256))
V1_EXTRAS_POINTWISE = (*V1_EXTRAS[:3], (64, 128))
"""(1x1 channels, 3x3 channels) of the feature layers; the last is narrower before 1x1 predictors."""

# -- SSDLite on MobileNetV2: arXiv 1801.04381, table 2 and section 6.2 -------------------------------------------------

V2_STEM, V2_TAIL = 32, 1280
V2_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""(expansion, channels out, repeats, stride of the first) of each stage."""
V2_TAP = 13
"""The block that goes from stride 16 to stride 32."""
V2_EXTRAS = ((256, 512), (128, 256), (128, 256), (64, 64))
"""(expanded, out): here the expansion narrows."""

# -- SSDs of TensorFlow's Object Detection API on either MobileNet ----------------------------------------------------

TF_EXTRAS = ((256, 512), (128, 256), (128, 256), (64, 128))
"""(1x1 channels, 3x3 channels) of the feature layers."""


class TFNetwork(NamedTuple):
    """The choices of a pipeline configuration.

    Attributes:
        version: MobileNet's.
        separable: The 3x3 part of the feature layers is (``feature_extractor.use_depthwise``).
        heads: Predictors of 3x3, of 1x1 or separable (``box_predictor``'s ``kernel_size``, ``use_depthwise``).
    """

    version: Literal[1, 2]
    separable: bool
    heads: Literal["full", "pointwise", "separable"]


TF_NETWORKS: dict[Architecture, TFNetwork] = {
    "ssdlite-mobilenetv2-tf": TFNetwork(2, True, "separable"),
    "ssd-mobilenetv2-tf": TFNetwork(2, True, "full"),
    "ssd-mobilenetv2-tf-pointwise": TFNetwork(2, False, "pointwise"),
    "ssdlite-mobilenetv1-tf": TFNetwork(1, True, "separable"),
    "ssd-mobilenetv1-tf": TFNetwork(1, False, "pointwise"),
}
"""By architecture. As the API's ``ssdlite_mobilenet_v2_coco``, ``ssd_mobilenet_v2_coco``, ``ssd_mobilenet_v2_oid_v4``
and ``_quantized_300x300_coco``, ``ssdlite_mobilenet_v1_coco``, ``ssd_mobilenet_v1_coco`` have it."""

# -- SSDLite on MobileNetV3-Large: arXiv 1905.02244, table 1 -----------------------------------------------------------


class V3Block(NamedTuple):
    """One line of MobileNetV3-Large's table."""

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    hard: bool  # hard-swish instead of ReLU
    stride: int


V3_EPS = 0.001
"""The epsilon of batch normalisation that the published weights were trained with."""
V3_STEM = 16
V3_TAIL_FACTOR = 6
"""The last 1x1 convolution widens the last block this many times."""
V3_EXTRAS = (512, 256, 256, 128)
V3_BLOCKS = (
    V3Block(3, 16, 16, False, False, 1),
    V3Block(3, 64, 24, False, False, 2),
    V3Block(3, 72, 24, False, False, 1),
    V3Block(5, 72, 40, True, False, 2),
    V3Block(5, 120, 40, True, False, 1),
    V3Block(5, 120, 40, True, False, 1),
    V3Block(3, 240, 80, False, True, 2),
    V3Block(3, 200, 80, False, True, 1),
    V3Block(3, 184, 80, False, True, 1),
    V3Block(3, 184, 80, False, True, 1),
    V3Block(3, 480, 112, True, True, 1),
    V3Block(3, 672, 112, True, True, 1),
    V3Block(5, 672, 80, True, True, 2),
    V3Block(5, 480, 80, True, True, 1),
    V3Block(5, 480, 80, True, True, 1),
)
V3_WIDE = (
    *V3_BLOCKS[:12],
    V3Block(5, 672, 160, True, True, 2),
    V3Block(5, 960, 160, True, True, 1),
    V3Block(5, 960, 160, True, True, 1),
)
"""The end of the table as it was published; torchvision halves it where the backbone has no ImageNet weights."""
V3_TAP = 12
"""The first source is this block's expansion, still at stride 16."""


def squeezed(channels: int) -> int:
    """Channels inside a squeeze-excitation: a quarter, as a multiple of eight, never losing more than a tenth."""
    quarter = channels / 4
    rounded = max(8, int(quarter + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * quarter else rounded


# -- UltraFace ---------------------------------------------------------------------------------------------------------

FACE_STEM = 16
FACE_LAYERS = (
    (32, 1), (32, 2), (32, 1), (64, 2), (64, 1), (64, 1), (64, 1), (128, 2), (128, 1), (128, 1), (256, 2), (256, 1),
)  # fmt: skip
"""(channels out, stride) of the depthwise-separable layers 1..12."""
FACE_RFB_LAYER = 7
"""This layer of the RFB network is a receptive-field block."""
FACE_TAPS = (7, 10, 12)
"""Layers whose output feeds a predictor: strides 8, 16 and 32."""
FACE_EXTRA_SQUEEZE = 64
