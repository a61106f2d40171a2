"""SSD300 and SSD512; twin of ``detector.models.ssd`` and ``detector.models.vgg``."""

from __future__ import annotations

from detector.plans.builder import Builder, Node
from detector.plans.tables import VGG_BLOCKS, VGG_EXTRAS, VGG_FC, scaled


def ssd_vgg16(build: Builder, images: Node, side: int, width: float, *, affine: bool) -> list[Node]:
    """Float[1, 3, side, side] -> the source maps, finest first."""
    x = images
    sources: list[Node] = []
    for block, (base, convs) in enumerate(VGG_BLOCKS, start=1):
        if block > 1:
            x = build.max_pool(x, 2, stride=2, ceil=block == 4)  # 75 -> 38 for a 300 pixel input
        for index in range(1, convs + 1):
            x = build.conv(x, f"backbone.conv{block}_{index}", scaled(base, width), 3, activation="relu")
        if block == 4:
            sources.append(build.affine(x, "l2norm") if affine else build.l2_norm(x, "l2norm"))
    x = build.max_pool(x, 3, stride=1, padding=1)
    x = build.conv(x, "backbone.fc6", scaled(VGG_FC, width), 3, dilation=6, activation="relu")
    x = build.conv(x, "backbone.fc7", scaled(VGG_FC, width), 1, activation="relu")
    sources.append(x)
    for number, (squeeze, out, kernel, stride, padding) in enumerate(VGG_EXTRAS[side], start=8):
        x = build.conv(x, f"extras.conv{number}_1", scaled(squeeze, width), 1, activation="relu")
        x = build.conv(
            x,
            f"extras.conv{number}_2",
            scaled(out, width),
            kernel,
            stride=stride,
            padding=padding,
            activation="relu",
        )
        sources.append(x)
    return sources
