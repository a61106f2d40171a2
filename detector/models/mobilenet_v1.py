"""SSD on MobileNet (arXiv 1704.04861), at any input size. Runs on the thread that calls it.

Published networks share the base: mb1-ssd of qfgaohao/pytorch-ssd and jetson-inference predicts with 3x3 convolutions,
their mb1-ssd-lite with separable ones behind separable feature layers, chuanqi305's Caffe network with 1x1 ones behind
a narrower last feature layer. Batch normalisation is folded.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from detector.models.heads import predict
from detector.models.layers import Bottleneck, Conv, Separable, plain_predictors, separable_predictors
from detector.plans.tables import V1_EXTRAS, V1_EXTRAS_POINTWISE, V1_LAYERS, V1_STEM, V1_TAP

Heads = Literal["full", "separable", "pointwise"]


class SSDMobileNetV1(nn.Module):
    """SSD-MobileNet.

    Args:
        num_classes: Outputs per box, background (index 0) included.
        boxes_per_cell: Default boxes per cell of each of the six source maps.
        heads: The convolutions that predict.
    """

    def __init__(self, num_classes: int, boxes_per_cell: tuple[int, ...], *, heads: Heads) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.stem = Conv(3, V1_STEM, 3, stride=2)
        self.blocks = nn.ModuleList()
        previous = V1_STEM
        for out, stride in V1_LAYERS:
            self.blocks.append(Separable(previous, out, stride=stride))
            previous = out
        sources = [V1_LAYERS[V1_TAP][0], previous]
        self.extras = nn.ModuleList()
        for middle, out in V1_EXTRAS_POINTWISE if heads == "pointwise" else V1_EXTRAS:
            self.extras.append(Bottleneck(previous, middle, out, separable=heads == "separable"))
            previous = out
            sources.append(out)
        self.loc = _predictors(heads, sources, [4 * boxes for boxes in boxes_per_cell])
        self.conf = _predictors(heads, sources, [num_classes * boxes for boxes in boxes_per_cell])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Predict offsets and class logits for every default box.

        Args:
            images: Float[B, 3, H, W], normalised as the weights expect.

        Returns:
            locs Float[B, P, 4] (encoded, see ``BoxCoder``) and logits Float[B, P, num_classes].
        """
        x, sources = self.stem(images), []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == V1_TAP:
                sources.append(x)
        sources.append(x)
        for extra in self.extras:
            x = extra(x)
            sources.append(x)
        return predict(self.loc, self.conf, sources, self.num_classes)


def _predictors(heads: Heads, sources: list[int], outputs: list[int]) -> nn.ModuleList:
    if heads == "separable":
        return separable_predictors(sources, outputs, "relu")
    return plain_predictors(sources, outputs, 1 if heads == "pointwise" else 3)
