"""Which default box answers for which object, and what it should say. Paper section 2.2, "Matching strategy".

Pure functions of tensors on any device, all images of a batch at once; runs on the trainer's thread. On an accelerator
nothing here asks the device for a value, so the host never waits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 # everybody's name for it

from detector.config import SSDConfig
from detector.default_boxes import default_boxes

UNMATCHED = -1
PADDING = -1
"""Class id of a row that holds no object: images of a batch have as many rows as the one with the most objects."""

_HALF = 32  # bits
_LOW = (1 << _HALF) - 1


@dataclass(frozen=True, slots=True)
class Targets:
    """The answers expected of the network.

    Attributes:
        locs: Float32[B, P, 4], encoded offsets; zero where nothing matched.
        classes: Int64[B, P], 0 for background, else class id + 1.
    """

    locs: Tensor
    classes: Tensor


class Matcher:
    """Turns the objects of a batch into ``Targets`` for the default boxes of ``config``.

    Args:
        config: Default boxes and variances.
        device: Where batches live.
        iou_threshold: Least overlap at which a default box is matched besides the best one.
    """

    def __init__(self, config: SSDConfig, device: torch.device | str = "cpu", *, iou_threshold: float = 0.5) -> None:
        self.defaults = torch.from_numpy(default_boxes(config)).to(device)  # [P, 4] cxcywh
        half = self.defaults[:, 2:] * 0.5
        self.defaults_xyxy = torch.cat((self.defaults[:, :2] - half, self.defaults[:, :2] + half), dim=1)
        self._variances = torch.tensor(config.variances, device=device)
        self._iou_threshold = iou_threshold

    def __call__(self, boxes_xyxy: Tensor, class_ids: Tensor) -> Targets:
        """Match and encode.

        Args:
            boxes_xyxy: Float32[B, G, 4], fractions of the input.
            class_ids: Int64[B, G], background not counted; ``PADDING`` where there is no object.
        """
        matched = match(self.defaults_xyxy, boxes_xyxy, class_ids >= 0, self._iou_threshold)
        positive = matched != UNMATCHED
        if boxes_xyxy.shape[1] == 0:
            return Targets(torch.zeros(*matched.shape, 4, device=matched.device), torch.zeros_like(matched))
        owner = matched.clamp_min(0)
        classes = torch.where(positive, class_ids.gather(1, owner) + 1, 0)
        boxes = boxes_xyxy.float().gather(1, owner[..., None].expand(-1, -1, 4))  # [B, P, 4]
        locs = encode(boxes, self.defaults, self._variances)
        return Targets(torch.where(positive[..., None], locs, 0.0), classes)


def match(defaults_xyxy: Tensor, boxes_xyxy: Tensor, valid: Tensor, iou_threshold: float = 0.5) -> Tensor:
    """Give each default box an object, or none.

    First the best pair of all is matched, and both leave the market, until every object has one default box; then
    each default box still free takes the object it overlaps most, if by at least ``iou_threshold``. Among equal
    overlaps the object listed first goes first, and gets the first default box. An object that overlaps no default
    box stays without.

    Args:
        defaults_xyxy: Float32[P, 4].
        boxes_xyxy: Float32[B, G, 4], same unit.
        valid: Bool[B, G], false for padding.
        iou_threshold: Least overlap of the second step.

    Returns:
        Int64[B, P]: index of the object, or ``UNMATCHED``.
    """
    if boxes_xyxy.device.type != "cpu":
        return _match(defaults_xyxy, boxes_xyxy, valid, iou_threshold)
    # Where the host computes, padding is what costs: few images have many objects, so the others go without them.
    matched = torch.full((len(boxes_xyxy), len(defaults_xyxy)), UNMATCHED)
    last = torch.where(valid, torch.arange(1, valid.shape[1] + 1), 0)
    rows = last.amax(dim=1) if valid.shape[1] else torch.zeros(len(valid))
    low = 0
    for high in (2 ** (power + 1) for power in range(valid.shape[1].bit_length())):
        group = ((rows > low) & (rows <= high)).nonzero()[:, 0]
        if len(group):
            matched[group] = _match(defaults_xyxy, boxes_xyxy[group, :high], valid[group, :high], iou_threshold)
        low = high
    return matched


def _match(defaults_xyxy: Tensor, boxes_xyxy: Tensor, valid: Tensor, iou_threshold: float) -> Tensor:
    if boxes_xyxy.shape[1] == 0:
        return torch.full((len(boxes_xyxy), len(defaults_xyxy)), UNMATCHED, device=boxes_xyxy.device)
    overlaps = torch.where(valid[..., None], pairwise_iou(boxes_xyxy, defaults_xyxy), -1.0)  # [B, G, P]
    most, owner = overlaps.max(dim=1)
    owners = _one_each(overlaps)
    return torch.where(owners != UNMATCHED, owners, torch.where(most >= iou_threshold, owner, UNMATCHED))


def _one_each(overlaps: Tensor) -> Tensor:
    """The one-to-one matches alone, all images at once.

    Each object bids for the default box it overlaps most among those that nobody outbids it for; a default box keeps
    its best bid. What the greedy search would match as n-th pair is kept from round n on, because the boxes that its
    object likes better went to the pairs before: as many rounds as objects are enough. No object is outbid for more
    boxes than there are other objects, so its few best boxes are all it needs to know, and a round is a handful of
    operations on small tensors.

    Args:
        overlaps: Float32[B, G, P]; what is not above 0 is no match.

    Returns:
        Int64[B, P]: index of the object, or ``UNMATCHED``.
    """
    batch, objects, count = overlaps.shape
    backwards = torch.arange(count - 1, -1, -1, device=overlaps.device)
    # The bits of a float that is not negative count as its value does: overlap first, then the place in the list.
    wishes = (overlaps.contiguous().view(torch.int32).long() << _HALF) | backwards
    best = wishes.topk(min(objects, count), dim=2).values  # [B, G, K]
    rank = torch.arange(objects, 0, -1, device=overlaps.device)[:, None]
    possible = best >> _HALF > 0
    bids = torch.where(possible, (best >> _HALF << _HALF) | rank, 0)
    places = torch.where(possible, count - 1 - (best & _LOW), count)  # the last column takes bids for nothing
    bids, places = F.pad(bids, (0, 1)), F.pad(places, (0, 1), value=count)
    kept = bids.new_zeros((batch, count + 1))
    waits_for_free = overlaps.device.type == "cpu"
    before: Tensor | None = None
    for _ in range(objects):
        open_ = bids >= kept.gather(1, places.flatten(1)).view_as(bids)
        choice = open_.max(dim=2, keepdim=True).indices  # the first one
        if waits_for_free:
            if before is not None and torch.equal(choice, before):
                break
            before = choice
        kept.scatter_reduce_(1, places.gather(2, choice)[..., 0], bids.gather(2, choice)[..., 0], "amax")
    kept = kept[:, :count]
    return torch.where(kept > 0, objects - (kept & _LOW), UNMATCHED)


def pairwise_iou(boxes_xyxy: Tensor, others_xyxy: Tensor) -> Tensor:
    """Intersection over union; 0 where neither box has an area.

    Args:
        boxes_xyxy: Float32[B, G, 4].
        others_xyxy: Float32[P, 4], the same for every image, or Float32[B, P, 4].

    Returns:
        Float32[B, G, P].
    """
    x1, y1, x2, y2 = (side[..., None] for side in boxes_xyxy.float().unbind(dim=-1))  # [B, G, 1]
    left, top, right, bottom = others_xyxy[..., None, :, :].unbind(dim=-1)  # [1, P] or [B, 1, P]
    shared = (torch.minimum(x2, right) - torch.maximum(x1, left)).clamp_min_(0)
    shared *= (torch.minimum(y2, bottom) - torch.maximum(y1, top)).clamp_min_(0)
    union = ((x2 - x1) * (y2 - y1) + (right - left) * (bottom - top)).sub_(shared)
    return shared.div_(union.clamp_min_(torch.finfo(torch.float32).tiny))


def encode(boxes_xyxy: Tensor, defaults: Tensor, variances: Tensor) -> Tensor:
    """``BoxCoder.encode`` for Float32[B, P, 4] in corner form against Float32[P, 4] in centre form. Equation 2."""
    low, high = boxes_xyxy[..., :2], boxes_xyxy[..., 2:]
    centres = ((low + high) * 0.5 - defaults[:, :2]) / defaults[:, 2:]
    sizes = ((high - low) / defaults[:, 2:]).log()
    return torch.cat((centres, sizes), dim=-1) / variances
