"""SSD on MobileNet (arXiv 1704.04861), at any input size. Runs on the thread that calls it.

Two published families share the base network: qfgaohao/pytorch-ssd and jetson-inference predict with 3x3 convolutions,
chuanqi305's Caffe network with 1x1 ones behind a narrower last feature layer. Batch normalisation is folded.
"""

from __future__ import annotations

from torch import Tensor, nn

from detector.models.heads import predict
from detector.models.layers import Bottleneck, Conv, Separable

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
        pointwise_heads: Predict with 1x1 convolutions (chuanqi305) instead of 3x3 ones (qfgaohao).
    """

    def __init__(self, num_classes: int, boxes_per_cell: tuple[int, ...], *, pointwise_heads: bool) -> None:
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
        for middle, out in (*_EXTRAS, _LAST_EXTRA_POINTWISE if pointwise_heads else _LAST_EXTRA):
            self.extras.append(Bottleneck(previous, middle, out))
            previous = out
            sources.append(out)
        kernel = 1 if pointwise_heads else 3
        self.loc = nn.ModuleList(
            Conv(c, 4 * a, kernel, activation="none") for c, a in zip(sources, boxes_per_cell, strict=True)
        )
        self.conf = nn.ModuleList(
            Conv(c, num_classes * a, kernel, activation="none") for c, a in zip(sources, boxes_per_cell, strict=True)
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
            x = block(x)
            if index == _TAP:
                sources.append(x)
        sources.append(x)
        for extra in self.extras:
            x = extra(x)
            sources.append(x)
        return predict(self.loc, self.conf, sources, self.num_classes)
