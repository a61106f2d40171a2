"""Convolutions that add their bias and rectify in one kernel of cuDNN's, instead of three that each read all again.

Only for NVIDIA GPUs, and not always faster: `python -m tools.gpu.check` says where.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from detector.models.layers import Conv
from detector.models.vgg import ConvReLU


class FusedConv(nn.Module):
    """Computes what ``conv`` and its ReLU do, with the same parameters."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias
        self._stride, self._dilation = cast(list[int], conv.stride), cast(list[int], conv.dilation)
        self._padding, self._groups = cast(list[int], conv.padding), conv.groups

    def forward(self, x: Tensor) -> Tensor:
        """Float[B, C, H, W] -> Float[B, C', H', W']."""
        return torch.cudnn_convolution_relu(
            x, self.weight, self.bias, self._stride, self._padding, self._dilation, self._groups
        )


def fuse(network: nn.Module) -> int:
    """Put ``FusedConv`` in the place of every convolution that it can stand in for; how many."""
    count = 0
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            rectified = isinstance(child, ConvReLU) and child.bn is None
            if rectified or (isinstance(child, Conv) and child.activation == "relu" and not child.same):
                setattr(module, name, FusedConv(cast(nn.Conv2d, child)))
                count += 1
    return count
