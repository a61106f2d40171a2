"""The whole network of a ``ModelSpec`` as a plan. No torch; the torch twin is ``detector.models.build``."""

from __future__ import annotations

from typing import NamedTuple

from detector.plans.architectures import single_stage
from detector.plans.builder import Builder, Node
from detector.spec import ModelSpec


class Level(NamedTuple):
    """The predictions on one source map.

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
    architecture, config = single_stage(spec)
    sources = architecture.sources(build, images, spec)
    (loc, conf), predict = architecture.heads, architecture.predictor
    classes, last = len(spec.labels) + 1, len(sources) - 1
    return [
        Level(
            predict(build, source, f"{loc}.{number}", 4 * boxes, number == last),
            predict(build, source, f"{conf}.{number}", classes * boxes, number == last),
        )
        for number, (source, boxes) in enumerate(zip(sources, config.boxes_per_cell, strict=True))
    ]
