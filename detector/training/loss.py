"""The training objective. Paper section 2.2, equation 1 and "Hard negative mining". On the trainer's thread.

Works in float32 whatever the network computed in, and never asks the device for a value.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F  # noqa: N812 # everybody's name for it

from detector.training.matcher import Targets


class Losses(NamedTuple):
    """The two terms of equation 1, scalars, each divided by the number of matched default boxes."""

    localisation: Tensor
    confidence: Tensor


class MultiBoxLoss(nn.Module):
    """Smooth L1 over the matched default boxes; cross-entropy over these and the hardest of the others.

    Both are sums over the batch divided by its number of matched default boxes; 0 where there are none. When several
    processes share a batch, the number is that of all, so that the mean of their gradients is one process's gradient.

    Args:
        negative_ratio: Unmatched default boxes per matched one that count, chosen image by image.
    """

    def __init__(self, negative_ratio: int = 3) -> None:
        super().__init__()
        self.negative_ratio = negative_ratio

    def forward(self, locs: Tensor, logits: Tensor, targets: Targets) -> Losses:
        """Compare a prediction with its targets.

        Args:
            locs: Float[B, P, 4], predicted offsets.
            logits: Float[B, P, C], background first.
            targets: Of the same batch.
        """
        with torch.autocast(locs.device.type, enabled=False):
            locs, logits = locs.float(), logits.float()
            positive = targets.classes > 0
            error = F.smooth_l1_loss(locs, targets.locs, reduction="none").sum(dim=2)  # [B, P]
            localisation = torch.where(positive, error, 0.0).sum()

            cost = F.cross_entropy(logits.flatten(0, 1), targets.classes.flatten(), reduction="none")
            cost = cost.view_as(positive)  # [B, P], -log p(class)
            found = torch.where(positive, cost, 0.0).sum()
            # The class of an unmatched box is the background, so what makes it hard is also what it costs.
            missed = _hardest(cost.masked_fill(positive, -torch.inf), self.negative_ratio * positive.sum(dim=1))
            count = _share(positive.sum())
        return Losses(localisation / count, (found + missed) / count)


def _hardest(costs: Tensor, wanted: Tensor) -> Tensor:
    """Sum of the ``wanted`` largest costs of each image.

    Args:
        costs: Float32[B, P]; -inf never counts.
        wanted: Int64[B], may be more than there are.
    """
    ordered = costs.sort(dim=1, descending=True).values
    rank = torch.arange(costs.shape[1], device=costs.device)
    return torch.where((rank < wanted[:, None]) & (ordered > -torch.inf), ordered, 0.0).sum()


def _share(count: Tensor) -> Tensor:
    """Returns a process's divisor: the matched default boxes of all, over the number of processes; at least 1."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return count.clamp_min(1)
    total = count.clone()
    distributed.all_reduce(total)
    return total.clamp_min(1) / distributed.get_world_size()
