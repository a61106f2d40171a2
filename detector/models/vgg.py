"""VGG-16 as SSD uses it: fully convolutional, fc6 dilated, no dropout. Paper section 3, "Base network"."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from detector.plans.tables import VGG_BLOCKS, VGG_FC, scaled


class ConvReLU(nn.Conv2d):
    """Convolution, optional batch normalisation, ReLU.

    Batch normalisation exists for training from scratch only; ``fold()`` merges it into the weights, so a finished
    network has the same parameters as the original one.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        batch_norm: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation)
        self.bn: nn.BatchNorm2d | None = nn.BatchNorm2d(out_channels) if batch_norm else None

    def forward(self, input: Tensor) -> Tensor:  # the base class's name
        """Float[B, C, H, W] -> Float[B, C', H', W']."""
        out = super().forward(input)
        if self.bn is not None:
            out = self.bn(out)
        return F.relu(out, inplace=True)

    @torch.no_grad()
    def fold(self) -> None:
        """Merge the batch normalisation (running statistics) into weight and bias; exact in evaluation mode."""
        if self.bn is None:
            return
        assert self.bias is not None
        assert self.bn.running_mean is not None
        assert self.bn.running_var is not None
        factor = self.bn.weight / torch.sqrt(self.bn.running_var + self.bn.eps)
        self.weight.mul_(factor[:, None, None, None])
        self.bias.copy_((self.bias - self.bn.running_mean) * factor + self.bn.bias)
        self.bn = None


class VGG16(nn.Module):
    """The convolutional layers of VGG-16 with fc6 and fc7 as convolutions.

    Args:
        width: Multiplier on every layer's channels; 1 is the published network.
        batch_norm: Normalise after each convolution while training; see ``ConvReLU.fold``.

    Attributes:
        POOLED: Convolutions that only the pooling behind them reads, and its name.
    """

    POOLED: ClassVar = {"conv1_2": "pool1", "conv2_2": "pool2", "conv3_3": "pool3", "conv5_3": "pool5"}

    def __init__(self, width: float = 1.0, *, batch_norm: bool = False) -> None:
        super().__init__()
        previous = 3
        for block, (channels, convs) in enumerate(VGG_BLOCKS, start=1):
            for index in range(1, convs + 1):
                out = scaled(channels, width)
                self.add_module(f"conv{block}_{index}", ConvReLU(previous, out, 3, padding=1, batch_norm=batch_norm))
                previous = out
        self.pool1, self.pool2, self.pool4 = (nn.MaxPool2d(2, 2) for _ in range(3))
        self.pool3 = nn.MaxPool2d(2, 2, ceil_mode=True)  # 75 -> 38 for a 300 pixel input
        self.pool5 = nn.MaxPool2d(3, 1, 1)
        self.conv4_channels = previous
        self.fc_channels = scaled(VGG_FC, width)
        # The 7x7 fc6 of VGG subsampled to 3x3, "a trous" with dilation 6.
        self.fc6 = ConvReLU(previous, self.fc_channels, 3, padding=6, dilation=6, batch_norm=batch_norm)
        self.fc7 = ConvReLU(self.fc_channels, self.fc_channels, 1, batch_norm=batch_norm)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Float[B, 3, H, W] -> conv4_3 Float[B, 512w, H/8, W/8] after ReLU, fc7 Float[B, 1024w, H/16, W/16]."""
        x = self.pool1(self._block(images, 1, 2))
        x = self.pool2(self._block(x, 2, 2))
        x = self.pool3(self._block(x, 3, 3))
        conv4_3 = self._block(x, 4, 3)
        x = self.pool5(self._block(self.pool4(conv4_3), 5, 3))
        return conv4_3, self.fc7(self.fc6(x))

    def _block(self, x: Tensor, block: int, convs: int) -> Tensor:
        for index in range(1, convs + 1):
            x = self.get_submodule(f"conv{block}_{index}")(x)
        return x
