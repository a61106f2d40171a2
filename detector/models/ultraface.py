"""UltraFace, the one-megabyte face SSD: slim, and RFB with a receptive-field block. Runs on the thread that calls it.

Written to the published files: parameters carry the published names (``base_net``, ``extras``, ``regression_headers``,
``classification_headers``), so a published state dict loads as it is. Box regression comes out encoded, classes as
logits; the softmax and decoding inside the published ONNX belong to post-processing here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from detector.models.heads import predict
from detector.plans.tables import FACE_EXTRA_SQUEEZE, FACE_LAYERS, FACE_RFB_LAYER, FACE_STEM, FACE_TAPS


class UltraFace(nn.Module):
    """UltraFace.

    Args:
        num_classes: Outputs per box, background (index 0) included; 2 in the published files.
        boxes_per_cell: Default boxes per cell of the four source maps, (3, 2, 2, 3) in the published files.
        rfb: Widen the receptive field at stride 8 (the RFB files) or not (the slim ones).
    """

    def __init__(self, num_classes: int, boxes_per_cell: tuple[int, ...], *, rfb: bool) -> None:
        super().__init__()
        self.num_classes = num_classes
        layers: list[nn.Module] = [_stem()]
        previous, sources = FACE_STEM, []
        for number, (out, stride) in enumerate(FACE_LAYERS, start=1):
            is_block = rfb and number == FACE_RFB_LAYER
            layers.append(ReceptiveFieldBlock(previous) if is_block else _separable_norm(previous, out, stride))
            previous = out
            if number in FACE_TAPS:
                sources.append(out)
        self.base_net = nn.ModuleList(layers)
        self.extras = nn.ModuleList([_extra(previous)])
        self.regression_headers = nn.ModuleList()
        self.classification_headers = nn.ModuleList()
        for channels, boxes in zip(sources, boxes_per_cell[:-1], strict=True):
            self.regression_headers.append(_separable(channels, 4 * boxes))
            self.classification_headers.append(_separable(channels, num_classes * boxes))
        self.regression_headers.append(nn.Conv2d(previous, 4 * boxes_per_cell[-1], 3, padding=1))
        self.classification_headers.append(nn.Conv2d(previous, num_classes * boxes_per_cell[-1], 3, padding=1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Predict offsets and class logits for every default box.

        Args:
            images: Float[B, 3, H, W], RGB, (x - 127) / 128.

        Returns:
            locs Float[B, P, 4] (encoded, see ``BoxCoder``) and logits Float[B, P, num_classes].
        """
        x, sources = images, []
        for number, layer in enumerate(self.base_net):
            x = layer(x)
            if number in FACE_TAPS:
                sources.append(x)
        sources.append(F.relu(self.extras[0](x)))
        return predict(self.regression_headers, self.classification_headers, sources, self.num_classes)


class ReceptiveFieldBlock(nn.Module):
    """Three branches with dilations 2, 3 and 5 beside a shortcut: a wide view at the cost of a narrow one.

    Args:
        channels: In and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = channels // 8
        self.branch0 = nn.Sequential(
            _ConvNorm(channels, narrow, 1),
            _ConvNorm(narrow, 2 * narrow, 3, relu=True),
            _ConvNorm(2 * narrow, 2 * narrow, 3, dilation=2),
        )
        self.branch1 = nn.Sequential(
            _ConvNorm(channels, narrow, 1),
            _ConvNorm(narrow, 2 * narrow, 3, relu=True),
            _ConvNorm(2 * narrow, 2 * narrow, 3, dilation=3),
        )
        self.branch2 = nn.Sequential(
            _ConvNorm(channels, narrow, 1),
            _ConvNorm(narrow, narrow * 3 // 2, 3, relu=True),
            _ConvNorm(narrow * 3 // 2, 2 * narrow, 3, relu=True),
            _ConvNorm(2 * narrow, 2 * narrow, 3, dilation=5),
        )
        self.ConvLinear = _ConvNorm(6 * narrow, channels, 1)
        self.shortcut = _ConvNorm(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Float[B, C, H, W] -> Float[B, C, H, W]."""
        seen = torch.cat((self.branch0(x), self.branch1(x), self.branch2(x)), dim=1)
        return F.relu(self.ConvLinear(seen) + self.shortcut(x))


class _ConvNorm(nn.Module):
    """Size-preserving convolution, batch normalisation, and ReLU where asked."""

    def __init__(self, before: int, after: int, kernel: int, *, dilation: int = 1, relu: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, padding=dilation * (kernel // 2), dilation=dilation, bias=False)
        self.bn = nn.BatchNorm2d(after)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn(self.conv(x))
        return F.relu(out) if self.relu else out


def _stem() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, FACE_STEM, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(FACE_STEM), nn.ReLU()
    )


def _separable_norm(before: int, after: int, stride: int) -> nn.Sequential:
    """Depthwise 3x3 and pointwise 1x1, each normalised and rectified."""
    return nn.Sequential(
        nn.Conv2d(before, before, 3, stride=stride, padding=1, groups=before, bias=False),
        nn.BatchNorm2d(before),
        nn.ReLU(),
        nn.Conv2d(before, after, 1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


def _separable(before: int, after: int, stride: int = 1) -> nn.Sequential:
    """The same with biases instead of normalisation and no final ReLU."""
    return nn.Sequential(
        nn.Conv2d(before, before, 3, stride=stride, padding=1, groups=before), nn.ReLU(), nn.Conv2d(before, after, 1)
    )


def _extra(channels: int) -> nn.Sequential:
    """Makes the layers to stride 64, through a bottleneck."""
    return nn.Sequential(
        nn.Conv2d(channels, FACE_EXTRA_SQUEEZE, 1), nn.ReLU(), _separable(FACE_EXTRA_SQUEEZE, channels, stride=2)
    )
