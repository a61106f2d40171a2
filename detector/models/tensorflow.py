"""SSDs of TensorFlow's Object Detection API on MobileNet 1 and 2: arXiv 1704.04861, 1801.04381 section 6.2.

``detector.plans.tensorflow`` says how they differ from other SSDs on these networks. Runs on the thread that calls it.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from detector.models.heads import predict
from detector.models.layers import Conv, Separable, plain_predictors
from detector.models.mobilenet_v2 import InvertedResidual
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


class TensorFlowSSD(nn.Module):
    """SSD or SSDLite on MobileNet or MobileNetV2.

    Args:
        num_classes: Outputs per box, background (index 0) included.
        boxes_per_cell: Default boxes per cell of each of the six source maps.
        network: Which of them.
    """

    def __init__(self, num_classes: int, boxes_per_cell: tuple[int, ...], network: TFNetwork) -> None:
        super().__init__()
        self.num_classes = num_classes
        first = network.version == 1
        self.stem = Conv(3, V1_STEM if first else V2_STEM, 3, stride=2, same=True, activation="relu6")
        self.blocks, sources = _blocks_v1() if first else _blocks_v2()
        self.tail: nn.Module = nn.Identity() if first else Conv(V2_STAGES[-1][1], V2_TAIL, 1, activation="relu6")
        self.extras = nn.ModuleList()
        for middle, out in TF_EXTRAS:
            self.extras.append(_Extra(sources[-1], middle, out, separable=network.separable))
            sources.append(out)
        self.loc, self.conf = (
            _predictors(network, sources, [values * boxes for boxes in boxes_per_cell]) for values in (4, num_classes)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Predict offsets and class logits for every default box.

        Args:
            images: Float[B, 3, H, W], normalised as the weights expect.

        Returns:
            locs Float[B, P, 4] (encoded, see ``BoxCoder``) and logits Float[B, P, num_classes].
        """
        x, sources = self.stem(images), []
        for index, block in enumerate(self.blocks):
            if isinstance(block, InvertedResidual):
                expanded = block.expand(x)
                if index == V2_TAP:
                    sources.append(expanded)
                x = block.project_from(x, expanded)
            else:
                x = block(x)
                if index == V1_TAP:
                    sources.append(x)
        x = self.tail(x)
        sources.append(x)
        for extra in self.extras:
            x = extra(x)
            sources.append(x)
        return predict(self.loc, self.conf, sources, self.num_classes)


class _Extra(nn.Module):
    """A feature layer: 1x1 to few channels, then a smaller map."""

    def __init__(self, before: int, middle: int, after: int, *, separable: bool) -> None:
        super().__init__()
        self.squeeze = Conv(before, middle, 1, activation="relu6")
        self.widen: nn.Module
        if separable:
            self.widen = Separable(middle, after, stride=2, same=True, activation="relu6", final="relu6")
        else:
            self.widen = Conv(middle, after, 3, stride=2, same=True, activation="relu6")

    def forward(self, x: Tensor) -> Tensor:
        """Float[B, C, H, W] -> Float[B, C', H / 2, W / 2]."""
        return cast(Tensor, self.widen(self.squeeze(x)))


def _blocks_v1() -> tuple[nn.ModuleList, list[int]]:
    """The separable layers, and the channels of the two source maps they end in."""
    before, blocks = V1_STEM, nn.ModuleList()
    for out, stride in V1_LAYERS:
        blocks.append(Separable(before, out, stride=stride, same=True, activation="relu6", final="relu6"))
        before = out
    return blocks, [V1_LAYERS[V1_TAP][0], before]


def _blocks_v2() -> tuple[nn.ModuleList, list[int]]:
    """The inverted residuals, and the channels of the two source maps on them."""
    before, tapped, blocks = V2_STEM, 0, nn.ModuleList()
    for expansion, out, repeats, first in V2_STAGES:
        for index in range(repeats):
            if len(blocks) == V2_TAP:
                tapped = before * expansion
            stride = 1 if index else first
            blocks.append(InvertedResidual(before, before * expansion, out, stride=stride, same=True))
            before = out
    return blocks, [tapped, V2_TAIL]


def _predictors(network: TFNetwork, sources: list[int], outputs: list[int]) -> nn.ModuleList:
    """One for each source map, given their channels and those that come out."""
    if network.heads != "separable":
        return plain_predictors(sources, outputs, 1 if network.heads == "pointwise" else 3)
    return nn.ModuleList(
        Separable(channels, out, activation="relu6", final="none")
        for channels, out in zip(sources, outputs, strict=True)
    )
