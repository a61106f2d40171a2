"""torchvision's SSDs and ours with the same random weights: the key names of its published files, stated once more.

Independent of the program's importers on purpose: a mistake in one shows against the other.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models.detection import ssd as torchvision_ssd
from torchvision.models.detection import ssd300_vgg16, ssdlite320_mobilenet_v3_large

from detector.config import SSD300_TORCHVISION, SSDLITE320
from detector.labels import TORCHVISION_COCO91
from detector.models.build import build_network
from detector.spec import InputSpec, ModelSpec, PostprocessSpec

_VGG = {"1_1": 0, "1_2": 2, "2_1": 5, "2_2": 7, "3_1": 10, "3_2": 12, "3_3": 14, "4_1": 17, "4_2": 19, "4_3": 21}
_LOG_LIMIT = 4.135166556742356  # log(1000 / 16)

SSD300_SPEC = ModelSpec(
    name="ssd300 parity",
    architecture="ssd-vgg16",
    labels=TORCHVISION_COCO91[1:],
    input=InputSpec(300, 300, "rgb", (0.48235 * 255, 0.45882 * 255, 0.40784 * 255), (1.0, 1.0, 1.0)),
    config=SSD300_TORCHVISION,
    postprocess=PostprocessSpec(clip=True, max_log_size=_LOG_LIMIT),
)
SSDLITE_SPEC = ModelSpec(
    name="ssdlite parity",
    architecture="ssdlite320-mobilenetv3",
    labels=TORCHVISION_COCO91[1:],
    input=InputSpec(320, 320, "rgb", (127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    config=SSDLITE320,
    postprocess=PostprocessSpec(
        score_floor=0.001, iou_threshold=0.55, top_k=300, max_detections=300, clip=True, max_log_size=_LOG_LIMIT
    ),
)


def ssd300_twins(seed: int) -> tuple[torchvision_ssd.SSD, nn.Module]:
    """torchvision's and our SSD300 with the same random weights."""
    theirs = their_ssd300(seed)
    return theirs, _load(SSD300_SPEC, theirs, _ssd300_names())


def ssdlite_twins(seed: int) -> tuple[torchvision_ssd.SSD, nn.Module]:
    """torchvision's and our SSDLite320 with the same random weights and batch statistics."""
    theirs = their_ssdlite(seed)
    return theirs, _load(SSDLITE_SPEC, theirs, _ssdlite_names())


def their_ssd300(seed: int) -> torchvision_ssd.SSD:
    """torchvision's SSD300 with random weights."""
    torch.manual_seed(seed)
    return ssd300_vgg16(weights=None, weights_backbone=None, num_classes=91).eval()


def their_ssdlite(seed: int) -> torchvision_ssd.SSD:
    """torchvision's SSDLite320 with random weights and batch statistics."""
    torch.manual_seed(seed)
    theirs = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=91).eval()
    randomise(theirs)
    return theirs


def randomise(network: nn.Module) -> None:
    """Weights and batch statistics that let an image through every layer."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)


def _load(spec: ModelSpec, theirs: nn.Module, names: dict[str, str]) -> nn.Module:
    """Ours with the tensors of ``theirs``; ``names`` maps module names, and every tensor must find its place."""
    state: dict[str, Tensor] = {}
    for key, tensor in theirs.state_dict().items():
        module, _, leaf = key.rpartition(".")
        if key in names:
            state[names[key]] = tensor
        else:
            state[f"{names[module]}.{leaf}"] = tensor
    network = build_network(spec)
    network.load_state_dict(state, strict=True)
    return network


def _ssd300_names() -> dict[str, str]:
    names = {f"backbone.features.{i}": f"backbone.conv{conv}" for conv, i in _VGG.items()}
    names |= {f"backbone.extra.0.{i}": f"backbone.conv5_{n}" for n, i in ((1, 1), (2, 3), (3, 5))}
    names |= {"backbone.extra.0.7.1": "backbone.fc6", "backbone.extra.0.7.3": "backbone.fc7"}
    names |= {f"backbone.extra.{i}.{j}": f"extras.conv{7 + i}_{1 + j // 2}" for i in range(1, 5) for j in (0, 2)}
    for i in range(6):
        names[f"head.classification_head.module_list.{i}"] = f"conf.{i}"
        names[f"head.regression_head.module_list.{i}"] = f"loc.{i}"
    return names | {"backbone.scale_weight": "l2norm.scale"}


def _ssdlite_names() -> dict[str, str]:
    def conv_bn(theirs: str, ours: str) -> dict[str, str]:
        return {f"{theirs}.0": f"{ours}.conv", f"{theirs}.1": f"{ours}.bn"}

    names = conv_bn("backbone.features.0.0", "stem") | conv_bn("backbone.features.1.3", "tail")
    squeezing = (3, 4, 5, 10, 11, 13, 14)
    for block in (*range(12), 13, 14):
        place = f"backbone.features.0.{block + 1}.block" if block < 12 else f"backbone.features.1.{block - 12}.block"
        parts = (
            (["expand"] if block else []) + ["depthwise"] + (["squeeze"] if block in squeezing else []) + ["project"]
        )
        for i, part in enumerate(parts):
            ours = f"blocks.{block}.{part}"
            if part == "squeeze":
                names |= {f"{place}.{i}.fc{n}": f"{ours}.fc{n}" for n in (1, 2)}
            else:
                names |= conv_bn(f"{place}.{i}", ours)
    # Block 12 is cut in two, its expansion being the first source map.
    names |= conv_bn("backbone.features.0.13", "blocks.12.expand")
    names |= conv_bn("backbone.features.1.0.1", "blocks.12.depthwise")
    names |= {f"backbone.features.1.0.2.fc{n}": f"blocks.12.squeeze.fc{n}" for n in (1, 2)}
    names |= conv_bn("backbone.features.1.0.3", "blocks.12.project")
    for i in range(4):
        for j in range(3):
            names |= conv_bn(f"backbone.extra.{i}.{j}", f"extras.{i}.{j}")
    for theirs, ours in (("classification_head", "conf"), ("regression_head", "loc")):
        for i in range(6):
            names |= conv_bn(f"head.{theirs}.module_list.{i}.0", f"{ours}.{i}.0")
            names[f"head.{theirs}.module_list.{i}.1"] = f"{ours}.{i}.1"
    return names


def as_floats(image_rgb: Tensor) -> Tensor:
    """UInt8[3, H, W] -> Float32[3, H, W] in [0, 1], what torchvision's detectors take."""
    return cast(Tensor, image_rgb.float() / 255)
