"""The whole network of a ``ModelSpec`` as a plan. No torch; the torch twin is ``detector.models.build``."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from detector.plans import ssdlite, ultraface
from detector.plans.builder import Activation, Builder, Node
from detector.plans.grids import checked_config
from detector.plans.mobilenets import separable, ssd_mobilenet_v1, ssd_resnet50, ssdlite_mobilenet_v2
from detector.plans.tables import TF_NETWORKS
from detector.plans.tensorflow import tensorflow_predictor, tensorflow_ssd
from detector.plans.vgg import ssd_vgg16
from detector.spec import ModelSpec

Predictor = Callable[[Builder, Node, str, int, bool], Node]
"""(build, source map, name, channels out, whether it is the last map) -> prediction."""


class Level(NamedTuple):
    """What is predicted on one source map.

    Attributes:
        locs: Float[B, A * 4, H, W].
        logits: Float[B, A * C, H, W], background first.
    """

    locs: Node
    logits: Node


def predictions(build: Builder, images: Node, spec: ModelSpec) -> list[Level]:
    """Lay out the network of ``spec``.

    Args:
        build: Makes the layers.
        images: Float[B, 3, H, W], as the builder holds it.
        spec: The model.

    Returns:
        One ``Level`` for each source map, finest first.

    Raises:
        DetectorError: The architecture brings its own network, or the default boxes are not laid out as it predicts.
    """
    config = checked_config(spec)
    sources = _sources(build, images, spec)
    loc, conf, predict = _predictors(spec)
    classes, last = len(spec.labels) + 1, len(sources) - 1
    return [
        Level(
            predict(build, source, f"{loc}.{number}", 4 * boxes, number == last),
            predict(build, source, f"{conf}.{number}", classes * boxes, number == last),
        )
        for number, (source, boxes) in enumerate(zip(sources, config.boxes_per_cell, strict=True))
    ]


def _sources(build: Builder, images: Node, spec: ModelSpec) -> list[Node]:
    if spec.architecture in TF_NETWORKS:
        return tensorflow_ssd(build, images, TF_NETWORKS[spec.architecture])
    match spec.architecture:
        case "ssd-vgg16" | "ssd-vgg16-affine":
            affine = spec.architecture.endswith("-affine")
            return ssd_vgg16(build, images, spec.input.height, spec.width, affine=affine)
        case "ssd-resnet50":
            return ssd_resnet50(build, images)
        case "ssd-mobilenetv1" | "ssd-mobilenetv1-pointwise" | "ssdlite-mobilenetv1":
            pointwise, lite = spec.architecture.endswith("-pointwise"), spec.architecture.startswith("ssdlite")
            return ssd_mobilenet_v1(build, images, pointwise=pointwise, lite=lite)
        case "ssdlite-mobilenetv2" | "ssdlite-mobilenetv2-narrow":
            return ssdlite_mobilenet_v2(build, images, narrow_tap=spec.architecture.endswith("-narrow"))
        case "ssdlite320-mobilenetv3" | "ssdlite320-mobilenetv3-wide":
            return ssdlite.ssdlite_mobilenet_v3(build, images, wide_tail=spec.architecture.endswith("-wide"))
        case "ultraface-rfb" | "ultraface-slim":
            return ultraface.ultraface(build, images, rfb=spec.architecture == "ultraface-rfb")
    raise AssertionError(spec.architecture)  # checked_config refuses the rest


def _predictors(spec: ModelSpec) -> tuple[str, str, Predictor]:
    """Names of the box and the class predictors, and how one is made."""
    if spec.architecture in TF_NETWORKS:
        network = TF_NETWORKS[spec.architecture]
        return "loc", "conf", lambda build, x, name, out, _: tensorflow_predictor(build, x, name, out, network)
    match spec.architecture:
        case "ssdlite320-mobilenetv3" | "ssdlite320-mobilenetv3-wide":
            return "loc", "conf", lambda build, x, name, out, _: ssdlite.predictor(build, x, name, out)
        case "ultraface-rfb" | "ultraface-slim":
            return "regression_headers", "classification_headers", _of_ultraface
        case "ssdlite-mobilenetv1":
            return "loc", "conf", _separable("relu")
        case "ssdlite-mobilenetv2" | "ssdlite-mobilenetv2-narrow":
            return "loc", "conf", _separable("relu6")
        case "ssd-mobilenetv1-pointwise":
            return "loc", "conf", lambda build, x, name, out, _: build.conv(x, name, out, 1)
    return "loc", "conf", lambda build, x, name, out, _: build.conv(x, name, out, 3)


def _of_ultraface(build: Builder, x: Node, name: str, out: int, last: bool) -> Node:
    return build.conv(x, name, out, 3) if last else ultraface.separable(build, x, name, out)


def _separable(activation: Activation) -> Predictor:
    """SSDLite's: separable, but for a 1x1 convolution on the last map, which has a single cell."""

    def predict(build: Builder, x: Node, name: str, out: int, last: bool) -> Node:
        return build.conv(x, name, out, 1) if last else separable(build, x, name, out, activation=activation)

    return predict
