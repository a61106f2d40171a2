"""From a ``ModelSpec`` and its tensors to an OpenVINO model: the torch-free twin of ``detector.models.build``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from detector.models.grids import checked_config
from detector.runtime.openvino_graphs import ssdlite, ultraface
from detector.runtime.openvino_graphs.graph import Activation, Graph, Node, Weights
from detector.runtime.openvino_graphs.mobilenets import separable, ssd_mobilenet_v1, ssd_resnet50, ssdlite_mobilenet_v2
from detector.runtime.openvino_graphs.vgg import ssd_vgg16
from detector.safetensors_file import Arrays
from detector.spec import ModelSpec

_OPERATIONS = "openvino.opset13"

Predictor = Callable[[Graph, Node, str, int, bool], Node]
"""(graph, source map, name, channels out, whether it is the last map) -> prediction."""


def build_graph(openvino: Any, spec: ModelSpec, arrays: Arrays, what: str) -> Any:
    """The network of ``spec`` for one image, ready to compile.

    Args:
        openvino: The module.
        spec: The model.
        arrays: Its tensors by name, finite; emptied.
        what: The file, for messages.

    Returns:
        ``openvino.Model`` from images Float[1, 3, H, W] to locs Float[1, P, 4] and logits Float[1, P, C].

    Raises:
        DetectorError: The architecture brings its own network, or the tensors do not fit it.
    """
    config = checked_config(spec)
    operations = importlib.import_module(_OPERATIONS)
    weights = Weights(arrays, what)
    graph = Graph(operations, weights)
    images = operations.parameter([1, 3, *config.image_size], np.float32, name="images")
    sources = _sources(graph, images, spec)
    loc, conf, predict = _predictors(spec)
    classes = len(spec.labels) + 1
    locs, logits = [], []
    for number, (source, boxes) in enumerate(zip(sources, config.boxes_per_cell, strict=True)):
        last = number == len(sources) - 1
        locs.append(graph.rows(predict(graph, source, f"{loc}.{number}", 4 * boxes, last), 4))
        logits.append(graph.rows(predict(graph, source, f"{conf}.{number}", classes * boxes, last), classes))
    weights.check()
    return openvino.Model([graph.concat(locs, 1), graph.concat(logits, 1)], [images], spec.name)


def _sources(graph: Graph, images: Node, spec: ModelSpec) -> list[Node]:
    match spec.architecture:
        case "ssd-vgg16" | "ssd-vgg16-affine":
            affine = spec.architecture.endswith("-affine")
            return ssd_vgg16(graph, images, spec.input.height, spec.width, affine=affine)
        case "ssd-resnet50":
            return ssd_resnet50(graph, images)
        case "ssd-mobilenetv1" | "ssd-mobilenetv1-pointwise" | "ssdlite-mobilenetv1":
            pointwise, lite = spec.architecture.endswith("-pointwise"), spec.architecture.startswith("ssdlite")
            return ssd_mobilenet_v1(graph, images, pointwise=pointwise, lite=lite)
        case "ssdlite-mobilenetv2" | "ssdlite-mobilenetv2-narrow":
            return ssdlite_mobilenet_v2(graph, images, narrow_tap=spec.architecture.endswith("-narrow"))
        case "ssdlite320-mobilenetv3" | "ssdlite320-mobilenetv3-wide":
            return ssdlite.ssdlite_mobilenet_v3(graph, images, wide_tail=spec.architecture.endswith("-wide"))
        case "ultraface-rfb" | "ultraface-slim":
            return ultraface.ultraface(graph, images, rfb=spec.architecture == "ultraface-rfb")
    raise AssertionError(spec.architecture)  # checked_config refuses the rest


def _predictors(spec: ModelSpec) -> tuple[str, str, Predictor]:
    """Names of the box and the class predictors, and how one is made."""
    match spec.architecture:
        case "ssdlite320-mobilenetv3" | "ssdlite320-mobilenetv3-wide":
            return "loc", "conf", lambda graph, x, name, out, _: ssdlite.predictor(graph, x, name, out)
        case "ultraface-rfb" | "ultraface-slim":
            return "regression_headers", "classification_headers", _of_ultraface
        case "ssdlite-mobilenetv1":
            return "loc", "conf", _separable("relu")
        case "ssdlite-mobilenetv2" | "ssdlite-mobilenetv2-narrow":
            return "loc", "conf", _separable("relu6")
        case "ssd-mobilenetv1-pointwise":
            return "loc", "conf", lambda graph, x, name, out, _: graph.conv(x, name, out, 1)
    return "loc", "conf", lambda graph, x, name, out, _: graph.conv(x, name, out, 3)


def _of_ultraface(graph: Graph, x: Node, name: str, out: int, last: bool) -> Node:
    return graph.conv(x, name, out, 3) if last else ultraface.separable(graph, x, name, out)


def _separable(activation: Activation) -> Predictor:
    """SSDLite's: separable, but for a 1x1 convolution on the last map, which has a single cell."""

    def predict(graph: Graph, x: Node, name: str, out: int, last: bool) -> Node:
        return graph.conv(x, name, out, 1) if last else separable(graph, x, name, out, activation=activation)

    return predict
