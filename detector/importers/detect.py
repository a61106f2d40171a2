"""Which program wrote a state dict, told by its keys. The first rule that matches wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from detector.errors import DetectorError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class LayoutMatch:
    """A recognised layout.

    Attributes:
        name: Short id, e.g. "ultraface-rfb".
        title: For people: code base and network.
    """

    name: str
    title: str


def detect_layout(state: Mapping[str, Tensor]) -> LayoutMatch:
    """Recognise the layout of ``state`` (unwrapped, prefixes removed).

    Raises:
        DetectorError: No known layout.
    """
    for found, match in _rules(state):
        if found:
            return match
    some = ", ".join(name[:40] for name in list(state)[:3])
    raise DetectorError(f"No SSD layout known here has tensors like {some}.", "See 'ssd-viewer models import --help'.")


def _rules(state: Mapping[str, Tensor]) -> list[tuple[bool, LayoutMatch]]:
    def some(prefix: str) -> bool:
        return any(name.startswith(prefix) for name in state)

    def shape(name: str) -> tuple[int, ...]:
        return tuple(state[name].shape) if name in state else ()

    headers = some("classification_headers.")
    return [
        ("backbone.scale_weight" in state, LayoutMatch("torchvision-ssd300", "torchvision ssd300_vgg16")),
        (
            "backbone.features.0.13.0.weight" in state,
            LayoutMatch("torchvision-ssdlite320", "torchvision ssdlite320_mobilenet_v3_large"),
        ),
        (
            some("feature_extractor.feature_extractor."),
            LayoutMatch("nvidia-ssd300", "NVIDIA DeepLearningExamples SSD300 ResNet-50"),
        ),
        (some("neck.extra_layers."), LayoutMatch("mmdetection", "mmdetection SSD")),
        (
            some("bbox_head.cls_convs.") and some("backbone.extra."),
            LayoutMatch("mmdetection-old", "mmdetection SSD before 2.14"),
        ),
        (some("box_head.predictor."), LayoutMatch("lufficc", "lufficc/SSD")),
        ("vgg.0.weight" in state and "loc.0.weight" in state, LayoutMatch("amdegroot", "amdegroot/ssd.pytorch")),
        (
            "0.weight" in state and "33.weight" in state,
            LayoutMatch("vgg16-reducedfc", "vgg16_reducedfc, a base network without predictors"),
        ),
        (headers and some("base_net.7.branch0."), LayoutMatch("ultraface-rfb", "UltraFace RFB")),
        (
            headers and shape("regression_headers.3.weight") == (12, 256, 3, 3),
            LayoutMatch("ultraface-slim", "UltraFace slim"),
        ),
        (
            headers and "source_layer_add_ons.0.running_mean" in state,
            LayoutMatch("qfgaohao-vgg16", "qfgaohao/pytorch-ssd VGG-16"),
        ),
        (
            headers and shape("base_net.0.0.weight") == (32, 3, 3, 3),
            LayoutMatch("qfgaohao-mobilenet", "qfgaohao/pytorch-ssd MobileNet"),
        ),
    ]
