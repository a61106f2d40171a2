"""From source feature maps to one row per default box: what every SSD's predictors have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn


def predict(loc: nn.ModuleList, conf: nn.ModuleList, sources: Sequence[Tensor], classes: int) -> tuple[Tensor, Tensor]:
    """Run one box and one class predictor on each source map.

    Args:
        loc: Per source, Float[B, C, H, W] -> Float[B, A * 4, H, W].
        conf: Per source, Float[B, C, H, W] -> Float[B, A * classes, H, W].
        sources: The maps, finest first.
        classes: Outputs per box, background included.

    Returns:
        locs Float[B, P, 4] and logits Float[B, P, classes], boxes in (level, row, column, shape) order.
    """
    locs = [_rows(cast(Tensor, head(source)), 4) for head, source in zip(loc, sources, strict=True)]
    logits = [_rows(cast(Tensor, head(source)), classes) for head, source in zip(conf, sources, strict=True)]
    return torch.cat(locs, dim=1), torch.cat(logits, dim=1)


def _rows(prediction: Tensor, values: int) -> Tensor:
    """Float[B, A * values, H, W] -> Float[B, H * W * A, values]."""
    return prediction.permute(0, 2, 3, 1).reshape(prediction.shape[0], -1, values)
