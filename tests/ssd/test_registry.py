"""The registry and the importers agree: what is shown of a model before it is fetched is what it then is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.detection import ssd300_vgg16, ssdlite320_mobilenet_v3_large

from detector.importers.amdegroot import NAMING as AMDEGROOT
from detector.importers.base import Overrides, SourceFile
from detector.importers.layout_match import detect_layout
from detector.importers.layouts import LAYOUTS
from detector.importers.lufficc_vgg import NAMING as LUFFICC
from detector.network_shapes import network_shapes
from detector.plans.architectures import is_two_stage
from detector.registry import MODELS
from detector.safetensors_file import Array
from detector.spec import ModelSpec
from detector.weights import as_arrays
from tests.support.foreign_networks import LufficcMobileNetV2


def _torchvision(network: nn.Module) -> dict[str, Array]:
    return {name: _nothing(tuple(t.shape)) for name, t in network.state_dict().items() if "anchor" not in name}


def _nothing(shape: tuple[int, ...]) -> Array:
    """Zeros that take no memory."""
    return np.broadcast_to(np.float32(0), shape)


def _published(spec: ModelSpec) -> Mapping[str, Array]:
    """Names and shapes as in the published file, without values."""
    if is_two_stage(spec):
        ninety = replace(spec, labels=tuple(map(str, range(90))))
        return {name: _nothing(shape) for name, shape in network_shapes(ninety).items()}
    assert spec.config is not None
    if spec.name == "ssdlite320-mobilenetv2-voc":  # its importer computes with the values
        return as_arrays(LufficcMobileNetV2(21).state_dict())
    with torch.device("meta"):
        if spec.name == "ssd300-vgg16-coco":
            return _torchvision(ssd300_vgg16(weights=None, weights_backbone=None, num_classes=91))
        if spec.name == "ssdlite320-mobilenetv3-coco":
            return _torchvision(ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=91))
        shapes = network_shapes(spec)
        if spec.name.startswith("ultraface"):
            return {name: _nothing(shape) for name, shape in shapes.items()}
        naming = AMDEGROOT if "amdegroot" in spec.name else LUFFICC
        names = naming.names(len(spec.config.grids))
        return {names[name]: _nothing(shape) for name, shape in shapes.items()}


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
