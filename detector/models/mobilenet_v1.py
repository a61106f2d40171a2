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

Heads = Literal["full", "separable", "pointwise"]

# (channels out, stride) of the thirteen separable layers.
LAYERS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
    (1024, 2), (1024, 1),
)  # fmt: skip
_STEM = 32
_TAP = 10  # the first source is this layer's output, at stride 16; the second the last one's, at stride 32
# (1x1 channels, 3x3 channels) of the feature layers; the last is narrower before 1x1 predictors.
_EXTRAS, _LAST_EXTRA, _LAST_EXTRA_POINTWISE = ((256, 512), (128, 256), (128, 256)), (128, 256), (64, 128)


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
        self.stem = Conv(3, _STEM, 3, stride=2)
        self.blocks = nn.ModuleList()
        previous = _STEM
        for out, stride in LAYERS:
            self.blocks.append(Separable(previous, out, stride=stride))
            previous = out
        sources = [LAYERS[_TAP][0], previous]
        self.extras = nn.ModuleList()
        for middle, out in (*_EXTRAS, _LAST_EXTRA_POINTWISE if heads == "pointwise" else _LAST_EXTRA):
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
            if index == _TAP:
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
