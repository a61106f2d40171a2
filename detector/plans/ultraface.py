"""UltraFace; twin of ``detector.models.ultraface``."""

from __future__ import annotations

from detector.plans.builder import Activation, Builder, Node
from detector.plans.tables import FACE_EXTRA_SQUEEZE, FACE_LAYERS, FACE_RFB_LAYER, FACE_STEM, FACE_TAPS

_EPS = 1e-5


def ultraface(build: Builder, images: Node, *, rfb: bool) -> list[Node]:
    """Float[1, 3, H, W] -> the source maps, finest first."""
    x = build.conv(images, "base_net.0.0", FACE_STEM, 3, stride=2, norm=("base_net.0.1", _EPS), activation="relu")
    sources: list[Node] = []
    for number, (out, stride) in enumerate(FACE_LAYERS, start=1):
        name = f"base_net.{number}"
        if rfb and number == FACE_RFB_LAYER:
            x = _receptive_field_block(build, x, name)
        else:
            x = build.conv(
                x,
                f"{name}.0",
                build.channels(x),
                3,
                stride=stride,
                depthwise=True,
                norm=(f"{name}.1", _EPS),
                activation="relu",
            )
            x = build.conv(x, f"{name}.3", out, 1, norm=(f"{name}.4", _EPS), activation="relu")
        if number in FACE_TAPS:
            sources.append(x)
    wide = build.channels(x)
    y = build.conv(x, "extras.0.0", FACE_EXTRA_SQUEEZE, 1, activation="relu")
    sources.append(build.activate(separable(build, y, "extras.0.2", wide, stride=2), "relu"))
    return sources


def separable(build: Builder, x: Node, name: str, out: int, *, stride: int = 1) -> Node:
    """Depthwise 3x3 and ReLU, then pointwise, with biases."""
    y = build.conv(x, f"{name}.0", build.channels(x), 3, stride=stride, depthwise=True, activation="relu")
    return build.conv(y, f"{name}.2", out, 1)


def predictor(build: Builder, x: Node, name: str, out: int, last: bool) -> Node:
    """Separable, but for a full convolution on the last map."""
    return build.conv(x, name, out, 3) if last else separable(build, x, name, out)


def _receptive_field_block(build: Builder, x: Node, name: str) -> Node:
    """Three branches with dilations 2, 3 and 5 beside a shortcut."""
    wide = build.channels(x)
    narrow = wide // 8
    branches = (
        ((narrow, 1, 1), (2 * narrow, 3, 1), (2 * narrow, 3, 2)),
        ((narrow, 1, 1), (2 * narrow, 3, 1), (2 * narrow, 3, 3)),
        ((narrow, 1, 1), (narrow * 3 // 2, 3, 1), (2 * narrow, 3, 1), (2 * narrow, 3, 5)),
    )
    seen = []
    for number, layers in enumerate(branches):
        y = x
        for index, (out, kernel, dilation) in enumerate(layers):
            inner = 0 < index < len(layers) - 1
            y = _normed(build, y, f"{name}.branch{number}.{index}", out, kernel, dilation, "relu" if inner else "none")
        seen.append(y)
    mixed = _normed(build, build.concat(seen), f"{name}.ConvLinear", wide, 1)
    return build.activate(build.add(mixed, _normed(build, x, f"{name}.shortcut", wide, 1)), "relu")


def _normed(
    build: Builder, x: Node, name: str, out: int, kernel: int, dilation: int = 1, activation: Activation = "none"
) -> Node:
    return build.conv(
        x, f"{name}.conv", out, kernel, dilation=dilation, norm=(f"{name}.bn", _EPS), activation=activation
    )
