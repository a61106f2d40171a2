"""SSDs on ResNet-50, MobileNet and MobileNetV2, all made of convolutions with biases.

Twins of ``detector.models.resnet``, ``mobilenet_v1`` and ``mobilenet_v2``.
"""

from __future__ import annotations

from detector.plans.builder import Activation, Builder, Node
from detector.plans.tables import (
    RESNET_EXPANSION,
    RESNET_EXTRAS,
    RESNET_STAGES,
    RESNET_STEM,
    V1_EXTRAS,
    V1_EXTRAS_POINTWISE,
    V1_LAYERS,
    V1_STEM,
    V1_TAP,
    V2_EXTRAS,
    V2_STAGES,
    V2_STEM,
    V2_TAIL,
    V2_TAP,
)


def ssd_resnet50(build: Builder, images: Node) -> list[Node]:
    """Float[1, 3, 300, 300] -> the source maps, finest first."""
    x = build.conv(images, "stem", RESNET_STEM, 7, stride=2, activation="relu")
    x = build.max_pool(x, 3, stride=2, padding=1)
    for stage, (blocks, narrow, first) in enumerate(RESNET_STAGES):
        for block in range(blocks):
            x = _residual(build, x, f"stages.{stage}.{block}", narrow, 1 if block else first)
    sources = [x]
    for number, (middle, out, stride, padding) in enumerate(RESNET_EXTRAS):
        x = build.conv(x, f"extras.{number}.squeeze", middle, 1, activation="relu")
        x = build.conv(x, f"extras.{number}.widen", out, 3, stride=stride, padding=padding, activation="relu")
        sources.append(x)
    return sources


def _residual(build: Builder, x: Node, name: str, narrow: int, stride: int) -> Node:
    after = narrow * RESNET_EXPANSION
    y = build.conv(x, f"{name}.squeeze", narrow, 1, activation="relu")
    y = build.conv(y, f"{name}.filter", narrow, 3, stride=stride, activation="relu")
    y = build.conv(y, f"{name}.widen", after, 1)
    if stride != 1 or build.channels(x) != after:
        x = build.conv(x, f"{name}.shortcut", after, 1, stride=stride)
    return build.activate(build.add(y, x), "relu")


def ssd_mobilenet_v1(build: Builder, images: Node, *, pointwise: bool, lite: bool) -> list[Node]:
    """Float[1, 3, H, W] -> the source maps, finest first; ``lite`` has separable feature layers."""
    x = build.conv(images, "stem", V1_STEM, 3, stride=2, activation="relu")
    sources: list[Node] = []
    for index, (out, stride) in enumerate(V1_LAYERS):
        x = separable(build, x, f"blocks.{index}", out, stride=stride, final="relu")
        if index == V1_TAP:
            sources.append(x)
    sources.append(x)
    for number, (middle, out) in enumerate(V1_EXTRAS_POINTWISE if pointwise else V1_EXTRAS):
        x = build.conv(x, f"extras.{number}.squeeze", middle, 1, activation="relu")
        if lite:
            x = separable(build, x, f"extras.{number}.widen", out, stride=2)
        else:
            x = build.conv(x, f"extras.{number}.widen", out, 3, stride=2, activation="relu")
        sources.append(x)
    return sources


def ssdlite_mobilenet_v2(build: Builder, images: Node, *, narrow_tap: bool) -> list[Node]:
    """Float[1, 3, H, W] -> the source maps, finest first."""
    x = build.conv(images, "stem", V2_STEM, 3, stride=2, activation="relu6")
    sources: list[Node] = []
    index = 0
    for expansion, out, repeats, first in V2_STAGES:
        for repeat in range(repeats):
            wide = _expanded(build, x, f"blocks.{index}", build.channels(x) * expansion)
            if index == V2_TAP:
                sources.append(x if narrow_tap else wide)
            x = _projected(build, x, wide, f"blocks.{index}", out, 1 if repeat else first)
            index += 1
    x = build.conv(x, "tail", V2_TAIL, 1, activation="relu6")
    sources.append(x)
    for number, (width, out) in enumerate(V2_EXTRAS):
        x = _projected(build, x, _expanded(build, x, f"extras.{number}", width), f"extras.{number}", out, 2)
        sources.append(x)
    return sources


def _expanded(build: Builder, x: Node, name: str, width: int) -> Node:
    return x if width == build.channels(x) else build.conv(x, f"{name}.expand", width, 1, activation="relu6")


def _projected(build: Builder, x: Node, wide: Node, name: str, out: int, stride: int) -> Node:
    y = build.conv(
        wide, f"{name}.depthwise", build.channels(wide), 3, stride=stride, depthwise=True, activation="relu6"
    )
    y = build.conv(y, f"{name}.project", out, 1)
    return build.add(y, x) if stride == 1 and build.channels(x) == out else y


def separable(
    build: Builder,
    x: Node,
    name: str,
    out: int,
    *,
    stride: int = 1,
    activation: Activation = "relu",
    final: Activation = "none",
) -> Node:
    """Each channel by itself, then all mixed; twin of ``detector.models.layers.Separable``."""
    y = build.conv(x, f"{name}.depthwise", build.channels(x), 3, stride=stride, depthwise=True, activation=activation)
    return build.conv(y, f"{name}.pointwise", out, 1, activation=final)
