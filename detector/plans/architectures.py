"""Every architecture a model can have, in one table: its plan, its torch module, the maps it predicts on.

Nobody else tells architectures apart by their names. A new one is a row here, a plan beside it, its torch twin in
``detector.models``, and its name in ``detector.spec.Architecture``. No torch: a row names its module, which is imported
when the network is built.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from detector.config import SSD300_VOC, SSD512_VOC, SSDLITE320, SSDConfig
from detector.errors import DetectorError
from detector.plans import ssdlite, ultraface
from detector.plans.builder import Activation, Builder, Node
from detector.plans.grids import Grids, Size, fixed_grids, halving_grids
from detector.plans.mobilenets import separable, ssd_mobilenet_v1, ssd_resnet50, ssdlite_mobilenet_v2
from detector.plans.tables import TF_NETWORKS, TFNetwork
from detector.plans.tensorflow import tensorflow_predictor, tensorflow_ssd
from detector.plans.vgg import ssd_vgg16
from detector.spec import Architecture, ModelSpec

Predictor = Callable[[Builder, Node, str, int, bool], Node]
"""(build, source map, name, channels out, whether it is the last map) -> prediction."""

_MOBILENET_GRIDS = halving_grids(16, 6)


@dataclass(frozen=True, slots=True)
class SingleStage:
    """An SSD, built from a plan of ours.

    Attributes:
        sources: (build, images Float[1, 3, H, W], spec) -> the source maps, finest first.
        predictor: Makes the predictors on a source map.
        module: ``module:class`` of its torch twin, which takes ``num_classes``, ``boxes_per_cell`` and ``options``.
        grids: Rows and columns of the source maps at an input size; None where it cannot have that size.
        options: Keyword arguments of the twin.
        heads: Names of the box and the class predictors.
        first_layers: How the parameters' names begin of the layers that see edges and textures: any detector can use
            them as they are, and learning nothing there makes a step on a CPU nearly twice as fast. () where unknown.
        scalable: Its twin also takes ``size``, the input side, and ``width``, a multiplier of all channels.
    """

    sources: Callable[[Builder, Node, ModelSpec], list[Node]]
    predictor: Predictor
    module: str
    grids: Callable[[Size], Grids | None]
    options: Mapping[str, Any] = field(default_factory=dict)
    heads: tuple[str, str] = ("loc", "conf")
    first_layers: tuple[str, ...] = ()
    scalable: bool = False

    def twin(self) -> Callable[..., Any]:
        """Imports torch, and returns the class of the twin."""
        module, _, name = self.module.partition(":")
        twin: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return twin


@dataclass(frozen=True, slots=True)
class TwoStage:
    """torchvision's Faster R-CNN, no SSD, to compare with: it has no default boxes, and no plan of ours.

    The input's height and width are what the shorter and the longer side of an image are scaled to at most, its shape
    kept.

    Attributes:
        backbone: What ``detector.models.faster_rcnn`` builds it on.
    """

    backbone: Literal["resnet50", "mobilenet_v3"]


@dataclass(frozen=True, slots=True)
class OwnGraph:
    """A network that its file brings along, kept in OpenVINO's format; ``ModelSpec.graph`` says how it is read."""


def _convolution(kernel: int) -> Predictor:
    return lambda build, x, name, out, _last: build.conv(x, name, out, kernel)


def _separable(activation: Activation) -> Predictor:
    """SSDLite's: separable, but for a 1x1 convolution on the last map, which has a single cell."""

    def predict(build: Builder, x: Node, name: str, out: int, last: bool) -> Node:
        return build.conv(x, name, out, 1) if last else separable(build, x, name, out, activation=activation)

    return predict


def _vgg16(*, affine: bool) -> SingleStage:
    return SingleStage(
        lambda build, images, spec: ssd_vgg16(build, images, spec.input.height, spec.width, affine=affine),
        _convolution(3),
        "detector.models.ssd:SSD",
        fixed_grids(SSD300_VOC, SSD512_VOC),
        {"affine": affine},
        first_layers=("backbone.conv1_", "backbone.conv2_"),
        scalable=True,
    )


def _first_blocks(number: int) -> tuple[str, ...]:
    return ("stem.", *(f"blocks.{index}." for index in range(number)))


def _mobilenet_v1(heads: Literal["full", "pointwise", "separable"], predictor: Predictor) -> SingleStage:
    return SingleStage(
        lambda build, images, _spec: ssd_mobilenet_v1(
            build, images, pointwise=heads == "pointwise", lite=heads == "separable"
        ),
        predictor,
        "detector.models.mobilenet_v1:SSDMobileNetV1",
        _MOBILENET_GRIDS,
        {"heads": heads},
        first_layers=_first_blocks(5),
    )


def _mobilenet_v2(*, narrow_tap: bool) -> SingleStage:
    return SingleStage(
        lambda build, images, _spec: ssdlite_mobilenet_v2(build, images, narrow_tap=narrow_tap),
        _separable("relu6"),
        "detector.models.mobilenet_v2:SSDLiteMobileNetV2",
        _MOBILENET_GRIDS,
        {"narrow_tap": narrow_tap},
        first_layers=_first_blocks(7),
    )


def _tensorflow(network: TFNetwork, first_layers: tuple[str, ...] = ()) -> SingleStage:
    return SingleStage(
        lambda build, images, _spec: tensorflow_ssd(build, images, network),
        lambda build, x, name, out, _last: tensorflow_predictor(build, x, name, out, network),
        "detector.models.tensorflow:TensorFlowSSD",
        _MOBILENET_GRIDS,
        {"network": network},
        first_layers=first_layers,
    )


def _mobilenet_v3(*, wide_tail: bool) -> SingleStage:
    return SingleStage(
        lambda build, images, _spec: ssdlite.ssdlite_mobilenet_v3(build, images, wide_tail=wide_tail),
        lambda build, x, name, out, _last: ssdlite.predictor(build, x, name, out),
        "detector.models.ssdlite:SSDLite",
        fixed_grids(SSDLITE320),
        {"wide_tail": wide_tail},
        first_layers=_first_blocks(7),
    )


def _ultraface(*, rfb: bool) -> SingleStage:
    return SingleStage(
        lambda build, images, _spec: ultraface.ultraface(build, images, rfb=rfb),
        ultraface.predictor,
        "detector.models.ultraface:UltraFace",
        halving_grids(8, 4),
        {"rfb": rfb},
        heads=("regression_headers", "classification_headers"),
    )


ARCHITECTURES: dict[Architecture, SingleStage | TwoStage | OwnGraph] = {
    "ssd-vgg16": _vgg16(affine=False),
    "ssd-vgg16-affine": _vgg16(affine=True),
    "ssd-resnet50": SingleStage(
        lambda build, images, _spec: ssd_resnet50(build, images),
        _convolution(3),
        "detector.models.resnet:SSDResNet50",
        fixed_grids(SSD300_VOC),
    ),
    "ssd-mobilenetv1": _mobilenet_v1("full", _convolution(3)),
    "ssd-mobilenetv1-pointwise": _mobilenet_v1("pointwise", _convolution(1)),
    "ssdlite-mobilenetv1": _mobilenet_v1("separable", _separable("relu")),
    "ssdlite-mobilenetv2": _mobilenet_v2(narrow_tap=False),
    "ssdlite-mobilenetv2-narrow": _mobilenet_v2(narrow_tap=True),
    "ssdlite-mobilenetv2-tf": _tensorflow(TF_NETWORKS["ssdlite-mobilenetv2-tf"], _first_blocks(7)),
    "ssd-mobilenetv2-tf": _tensorflow(TF_NETWORKS["ssd-mobilenetv2-tf"], _first_blocks(7)),
    "ssd-mobilenetv2-tf-pointwise": _tensorflow(TF_NETWORKS["ssd-mobilenetv2-tf-pointwise"]),
    "ssdlite-mobilenetv1-tf": _tensorflow(TF_NETWORKS["ssdlite-mobilenetv1-tf"]),
    "ssd-mobilenetv1-tf": _tensorflow(TF_NETWORKS["ssd-mobilenetv1-tf"], _first_blocks(5)),
    "ssdlite320-mobilenetv3": _mobilenet_v3(wide_tail=False),
    "ssdlite320-mobilenetv3-wide": _mobilenet_v3(wide_tail=True),
    "ultraface-rfb": _ultraface(rfb=True),
    "ultraface-slim": _ultraface(rfb=False),
    "fasterrcnn-resnet50-fpn": TwoStage("resnet50"),
    "fasterrcnn-mobilenetv3-320-fpn": TwoStage("mobilenet_v3"),
    "graph": OwnGraph(),
}


def is_two_stage(spec: ModelSpec) -> bool:
    """Returns whether ``spec`` is of torchvision's Faster R-CNN."""
    return isinstance(ARCHITECTURES[spec.architecture], TwoStage)


def has_own_graph(spec: ModelSpec) -> bool:
    """Returns whether ``spec`` is of a network that its file brings along."""
    return isinstance(ARCHITECTURES[spec.architecture], OwnGraph)


def first_layers(architecture: Architecture) -> tuple[str, ...]:
    """Returns ``SingleStage.first_layers``; () for what is none."""
    row = ARCHITECTURES[architecture]
    return row.first_layers if isinstance(row, SingleStage) else ()


def single_stage(spec: ModelSpec) -> tuple[SingleStage, SSDConfig]:
    """Returns the architecture of ``spec`` and its default boxes, sure to belong together.

    Raises:
        DetectorError: The model brings its own network, or the boxes are not laid out as the architecture predicts.
    """
    row, config = ARCHITECTURES[spec.architecture], spec.config
    if isinstance(row, TwoStage):
        raise DetectorError(f"{spec.name} is no SSD; it is only there to compare with.")
    if isinstance(row, OwnGraph) or config is None:
        raise DetectorError(f"Model {spec.name} brings its own network.", "Run it with the OpenVINO engine.")
    if config.grids != row.grids(config.image_size):
        height, width = config.image_size
        raise DetectorError(
            f"Model {spec.name}: its default boxes for {width}x{height} pixels do not fit {spec.architecture}.",
            "The file was not made for this program, or is damaged.",
        )
    return row, config
