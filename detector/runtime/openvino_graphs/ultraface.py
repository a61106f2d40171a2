"""UltraFace as OpenVINO nodes; twin of ``detector.models.ultraface``."""

from __future__ import annotations

from detector.models.tables import FACE_EXTRA_SQUEEZE, FACE_LAYERS, FACE_RFB_LAYER, FACE_STEM, FACE_TAPS
from detector.runtime.openvino_graphs.graph import Activation, Graph, Node, channels

_EPS = 1e-5


def ultraface(graph: Graph, images: Node, *, rfb: bool) -> list[Node]:
    """Float[1, 3, H, W] -> the source maps, finest first."""
    x = graph.conv(images, "base_net.0.0", FACE_STEM, 3, stride=2, norm=("base_net.0.1", _EPS), activation="relu")
    sources: list[Node] = []
    for number, (out, stride) in enumerate(FACE_LAYERS, start=1):
        name = f"base_net.{number}"
        if rfb and number == FACE_RFB_LAYER:
            x = _receptive_field_block(graph, x, name)
        else:
            x = graph.conv(
                x,
                f"{name}.0",
                channels(x),
                3,
                stride=stride,
                depthwise=True,
                norm=(f"{name}.1", _EPS),
                activation="relu",
            )
            x = graph.conv(x, f"{name}.3", out, 1, norm=(f"{name}.4", _EPS), activation="relu")
        if number in FACE_TAPS:
            sources.append(x)
    wide = channels(x)
    y = graph.conv(x, "extras.0.0", FACE_EXTRA_SQUEEZE, 1, activation="relu")
    sources.append(graph.activate(separable(graph, y, "extras.0.2", wide, stride=2), "relu"))
    return sources


def separable(graph: Graph, x: Node, name: str, out: int, *, stride: int = 1) -> Node:
    """Depthwise 3x3 and ReLU, then pointwise, with biases."""
    y = graph.conv(x, f"{name}.0", channels(x), 3, stride=stride, depthwise=True, activation="relu")
    return graph.conv(y, f"{name}.2", out, 1)


def _receptive_field_block(graph: Graph, x: Node, name: str) -> Node:
    """Three branches with dilations 2, 3 and 5 beside a shortcut."""
    wide = channels(x)
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
            y = _normed(graph, y, f"{name}.branch{number}.{index}", out, kernel, dilation, "relu" if inner else "none")
        seen.append(y)
    mixed = _normed(graph, graph.concat(seen, 1), f"{name}.ConvLinear", wide, 1)
    return graph.activate(graph.add(mixed, _normed(graph, x, f"{name}.shortcut", wide, 1)), "relu")


def _normed(
    graph: Graph, x: Node, name: str, out: int, kernel: int, dilation: int = 1, activation: Activation = "none"
) -> Node:
    return graph.conv(
        x, f"{name}.conv", out, kernel, dilation=dilation, norm=(f"{name}.bn", _EPS), activation=activation
    )
