"""The registry and the importers agree: what is shown of a model before it is fetched is what it then is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import ssd300_vgg16, ssdlite320_mobilenet_v3_large

from detector.importers.amdegroot import NAMING as AMDEGROOT
from detector.importers.base import Overrides, SourceFile
from detector.importers.conventions import network_shapes
from detector.importers.detect import detect_layout
from detector.importers.layouts import LAYOUTS
from detector.importers.lufficc_vgg import NAMING as LUFFICC
from detector.registry import MODELS
from detector.spec import ModelSpec
from tests.support.foreign_networks import LufficcMobileNetV2


def _torchvision(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in network.state_dict().items() if "anchor" not in name}


def _published(spec: ModelSpec) -> Mapping[str, Tensor]:
    """Names and shapes as in the published file, without values."""
    assert spec.config is not None
    if spec.name == "ssdlite320-mobilenetv2-voc":  # its importer computes with the values
        return LufficcMobileNetV2(21).state_dict()
    with torch.device("meta"):
        if spec.name == "ssd300-vgg16-coco":
            return _torchvision(ssd300_vgg16(weights=None, weights_backbone=None, num_classes=91))
        if spec.name == "ssdlite320-mobilenetv3-coco":
            return _torchvision(ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=91))
        shapes = network_shapes(spec)
        if spec.name.startswith("ultraface"):
            return {name: torch.empty(shape) for name, shape in shapes.items()}
        naming = AMDEGROOT if "amdegroot" in spec.name else LUFFICC
        names = naming.names(len(spec.config.grids))
        return {names[name]: torch.empty(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_published_file_becomes_what_the_registry_says(name: str) -> None:
    known = MODELS[name]
    state = _published(known)
    layout = next(layout for layout in LAYOUTS if layout.name == detect_layout(state).name)
    assert known.weights is not None
    source = SourceFile("published.pth", known.weights.sha256.ljust(64, "0"))
    spec = layout.load()(state, source, Overrides()).spec
    assert (spec.architecture, spec.labels, spec.width) == (known.architecture, known.labels, known.width)
    assert spec.input == known.input
    assert spec.config == known.config
    assert spec.postprocess == known.postprocess
