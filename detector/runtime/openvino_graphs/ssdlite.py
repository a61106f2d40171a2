"""SSDLite320 on MobileNetV3-Large as OpenVINO nodes; twin of ``detector.models.ssdlite``."""

from __future__ import annotations

from detector.models.tables import (
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
from detector.runtime.openvino_graphs.graph import Activation, Graph, Node, channels


def ssdlite_mobilenet_v3(graph: Graph, images: Node, *, wide_tail: bool) -> list[Node]:
    """Float[1, 3, 320, 320] -> the source maps, finest first."""
    x = _normed(graph, images, "stem", V3_STEM, 3, stride=2, activation="hardswish")
    sources: list[Node] = []
    for index, block in enumerate(V3_WIDE if wide_tail else V3_BLOCKS):
        name = f"blocks.{index}"
        wide = x
        if block.expanded != channels(x):
            wide = _normed(graph, x, f"{name}.expand", block.expanded, 1, activation=_activation(block))
        if index == V3_TAP:
            sources.append(wide)
        x = _filtered(graph, x, wide, name, block)
    x = _normed(graph, x, "tail", V3_TAIL_FACTOR * channels(x), 1, activation="hardswish")
    sources.append(x)
    for number, out in enumerate(V3_EXTRAS):
        name, middle = f"extras.{number}", out // 2
        x = _normed(graph, x, f"{name}.0", middle, 1, activation="relu6")
        x = _normed(graph, x, f"{name}.1", middle, 3, stride=2, depthwise=True, activation="relu6")
        x = _normed(graph, x, f"{name}.2", out, 1, activation="relu6")
        sources.append(x)
    return sources


def predictor(graph: Graph, x: Node, name: str, out: int) -> Node:
    """Depthwise 3x3, then pointwise with a bias."""
    y = _normed(graph, x, f"{name}.0", channels(x), 3, depthwise=True, activation="relu6")
    return graph.conv(y, f"{name}.1", out, 1)


def _filtered(graph: Graph, x: Node, wide: Node, name: str, block: V3Block) -> Node:
    """The rest of an inverted residual, from its input and its expansion."""
    y = _normed(
        graph,
        wide,
        f"{name}.depthwise",
        block.expanded,
        block.kernel,
        stride=block.stride,
        depthwise=True,
        activation=_activation(block),
    )
    if block.squeeze:
        y = graph.squeeze_excitation(y, f"{name}.squeeze", squeezed(block.expanded))
    y = _normed(graph, y, f"{name}.project", block.out, 1)
    return graph.add(y, x) if block.stride == 1 and channels(x) == block.out else y


def _activation(block: V3Block) -> Activation:
    return "hardswish" if block.hard else "relu"


def _normed(
    graph: Graph,
    x: Node,
    name: str,
    out: int,
    kernel: int,
    *,
    stride: int = 1,
    depthwise: bool = False,
    activation: Activation = "none",
) -> Node:
    return graph.conv(
        x,
        f"{name}.conv",
        out,
        kernel,
        stride=stride,
        depthwise=depthwise,
        norm=(f"{name}.bn", V3_EPS),
        activation=activation,
    )
