"""From source feature maps to one row per default box: what every SSD's predictors have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn


class JointHeads(nn.ModuleList):
    """Stands in for the box predictors where one convolution per source map predicts boxes and classes.

    Args:
        convs: Per source, Float[B, C, H, W] -> Float[B, A * depth, H, W]: of each box 4 offsets, the classes, filling.
        classes: Outputs per box, background included.
        depth: Values per box.
    """

    def __init__(self, convs: Sequence[nn.Module], classes: int, depth: int) -> None:
        super().__init__(convs)
        self._classes, self._depth = classes, depth

    def predictions(self, sources: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Predicts as ``predict`` does; both are views of one tensor."""
        rows = [_rows(cast(Tensor, conv(source)), self._depth) for conv, source in zip(self, sources, strict=True)]
        joint = torch.cat(rows, dim=1)
        return joint[..., :4], joint[..., 4 : 4 + self._classes]


def predict(loc: nn.ModuleList, conf: nn.ModuleList, sources: Sequence[Tensor], classes: int) -> tuple[Tensor, Tensor]:
    """Run one box and one class predictor on each source map.

    Args:
        loc: Per source, Float[B, C, H, W] -> Float[B, A * 4, H, W].
        conf: Per source, Float[B, C, H, W] -> Float[B, A * classes, H, W]; empty beside ``JointHeads``.
        sources: The maps, finest first.
        classes: Outputs per box, background included.

    Returns:
        locs Float[B, P, 4] and logits Float[B, P, classes], boxes in (level, row, column, shape) order.
    """
    if isinstance(loc, JointHeads):
        return loc.predictions(sources)
    locs = [_rows(cast(Tensor, head(source)), 4) for head, source in zip(loc, sources, strict=True)]
    logits = [_rows(cast(Tensor, head(source)), classes) for head, source in zip(conf, sources, strict=True)]
    return torch.cat(locs, dim=1), torch.cat(logits, dim=1)


def _rows(prediction: Tensor, values: int) -> Tensor:
    """Float[B, A * values, H, W] -> Float[B, H * W * A, values]."""
    return prediction.permute(0, 2, 3, 1).reshape(prediction.shape[0], -1, values)
