"""Rewrites a loaded network so that bias, ReLU and pooling behind a convolution are one pass over its output.

torch takes three: the bias is added, the result rectified, then pooled, with places that nobody asks for beside the
values. How the one pass is done is the caller's (``detector.kernels``); the plain form here says what it has to answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from detector.models.layers import Conv
from detector.models.ssd import L2Norm
from detector.models.vgg import VGG16, ConvReLU


@dataclass(frozen=True, slots=True)
class Pooling:
    """A maximum over windows, as ``nn.MaxPool2d``.

    Attributes:
        kernel: Side of a window.
        stride: From one to the next.
        padding: Cells beyond the border.
        ceil: Windows may begin inside and end outside.
    """

    kernel: int
    stride: int
    padding: int
    ceil: bool


Rectify = Callable[[Tensor, Tensor, Pooling | None], Tensor]
"""``rectify`` or what does the same."""

Normalise = Callable[[Tensor, Tensor], Tensor]
"""``detector.models.ssd.l2norm`` or what does the same."""


def pooled_size(size: int, pooling: Pooling) -> int:
    """Height or width after ``pooling``, of ``size`` before."""
    room = size + 2 * pooling.padding - pooling.kernel
    windows = (-(-room // pooling.stride) if pooling.ceil else room // pooling.stride) + 1
    # Of those that begin beyond the border there is none.
    return windows - (pooling.ceil and (windows - 1) * pooling.stride >= size + pooling.padding)


def rectify(maps: Tensor, bias: Tensor, pooling: Pooling | None) -> Tensor:
    """Add the bias, rectify, pool.

    Args:
        maps: Float[B, C, H, W], channels last in memory; may be overwritten.
        bias: Float[C].
        pooling: None for no pooling.

    Returns:
        Float[B, C, H', W'].
    """
    out = F.relu(maps + bias[:, None, None])
    if pooling is None:
        return out
    return F.max_pool2d(out, pooling.kernel, pooling.stride, pooling.padding, ceil_mode=pooling.ceil)


class FusedConv(nn.Module):
    """Computes what ``conv``, its ReLU and the pooling behind it do, with the same parameters."""

    def __init__(self, conv: nn.Conv2d, rectify: Rectify, pooling: Pooling | None = None) -> None:
        super().__init__()
        assert conv.bias is not None
        self.weight, self.bias = conv.weight, conv.bias
        self._stride, self._dilation = cast(tuple[int, int], conv.stride), cast(tuple[int, int], conv.dilation)
        self._padding, self._groups = cast(tuple[int, int], conv.padding), conv.groups
        self._rectify, self._pooling = rectify, pooling

    def forward(self, x: Tensor) -> Tensor:
        """Float[B, C, H, W] -> Float[B, C', H', W']."""
        maps = F.conv2d(x, self.weight, None, self._stride, self._padding, self._dilation, self._groups)
        return self._rectify(maps, self.bias, self._pooling)


class FusedL2Norm(nn.Module):
    """Computes what ``norm`` does, with the same parameter."""

    def __init__(self, norm: L2Norm, normalise: Normalise) -> None:
        super().__init__()
        self.scale, self._normalise = norm.scale, normalise

    def forward(self, features: Tensor) -> Tensor:
        """Float[B, C, H, W] -> Float[B, C, H, W]."""
        return self._normalise(features, self.scale)


def fuse(network: nn.Module, rectify: Rectify | None, normalise: Normalise | None) -> None:
    """Put a fused module in the place of all that it can stand in for; None leaves torch's own."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if rectify is not None and _is_rectified(child):
                setattr(module, name, FusedConv(cast(nn.Conv2d, child), rectify, _take_pooling(module, name)))
            elif normalise is not None and isinstance(child, L2Norm):
                setattr(module, name, FusedL2Norm(child, normalise))


def _is_rectified(module: nn.Module) -> bool:
    if isinstance(module, ConvReLU):
        return module.bn is None
    return isinstance(module, Conv) and module.activation == "relu" and not module.same


def _take_pooling(module: nn.Module, name: str) -> Pooling | None:
    """The pooling behind convolution ``name``, taken out of ``module``; None where others see the map before it."""
    pool = VGG16.POOLED.get(name) if isinstance(module, VGG16) else None
    if pool is None:
        return None
    layer = cast(nn.MaxPool2d, module.get_submodule(pool))
    setattr(module, pool, nn.Identity())
    kernel, stride, padding = (cast(int, each) for each in (layer.kernel_size, layer.stride, layer.padding))
    return Pooling(kernel, stride, padding, layer.ceil_mode)
