"""Learning from labels that name some classes only, without forgetting the others: the start answers for those.

VOC's images name twenty classes; a cup in them is not background. So of every default box that has no object the
target is the start's own answer to the same image, but for the labelled classes, of which only a share is believed
where no label is. (Hinton et al., arXiv 1503.02531; for detectors Shmelkov et al., arXiv 1708.06977.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 # everybody's name for it

from detector.training.batches import Batch
from detector.training.loss import Losses
from detector.training.matcher import Matcher, Targets
from tools.everyday.schedules import Distillation

Teacher = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Images Float32[B, 3, H, W] -> the start's locs Float32[B, P, 4] and logits Float32[B, P, C]."""


class DistillingCriterion:
    """MultiBox with the start's answers where labels are silent; a ``Criterion``.

    Args:
        matcher: Gives objects to default boxes.
        teacher: The start.
        labelled: Bool[N, C - 1], for each image of the set the classes whose objects are all labelled.
        distillation: How much of the start is kept.
        negative_ratio: Hard negatives per matched default box, image by image.
    """

    def __init__(
        self,
        matcher: Matcher,
        teacher: Teacher,
        labelled: Tensor,
        distillation: Distillation,
        negative_ratio: int = 3,
    ) -> None:
        self._matcher, self._teacher, self._labelled = matcher, teacher, labelled
        self._keep = distillation
        self._ratio = negative_ratio

    def __call__(self, images: Tensor, locs: Tensor, logits: Tensor, batch: Batch) -> Losses:
        """See ``Criterion``."""
        targets = self._matcher(batch.boxes_xyxy, batch.class_ids)
        with torch.no_grad():
            old_locs, old_logits = self._teacher(images)
            old = old_logits.float().softmax(dim=2)
        labelled = self._labelled[[pick.index for pick in batch.picks]].to(images.device)
        with torch.autocast(images.device.type, enabled=False):
            return self._compare(locs.float(), logits.float(), targets, old_locs.float(), old, labelled)

    def _compare(
        self, locs: Tensor, logits: Tensor, targets: Targets, old_locs: Tensor, old: Tensor, labelled: Tensor
    ) -> Losses:
        keep = self._keep
        positive = targets.classes > 0  # [B, P]
        count = positive.sum().clamp_min(1)
        logs = logits.log_softmax(dim=2)
        # Labelled objects.
        truth = F.one_hot(targets.classes, logits.shape[2]).float()
        wanted = (1 - keep.softness) * truth + keep.softness * old
        found = torch.where(positive, -(wanted * logs).sum(dim=2), 0.0).sum()
        box_error = F.smooth_l1_loss(locs, targets.locs, reduction="none").sum(dim=2)
        localisation = torch.where(positive, box_error, 0.0).sum() / count
        # Everything else, as the start has it.
        believed = old[..., 1:] * torch.where(labelled, keep.kept, 1.0)[:, None, :]
        foreign = believed.sum(dim=2)  # [B, P]
        kept = torch.cat(((1 - foreign)[..., None], believed), dim=2)
        divergence = (torch.xlogy(kept, kept) - kept * logs).sum(dim=2)
        mass = torch.where(positive, 0.0, foreign)
        scale = count + mass.sum()
        distilled = torch.where(positive, 0.0, divergence).sum() / scale
        moved = F.smooth_l1_loss(locs, old_locs, reduction="none").sum(dim=2)
        localisation = localisation + keep.weight * (mass * moved).sum() / scale
        # Background, where not even the start sees something.
        open_ = ~positive & (1 - old[..., 0] < keep.sure)
        missed = _hardest(torch.where(open_, -logs[..., 0], -torch.inf), self._ratio * positive.sum(dim=1))
        return Losses(keep.box_weight * localisation, (found + missed) / count + keep.weight * distilled)


def _hardest(costs: Tensor, wanted: Tensor) -> Tensor:
    """Sum of the ``wanted`` largest costs of each image; -inf never counts."""
    ordered = costs.sort(dim=1, descending=True).values
    rank = torch.arange(costs.shape[1], device=costs.device)
    return torch.where((rank < wanted[:, None]) & (ordered > -torch.inf), ordered, 0.0).sum()


def labelled_classes(counts: Sequence[int], known: Sequence[Sequence[int]], classes: int) -> Tensor:
    """Bool[N, classes]: for each image the classes whose objects are all labelled.

    Args:
        counts: Images of each set, in the order of the images.
        known: Numbers of the classes each set labels.
        classes: Without background.
    """
    rows = []
    for count, ids in zip(counts, known, strict=True):
        row = torch.zeros(classes, dtype=torch.bool)
        row[list(ids)] = True
        rows.append(row.expand(count, -1))
    return torch.cat(rows)
