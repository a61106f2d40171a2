"""SSDs of TensorFlow's Object Detection API on MobileNet 1 and 2: arXiv 1704.04861, 1801.04381 section 6.2.

``detector.plans.tensorflow`` says how they differ from other SSDs on these networks. Runs on the thread that calls it.
"""

from __future__ import annotations

from typing import Literal, cast

from torch import Tensor, nn

from detector.models.heads import predict
from detector.models.layers import Conv, Separable
from detector.models.mobilenet_v2 import InvertedResidual
from detector.plans.tables import TF_EXTRAS, V1_LAYERS, V1_STEM, V1_TAP, V2_STAGES, V2_STEM, V2_TAIL, V2_TAP


class TensorFlowSSD(nn.Module):
    """SSD or SSDLite on MobileNet or MobileNetV2.

    Args:
        num_classes: Outputs per box, background (index 0) included.
        boxes_per_cell: Default boxes per cell of each of the six source maps.
        version: Of MobileNet.
        lite: Feature layers and predictors are separable.
    """

    def __init__(
        self, num_classes: int, boxes_per_cell: tuple[int, ...], *, version: Literal[1, 2], lite: bool
    ) -> None:
        super().__init__()
        self.num_classes, self.version = num_classes, version
        self.stem = Conv(3, V1_STEM if version == 1 else V2_STEM, 3, stride=2, same=True, activation="relu6")
        self.blocks, sources = (_blocks_v1 if version == 1 else _blocks_v2)()
        self.tail: nn.Module = nn.Identity()
        if version == 2:
            self.tail = Conv(V2_STAGES[-1][1], V2_TAIL, 1, activation="relu6")
        self.extras = nn.ModuleList(
            _Extra(before, middle, after, lite=lite)
            for before, (middle, after) in zip(
                [sources[-1], *(out for _, out in TF_EXTRAS[:-1])], TF_EXTRAS, strict=True
            )
        )
        sources += [out for _, out in TF_EXTRAS]
        self.loc, self.conf = (
            nn.ModuleList(
                _predictor(channels, values * boxes, lite=lite)
                for channels, boxes in zip(sources, boxes_per_cell, strict=True)
            )
            for values in (4, num_classes)
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

    def __init__(self, before: int, middle: int, after: int, *, lite: bool) -> None:
        super().__init__()
        self.squeeze = Conv(before, middle, 1, activation="relu6")
        self.widen: nn.Module
        if lite:
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


def _predictor(channels: int, out: int, *, lite: bool) -> nn.Module:
    if lite:
        return Separable(channels, out, activation="relu6", final="none")
    return Conv(channels, out, 1, activation="none")
