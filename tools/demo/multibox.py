"""Matching and loss of the demo's training: the paper's rule (section 2.2), written out plainly.

Matching is numpy on one image, the loss torch on a batch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 # everybody's name for it

from detector.boxes import Boxes, iou

UNMATCHED = -1


def match(defaults_xyxy: Boxes, boxes_xyxy: Boxes, iou_threshold: float = 0.5) -> npt.NDArray[np.int64]:
    """Give each default box an object, or none.

    First the best pair of all is matched, and both leave the market, until every object has one default box; then
    each default box still free takes the object it overlaps most, if by at least ``iou_threshold``.

    Args:
        defaults_xyxy: Float32[P, 4].
        boxes_xyxy: Float32[G, 4], same unit.
        iou_threshold: Least overlap of the second step.

    Returns:
        Int64[P]: index of the object, or ``UNMATCHED``.
    """
    if len(boxes_xyxy) == 0:
        return np.full(len(defaults_xyxy), UNMATCHED, np.int64)
    overlaps = iou(boxes_xyxy, defaults_xyxy)  # [G, P]
    best = overlaps.argmax(axis=0)
    matched = np.where(overlaps.max(axis=0) >= iou_threshold, best, UNMATCHED)
    for _ in range(len(boxes_xyxy)):
        which, default = np.unravel_index(overlaps.argmax(), overlaps.shape)
        if overlaps[which, default] <= 0:
            break  # what is left overlaps no default box at all
        matched[default] = which
        overlaps[which, :] = -1
        overlaps[:, default] = -1
    return matched.astype(np.int64)


def hard_negatives(background_loss: Tensor, positive: Tensor, ratio: int = 3) -> Tensor:
    """Choose, per image, the negatives the network finds hardest, ``ratio`` for each positive.

    Args:
        background_loss: Float[B, P], -log p(background).
        positive: Bool[B, P].
        ratio: Negatives per positive.

    Returns:
        Bool[B, P]; nothing for an image without positives.
    """
    hardness = background_loss.masked_fill(positive, -torch.inf)
    rank = hardness.argsort(dim=1, descending=True).argsort(dim=1)  # [B, P], 0 the hardest
    return (rank < ratio * positive.sum(dim=1, keepdim=True)) & ~positive


def multibox_loss(locs: Tensor, logits: Tensor, target_locs: Tensor, target_classes: Tensor) -> tuple[Tensor, Tensor]:
    """The two terms of the paper's equation 1.

    Args:
        locs: Float[B, P, 4], predicted offsets.
        logits: Float[B, P, C].
        target_locs: Float[B, P, 4]; read only where the class is not background.
        target_classes: Int64[B, P], 0 for background.

    Returns:
        Smooth L1 over the positives, and cross-entropy over positives and hard negatives, each divided by the number
        of positives in the batch.
    """
    positive = target_classes > 0
    count = positive.sum().clamp(min=1)
    localisation = F.smooth_l1_loss(locs[positive], target_locs[positive], reduction="sum")
    with torch.no_grad():
        background_loss = logits.logsumexp(dim=2) - logits[..., 0]
        used = positive | hard_negatives(background_loss, positive)
    classification = F.cross_entropy(logits[used], target_classes[used], reduction="sum")
    return localisation / count, classification / count
