"""The layers of networks without normalisation: a convolution that carries its activation.

Batch normalisation is a fixed scale and shift once training is over; importers merge it into the convolutions (see
``detector.importers.folding``), so these networks have weights and biases only. Runs on the thread that calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

Activation = Literal["relu", "relu6", "none"]


class Conv(nn.Conv2d):
    """Convolution with bias, then its activation. Padded to keep the size (or to halve it) unless told otherwise.

    Args:
        before: Channels in.
        after: Channels out.
        kernel: Side, odd.
        stride: 2 halves the map, rounding up.
        groups: ``before`` for a depthwise convolution.
        padding: None for kernel // 2.
        same: Padded as TensorFlow's "SAME" does, in place of ``padding``: where an odd number of cells is missing, the
            one more is on the right and below.
        activation: Applied to the result.
    """

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        padding: int | None = None,
        same: bool = False,
        activation: Activation = "relu",
    ) -> None:
        around = kernel // 2 if padding is None else padding
        super().__init__(before, after, kernel, stride, around, groups=groups)
        self.same, self.activation = same, activation

    def forward(self, input: Tensor) -> Tensor:  # the base class's name
        """Float[B, C, H, W] -> Float[B, C', H', W']."""
        out = self._padded_as_tensorflow(input) if self.same else super().forward(input)
        if self.activation == "relu":
            return F.relu(out, inplace=True)
        if self.activation == "relu6":
            return F.relu6(out, inplace=True)
        return out

    def _padded_as_tensorflow(self, x: Tensor) -> Tensor:
        rows, columns = (
            max((-(-size // stride) - 1) * stride + kernel - size, 0)
            for size, stride, kernel in zip(x.shape[2:], self.stride, self.kernel_size, strict=True)
        )
        around = (rows // 2, columns // 2)
        if rows % 2 or columns % 2:  # a convolution by itself pads both sides alike
            x = F.pad(x, (around[1], columns - around[1], around[0], rows - around[0]))
            around = (0, 0)
        return F.conv2d(x, self.weight, self.bias, self.stride, around, self.dilation, self.groups)


class Separable(nn.Module):
    """Each channel filtered by itself, then all mixed: a 3x3 convolution at a ninth of its cost. arXiv 1704.04861.

    Args:
        before: Channels in.
        after: Channels out.
        stride: Of the 3x3 part.
        same: As for ``Conv``.
        activation: After the 3x3 part.
        final: After the 1x1 part.
    """

    def __init__(
        self,
        before: int,
        after: int,
        *,
        stride: int = 1,
        same: bool = False,
        activation: Activation = "relu",
        final: Activation = "relu",
    ) -> None:
        super().__init__()
        self.depthwise = Conv(before, before, 3, stride=stride, groups=before, same=same, activation=activation)
        self.pointwise = Conv(before, after, 1, activation=final)

    def forward(self, x: Tensor) -> Tensor:
        """Float[B, C, H, W] -> Float[B, C', H / stride, W / stride]."""
        out: Tensor = self.pointwise(self.depthwise(x))
        return out


class Bottleneck(nn.Module):
    """An SSD feature layer: a 1x1 convolution to few channels, a 3x3 convolution to a smaller map. Paper figure 2.

    Args:
        before: Channels in.
        middle: Channels between.
        after: Channels out.
        stride: Of the 3x3 part.
        padding: Of the 3x3 part; None for what only the stride makes smaller.
        separable: The 3x3 part is, with no activation behind it.
    """

    def __init__(
        self,
        before: int,
        middle: int,
        after: int,
        *,
        stride: int = 2,
        padding: int | None = None,
        separable: bool = False,
    ) -> None:
        super().__init__()
        self.squeeze = Conv(before, middle, 1)
        self.widen: nn.Module
        if separable:
            self.widen = Separable(middle, after, stride=stride, final="none")
        else:
            self.widen = Conv(middle, after, 3, stride=stride, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        """Float[B, C, H, W] -> Float[B, C', H', W']."""
        out: Tensor = self.widen(self.squeeze(x))
        return out


def plain_predictors(sources: Sequence[int], outputs: Sequence[int], kernel: int) -> nn.ModuleList:
    """One convolution for each source map, given their channels and those that come out."""
    return nn.ModuleList(
        Conv(channels, out, kernel, activation="none") for channels, out in zip(sources, outputs, strict=True)
    )


def separable_predictors(sources: Sequence[int], outputs: Sequence[int], activation: Activation) -> nn.ModuleList:
    """SSDLite's: separable, but for a 1x1 convolution on the last map, which has a single cell."""
    heads = nn.ModuleList(
        Separable(channels, out, activation=activation, final="none")
        for channels, out in zip(sources[:-1], outputs[:-1], strict=True)
    )
    heads.append(Conv(sources[-1], outputs[-1], 1, activation="none"))
    return heads
