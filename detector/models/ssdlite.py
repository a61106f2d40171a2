"""SSDLite320 on MobileNetV3-Large: SSD with depthwise-separable predictors. arXiv 1801.04381 section 6.2, 1905.02244.

The variant torchvision trained on COCO: last backbone stage at half width (or whole, see ``wide_tail``), batch
normalisation with eps 0.001.
Runs on the thread that calls it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from detector.models.heads import predict
from detector.plans.tables import (
    V3_BLOCKS,
    V3_EPS,
    V3_EXTRAS,
    V3_STEM,
    V3_TAIL_FACTOR,
    V3_TAP,
    V3_WIDE,
    V3Block,
    squeezed,
)

_MOMENTUM = 0.03  # what the published weights were trained with


class SSDLite(nn.Module):
    """SSDLite320-MobileNetV3-Large.

    Args:
        num_classes: Outputs per box, background (index 0) included.
        boxes_per_cell: Default boxes per cell of each of the six source maps.
        wide_tail: The last backbone stage has its full width.
    """

    def __init__(self, num_classes: int, boxes_per_cell: tuple[int, ...], *, wide_tail: bool = False) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.stem = _conv_norm(3, V3_STEM, 3, stride=2, activation=nn.Hardswish)
        self.blocks = nn.ModuleList()
        previous = V3_STEM
        for block in V3_WIDE if wide_tail else V3_BLOCKS:
            self.blocks.append(InvertedResidualV3(previous, block))
            previous = block.out
        self.tail = _conv_norm(previous, V3_TAIL_FACTOR * previous, 1, activation=nn.Hardswish)
        previous *= V3_TAIL_FACTOR
        sources = [V3_BLOCKS[V3_TAP].expanded, previous]
        self.extras = nn.ModuleList()
        for out in V3_EXTRAS:
            self.extras.append(_extra(previous, out))
            previous = out
            sources.append(out)
        self.loc = nn.ModuleList(_predictor(c, 4 * a) for c, a in zip(sources, boxes_per_cell, strict=True))
        self.conf = nn.ModuleList(_predictor(c, num_classes * a) for c, a in zip(sources, boxes_per_cell, strict=True))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.03)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Predict offsets and class logits for every default box.

        Args:
            images: Float[B, 3, 320, 320], RGB in [-1, 1].

        Returns:
            locs Float[B, P, 4] (encoded, see ``BoxCoder``) and logits Float[B, P, num_classes].
        """
        x, sources = self.stem(images), []
        for index, module in enumerate(self.blocks):
            block = cast(InvertedResidualV3, module)
            expanded = block.expand(x)
            if index == V3_TAP:
                sources.append(expanded)
            x = block(x, expanded)
        x = self.tail(x)
        sources.append(x)
        for extra in self.extras:
            x = extra(x)
            sources.append(x)
        return predict(self.loc, self.conf, sources, self.num_classes)


class InvertedResidualV3(nn.Module):
    """Expand, filter each channel, weigh the channels, project; added to the input where shapes allow.

    ``expand`` is called by the network, which taps it; ``forward`` takes its result along.
    """

    def __init__(self, channels: int, block: V3Block) -> None:
        super().__init__()
        activation = nn.Hardswish if block.hard else nn.ReLU
        wide = block.expanded
        self.expand: nn.Module = nn.Identity()
        if wide != channels:
            self.expand = _conv_norm(channels, wide, 1, activation=activation)
        self.depthwise = _conv_norm(wide, wide, block.kernel, stride=block.stride, groups=wide, activation=activation)
        self.squeeze: nn.Module = SqueezeExcitation(wide) if block.squeeze else nn.Identity()
        self.project = _conv_norm(wide, block.out, 1)
        self.residual = block.stride == 1 and channels == block.out

    def forward(self, x: Tensor, expanded: Tensor) -> Tensor:
        """Float[B, C, H, W] and its expansion -> Float[B, C', H / stride, W / stride]."""
        out: Tensor = self.project(self.squeeze(self.depthwise(expanded)))
        return out + x if self.residual else out


class SqueezeExcitation(nn.Module):
    """Scale each channel by a number in [0, 1] computed from the means of all of them. arXiv 1709.01507."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        middle = squeezed(channels)
        self.fc1 = nn.Conv2d(channels, middle, 1)
        self.fc2 = nn.Conv2d(middle, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Float[B, C, H, W] -> Float[B, C, H, W]."""
        means = F.adaptive_avg_pool2d(x, 1)
        return x * F.hardsigmoid(self.fc2(F.relu(self.fc1(means))))


def _conv_norm(
    before: int,
    after: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    activation: Callable[[], nn.Module] | None = None,
) -> nn.Sequential:
    """Convolution (padded to keep the size), batch normalisation, activation."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["conv"] = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
    parts["bn"] = nn.BatchNorm2d(after, eps=V3_EPS, momentum=_MOMENTUM)
    if activation is not None:
        parts["act"] = activation()
    return nn.Sequential(parts)


def _extra(before: int, after: int) -> nn.Sequential:
    """Halve the map: squeeze, depthwise 3x3 with stride 2, widen."""
    middle = after // 2
    return nn.Sequential(
        _conv_norm(before, middle, 1, activation=nn.ReLU6),
        _conv_norm(middle, middle, 3, stride=2, groups=middle, activation=nn.ReLU6),
        _conv_norm(middle, after, 1, activation=nn.ReLU6),
    )


def _predictor(channels: int, out: int) -> nn.Sequential:
    """Depthwise 3x3, then pointwise with a bias."""
    return nn.Sequential(
        _conv_norm(channels, channels, 3, groups=channels, activation=nn.ReLU6), nn.Conv2d(channels, out, 1)
    )
