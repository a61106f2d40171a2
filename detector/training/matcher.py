"""Which default box answers for which object, and what it should say. Paper section 2.2, "Matching strategy".

Pure functions of tensors on any device, all images of a batch at once; runs on the trainer's thread. On an accelerator
nothing here asks the device for a value, so the host never waits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from detector.config import SSDConfig
from detector.default_boxes import default_boxes

UNMATCHED = -1
PADDING = -1
"""Class id of a row that holds no object: images of a batch have as many rows as the one with the most objects."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What the network should answer.

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
    # Where the host computes, padding is what costs: few pictures have many objects, so the others go without them.
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
    matched = torch.where(most >= iou_threshold, owner, UNMATCHED)
    return _one_each(overlaps, owner, matched)


def _one_each(overlaps: Tensor, owner: Tensor, matched: Tensor) -> Tensor:
    """Write the one-to-one matches over ``matched``; ``overlaps`` is used up.

    A pair in which each is the other's best, among all still free, is one the greedy search would take whatever else
    it takes first: so all such pairs of all images are matched at once. The best pair left is always one of them.
    At most as many rounds as objects are needed, nearly always one or two.

    Args:
        overlaps: Float32[B, G, P].
        owner: Int64[B, P], the object each default box overlaps most.
        matched: Int64[B, P].
    """
    batch, objects, count = overlaps.shape
    nobody = matched.new_full((batch, 1), UNMATCHED)
    matched = torch.cat((matched, nobody), dim=1)  # the last column takes what is not to be written
    order = torch.arange(objects, device=overlaps.device).expand(batch, -1)
    waits_for_free = overlaps.device.type == "cpu"
    for round_ in range(objects):
        if round_:
            owner = overlaps.max(dim=1).indices  # not argmax: which of equals that gives is not said
        most, favourite = overlaps.max(dim=2)  # [B, G]
        wanting = most > 0
        if waits_for_free and not bool(wanting.any()):
            break
        mutual = wanting & (owner.gather(1, favourite) == order)
        place = torch.where(mutual, favourite, count)
        matched.scatter_(1, place, order)
        taken = torch.zeros_like(matched, dtype=torch.bool).scatter_(1, place, True)[:, :count]
        overlaps.masked_fill_(mutual[..., None] | taken[:, None], -1.0)
    return matched[:, :count]


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
