"""SSDLite320 on MobileNetV3-Large; twin of ``detector.models.ssdlite``."""

from __future__ import annotations

from detector.plans.builder import Activation, Builder, Node
from detector.plans.tables import (
    V3_BLOCKS,
    V3_EPS,
    V3_EXTRAS,
    V3_STEM,
    V3_TAIL_FACTOR,
    V3_TAP,
    V3_WIDE,
    V3Block,
    squeezed,
)


def ssdlite_mobilenet_v3(build: Builder, images: Node, *, wide_tail: bool) -> list[Node]:
    """Float[1, 3, 320, 320] -> the source maps, finest first."""
    x = _normed(build, images, "stem", V3_STEM, 3, stride=2, activation="hardswish")
    sources: list[Node] = []
    for index, block in enumerate(V3_WIDE if wide_tail else V3_BLOCKS):
        name = f"blocks.{index}"
        wide = x
        if block.expanded != build.channels(x):
            wide = _normed(build, x, f"{name}.expand", block.expanded, 1, activation=_activation(block))
        if index == V3_TAP:
            sources.append(wide)
        x = _filtered(build, x, wide, name, block)
    x = _normed(build, x, "tail", V3_TAIL_FACTOR * build.channels(x), 1, activation="hardswish")
    sources.append(x)
    for number, out in enumerate(V3_EXTRAS):
        name, middle = f"extras.{number}", out // 2
        x = _normed(build, x, f"{name}.0", middle, 1, activation="relu6")
        x = _normed(build, x, f"{name}.1", middle, 3, stride=2, depthwise=True, activation="relu6")
        x = _normed(build, x, f"{name}.2", out, 1, activation="relu6")
        sources.append(x)
    return sources


def predictor(build: Builder, x: Node, name: str, out: int) -> Node:
    """Depthwise 3x3, then pointwise with a bias."""
    y = _normed(build, x, f"{name}.0", build.channels(x), 3, depthwise=True, activation="relu6")
    return build.conv(y, f"{name}.1", out, 1)


def _filtered(build: Builder, x: Node, wide: Node, name: str, block: V3Block) -> Node:
    """The rest of an inverted residual, from its input and its expansion."""
    y = _normed(
        build,
        wide,
        f"{name}.depthwise",
        block.expanded,
        block.kernel,
        stride=block.stride,
        depthwise=True,
        activation=_activation(block),
    )
    if block.squeeze:
        y = build.squeeze_excitation(y, f"{name}.squeeze", squeezed(block.expanded))
    y = _normed(build, y, f"{name}.project", block.out, 1)
    return build.add(y, x) if block.stride == 1 and build.channels(x) == block.out else y


def _activation(block: V3Block) -> Activation:
    return "hardswish" if block.hard else "relu"


def _normed(
    build: Builder,
    x: Node,
    name: str,
    out: int,
    kernel: int,
    *,
    stride: int = 1,
    depthwise: bool = False,
    activation: Activation = "none",
) -> Node:
    return build.conv(
        x,
        f"{name}.conv",
        out,
        kernel,
        stride=stride,
        depthwise=depthwise,
        norm=(f"{name}.bn", V3_EPS),
        activation=activation,
    )
