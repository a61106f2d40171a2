"""The layouts of foreign SSD weights known here: what tells each by its keys, and which importer knows its conventions.

A literal table. A new layout is one row here and one module with an ``Importer``; nothing else changes. No torch, and
no importer is loaded before it is needed.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import cast

from detector.errors import DetectorError
from detector.importers.base import Importer


@dataclass(frozen=True, slots=True)
class Layout:
    """One way of naming and ordering an SSD's tensors.

    Attributes:
        name: Short id, by which the user can name it.
        title: For people: code base and network.
        importer: ``module:function`` of its ``Importer``.
        has: A file of this layout has a tensor starting with each of these. Empty: never recognised, only chosen.
        shape: A tensor and its shape, where names alone do not tell.
    """

    name: str
    title: str
    importer: str
    has: tuple[str, ...] = ()
    shape: tuple[str, tuple[int, ...]] | None = None

    def load(self) -> Importer:
        """The importer."""
        module, _, function = self.importer.partition(":")
        return cast(Importer, getattr(importlib.import_module(module), function))


_HERE = "detector.importers"

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "torchvision-ssd300",
        "torchvision ssd300_vgg16",
        f"{_HERE}.torchvision_ssd:import_ssd300",
        has=("backbone.scale_weight",),
    ),
    Layout(
        "torchvision-ssdlite320",
        "torchvision ssdlite320_mobilenet_v3_large",
        f"{_HERE}.torchvision_ssdlite:import_ssdlite320",
        has=("backbone.features.0.13.0.weight",),
    ),
    Layout(
        "torchvision-fasterrcnn",
        "torchvision fasterrcnn_resnet50_fpn",
        f"{_HERE}.torchvision_fasterrcnn:import_resnet50",
        has=("backbone.body.layer4.", "roi_heads.box_predictor.cls_score."),
    ),
    Layout(
        "torchvision-fasterrcnn-mobilenet",
        "torchvision fasterrcnn_mobilenet_v3_large_320_fpn",
        f"{_HERE}.torchvision_fasterrcnn:import_mobilenet",
        has=("backbone.body.16.", "roi_heads.box_predictor.cls_score."),
    ),
    Layout(
        "nvidia-ssd300",
        "NVIDIA DeepLearningExamples SSD300 ResNet-50",
        f"{_HERE}.nvidia:import_nvidia",
        has=("feature_extractor.feature_extractor.",),
    ),
    Layout(
        "mmdetection",
        "mmdetection SSD, version 2.14 or later",
        f"{_HERE}.mmdetection:import_current",
        has=("neck.extra_layers.",),
    ),
    Layout(
        "mmdetection-old",
        "mmdetection SSD, version 2 before 2.14",
        f"{_HERE}.mmdetection:import_old",
        has=("bbox_head.cls_convs.", "backbone.extra."),
    ),
    Layout("mmdetection-1", "mmdetection SSD, version 1 (background first)", f"{_HERE}.mmdetection:import_version_1"),
    Layout(
        "lufficc-vgg16",
        "lufficc/SSD with VGG-16",
        f"{_HERE}.lufficc_vgg:import_lufficc_vgg",
        has=("box_head.predictor.", "backbone.vgg."),
    ),
    Layout(
        "lufficc-vgg16-1",
        "lufficc/SSD with VGG-16, version 1.0",
        f"{_HERE}.lufficc_vgg:import_version_1",
        has=("vgg.0.weight", "l2_norm.weight", "classification_headers."),
    ),
    Layout(
        "lufficc-mobilenetv2",
        "lufficc/SSD with MobileNetV2",
        f"{_HERE}.lufficc_mobilenet:import_lufficc_mobilenet",
        has=("box_head.predictor.", "backbone.features."),
    ),
    Layout(
        "amdegroot",
        "amdegroot/ssd.pytorch SSD300",
        f"{_HERE}.amdegroot:import_amdegroot",
        has=("vgg.0.weight", "loc.0.weight"),
    ),
    Layout(
        "vgg16-reducedfc",
        "vgg16_reducedfc, a base network without box predictors",
        f"{_HERE}.base_networks:refuse",
        has=("0.weight", "33.weight"),
    ),
    Layout(
        "vgg16-features",
        "torchvision VGG-16 features, a base network without box predictors",
        f"{_HERE}.base_networks:refuse",
        has=("features.0.weight", "features.28.weight"),
    ),
    Layout(
        "ultraface-rfb",
        "UltraFace RFB",
        f"{_HERE}.ultraface:import_rfb",
        has=("classification_headers.", "base_net.7.branch0."),
    ),
    Layout(
        "ultraface-slim",
        "UltraFace slim",
        f"{_HERE}.ultraface:import_slim",
        has=("classification_headers.", "base_net.7.3."),
        shape=("regression_headers.3.weight", (12, 256, 3, 3)),
    ),
    Layout(
        "qfgaohao-vgg16",
        "qfgaohao/pytorch-ssd vgg16-ssd",
        f"{_HERE}.qfgaohao_vgg:import_qfgaohao_vgg",
        has=("classification_headers.", "source_layer_add_ons.0.running_mean"),
    ),
    Layout(
        "qfgaohao-mb1",
        "qfgaohao/pytorch-ssd mb1-ssd or mb1-ssd-lite (also jetson-inference)",
        f"{_HERE}.qfgaohao_mobilenet:import_mb1",
        has=("classification_headers.", "base_net.13.3."),
    ),
    Layout(
        "qfgaohao-mb2-lite",
        "qfgaohao/pytorch-ssd mb2-ssd-lite (also jetson-inference)",
        f"{_HERE}.qfgaohao_mobilenet:import_mb2_lite",
        has=("classification_headers.", "base_net.14.conv."),
    ),
    Layout(
        "tensorflow-ssd",
        "TensorFlow's SSD or SSDLite on MobileNet (also coco-ssd)",
        f"{_HERE}.tensorflow_ssd:import_tensorflow",
        has=("FeatureExtractor/Mobilenet", "BoxPredictor_0/ClassPredictor/"),
    ),
)


def layout_named(name: str) -> Layout:
    """The layout ``name``.

    Raises:
        DetectorError: There is none.
    """
    for layout in LAYOUTS:
        if layout.name == name:
            return layout
    raise DetectorError(f"There is no layout {name[:60]!r}.", f"Known: {', '.join(row.name for row in LAYOUTS)}.")
