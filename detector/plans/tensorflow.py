"""SSDs of TensorFlow's Object Detection API on MobileNet (1 or 2); twin of ``detector.models.tensorflow``.

They differ from other SSDs on these networks in "SAME" padding, a ReLU6 behind every convolution but projections and
predictions, the feature layers, and SSDLite's separable predictors on the last map too. Batch normalisation is folded.
"""

from __future__ import annotations

from detector.plans.builder import Activation, Builder, Node
from detector.plans.tables import (
    TF_EXTRAS,
    V1_LAYERS,
    V1_STEM,
    V1_TAP,
    V2_STAGES,
    V2_STEM,
    V2_TAIL,
    V2_TAP,
    TFNetwork,
)


def tensorflow_ssd(build: Builder, images: Node, network: TFNetwork) -> list[Node]:
    """Float[1, 3, H, W] -> the source maps, finest first."""
    sources = (_mobilenet_v1 if network.version == 1 else _mobilenet_v2)(build, images)
    x = sources[-1]
    for number, (middle, out) in enumerate(TF_EXTRAS):
        x = _conv(build, x, f"extras.{number}.squeeze", middle, 1)
        name = f"extras.{number}.widen"
        separable = network.separable
        x = _separable(build, x, name, out, stride=2) if separable else _conv(build, x, name, out, 3, stride=2)
        sources.append(x)
    return sources


def tensorflow_predictor(build: Builder, x: Node, name: str, out: int, network: TFNetwork) -> Node:
    """Offsets or class scores of one map."""
    if network.heads == "separable":
        return _separable(build, x, name, out, final="none")
    return build.conv(x, name, out, 1 if network.heads == "pointwise" else 3)


def _mobilenet_v1(build: Builder, images: Node) -> list[Node]:
    x = _conv(build, images, "stem", V1_STEM, 3, stride=2)
    sources = []
    for index, (out, stride) in enumerate(V1_LAYERS):
        x = _separable(build, x, f"blocks.{index}", out, stride=stride)
        if index == V1_TAP:
            sources.append(x)
    return [*sources, x]


def _mobilenet_v2(build: Builder, images: Node) -> list[Node]:
    x = _conv(build, images, "stem", V2_STEM, 3, stride=2)
    sources: list[Node] = []
    index = 0
    for expansion, out, repeats, first in V2_STAGES:
        for repeat in range(repeats):
            name, before, stride = f"blocks.{index}", build.channels(x), 1 if repeat else first
            wide = x if expansion == 1 else _conv(build, x, f"{name}.expand", before * expansion, 1)
            if index == V2_TAP:
                sources.append(wide)
            y = _conv(build, wide, f"{name}.depthwise", before * expansion, 3, stride=stride, depthwise=True)
            y = build.conv(y, f"{name}.project", out, 1)
            x = build.add(y, x) if stride == 1 and before == out else y
            index += 1
    return [*sources, _conv(build, x, "tail", V2_TAIL, 1)]


def _separable(build: Builder, x: Node, name: str, out: int, *, stride: int = 1, final: Activation = "relu6") -> Node:
    """Each channel by itself, then all mixed."""
    y = _conv(build, x, f"{name}.depthwise", build.channels(x), 3, stride=stride, depthwise=True)
    return build.conv(y, f"{name}.pointwise", out, 1, activation=final)


def _conv(
    build: Builder, x: Node, name: str, out: int, kernel: int, *, stride: int = 1, depthwise: bool = False
) -> Node:
    return build.conv(x, name, out, kernel, stride=stride, same=True, depthwise=depthwise, activation="relu6")
