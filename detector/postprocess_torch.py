"""From raw network outputs to candidates, on tensors of any device: all images and classes at once, fixed sizes.

The twin of ``postprocess`` for engines whose outputs live on an accelerator; runs on the engine's thread. Its results
have the same shape whatever the image shows, so the host waits only where NMS asks whether it has settled, and one
copy of ``Packed.rows`` brings everything back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from detector.detections import Candidates
from detector.nms import float32_limit
from detector.spec import PostprocessSpec

CAPACITY = 4096
"""Candidates carried per image. More pass the floor only on untrained or absurd input; the best are the ones kept."""

_PAIRS_AT_A_TIME = 1 << 26  # elements of the comparison matrix worked on together: a quarter of a gigabyte in float32
_ROUNDS = 4  # of suppression between two questions to the device; most images need two or three
_LOW_HALF = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Packed:
    """Candidates of a batch in one tensor, best first, padded with score 0.

    Attributes:
        rows: Float32[B, K, 7] as x1, y1, x2, y2 (pixels of the original image), score, class id (background excluded),
            kept by NMS (0 or 1).
        iou_threshold: The NMS limit.
    """

    rows: Tensor
    iou_threshold: float

    def candidates(self) -> list[Candidates]:
        """Copy to the host, once, and split into images."""
        rows: npt.NDArray[np.float32] = self.rows.cpu().numpy()
        return [self._one(image[: np.count_nonzero(image[:, 4] > 0)]) for image in rows]

    def _one(self, rows: npt.NDArray[np.float32]) -> Candidates:
        boxes, scores = rows[:, :4].copy(), rows[:, 4].copy()
        return Candidates(boxes, scores, rows[:, 5].astype(np.int32), rows[:, 6] > 0, self.iou_threshold)


def postprocess(
    locs: Tensor,
    logits: Tensor,
    defaults: Tensor,
    spec: PostprocessSpec,
    sizes: Tensor,
    iou_threshold: float | None = None,
    *,
    variances: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2),
    capacity: int = CAPACITY,
) -> Packed:
    """Turn one batch of predictions into candidates; see ``detector.postprocess`` for the rule.

    Args:
        locs: Float[B, P, 4], encoded boxes.
        logits: Float[B, P, C], class scores before softmax, background at index 0.
        defaults: Float32[P, 4] as (cx, cy, w, h), fractions of the input, on the same device.
        spec: The rule the checkpoint was evaluated with.
        sizes: Float32[B, 2], height and width of each original image in pixels, on the same device.
        iou_threshold: NMS limit; None for the model's own.
        variances: Scale of the encoded boxes.
        capacity: At most this many candidates per image.
    """
    limit = spec.iou_threshold if iou_threshold is None else iou_threshold
    decoded = decode(locs, defaults, variances, spec.max_log_size)
    extent = sizes.flip(1).repeat(1, 2)[:, None]  # [B, 1, 4] as w, h, w, h
    half = decoded[..., 2:] * 0.5
    boxes = torch.cat((decoded[..., :2] - half, decoded[..., :2] + half), dim=-1) * extent
    if spec.clip:
        boxes = torch.minimum(boxes.clamp_min(0), extent)
    usable = boxes.isfinite().all(dim=-1)  # an overflowed box is no box
    scores, class_id, box = _select(logits, usable, spec, capacity)
    valid = scores > 0
    boxes = boxes.gather(1, box[..., None].expand(-1, -1, 4)) * valid[..., None]
    kept = batched_nms(boxes, class_id, valid, limit)
    return Packed(torch.cat((boxes, torch.stack((scores, class_id.float(), kept.float()), dim=-1)), dim=-1), limit)


def batched_nms(boxes_xyxy: Tensor, groups: Tensor, valid: Tensor, iou_threshold: float) -> Tensor:
    """The greedy NMS of ``detector.nms``, image by image at the same time.

    Args:
        boxes_xyxy: Float32[B, K, 4], best first.
        groups: Int[B, K]; boxes of different groups never touch.
        valid: Bool[B, K], False for padding, which comes last.
        iou_threshold: Suppress where IoU > this.

    Returns:
        Bool[B, K], True where the box stays; False for padding.
    """
    used = int(valid.sum(dim=1).max()) if valid.numel() else 0
    blocked = _blocks(boxes_xyxy[:, :used], groups[:, :used], float(float32_limit(iou_threshold)))
    alive = valid[:, :used]
    kept, previous = alive, torch.zeros_like(alive)
    while not torch.equal(kept, previous):
        for _ in range(_ROUNDS):
            kept, previous = alive & ~(blocked & kept[:, :, None]).any(dim=1), kept
    return torch.nn.functional.pad(kept, (0, valid.shape[1] - used))


def _blocks(boxes_xyxy: Tensor, groups: Tensor, limit: float) -> Tensor:
    """Bool[B, N, N]: the box of the row would suppress the box of the column. Computed in slabs of rows."""
    batch, count, _ = boxes_xyxy.shape
    x1, y1, x2, y2 = boxes_xyxy.unbind(dim=-1)  # each [B, N]
    area = (x2 - x1) * (y2 - y1)
    result = torch.zeros((batch, count, count), dtype=torch.bool, device=boxes_xyxy.device)
    rank = torch.arange(count, device=boxes_xyxy.device)
    step = max(1, _PAIRS_AT_A_TIME // max(1, batch * count))
    for low in range(0, count, step):
        r = slice(low, low + step)
        width = torch.minimum(x2[:, r, None], x2[:, None]) - torch.maximum(x1[:, r, None], x1[:, None])  # [B, R, N]
        height = torch.minimum(y2[:, r, None], y2[:, None]) - torch.maximum(y1[:, r, None], y1[:, None])
        intersection = width.clamp_min_(0).mul_(height.clamp_min_(0))
        union = area[:, r, None] + area[:, None] - intersection
        overlapping = intersection.div_(union) > limit  # 0 / 0 is NaN: not above
        result[:, r] = overlapping & (groups[:, r, None] == groups[:, None]) & (rank[r, None] < rank)
    return result


def decode(
    locs: Tensor, defaults: Tensor, variances: tuple[float, float, float, float], max_log_size: float | None
) -> Tensor:
    """``BoxCoder.decode`` for Float[B, P, 4] -> Float32[B, P, 4]."""
    dx, dy, dw, dh = (delta * scale for delta, scale in zip(locs.float().unbind(dim=-1), variances, strict=True))
    cx, cy, width, height = defaults.unbind(dim=-1)
    if max_log_size is not None:
        dw, dh = dw.clamp_max(max_log_size), dh.clamp_max(max_log_size)
    return torch.stack((dx * width + cx, dy * height + cy, dw.exp() * width, dh.exp() * height), dim=-1)


def _select(logits: Tensor, usable: Tensor, spec: PostprocessSpec, capacity: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best candidates of each image.

    Returns:
        scores Float32[B, K], descending, 0 for padding; class ids Int64[B, K]; default box indices Int64[B, K].
    """
    boxes = logits.shape[1]
    scores = logits.float().softmax(dim=-1)[..., 1:].transpose(1, 2)  # [B, C - 1, P]
    scores = torch.where((scores > spec.score_floor) & usable[:, None], scores, 0)
    best, box = scores.topk(min(spec.top_k, boxes), dim=2)  # [B, C - 1, k]
    classes = torch.arange(best.shape[1], device=logits.device)[:, None]
    # Score and place in one number: the bits of positive floats order like the floats, and equal scores then come in
    # (class, box) order whatever the device's sort does.
    place = _LOW_HALF - (classes * boxes + box)
    key = (best.contiguous().view(torch.int32).long() << 32 | place).flatten(1)  # [B, (C - 1) * k]
    key = key.topk(min(capacity, key.shape[1]), dim=1).values  # [B, K]
    place = _LOW_HALF - (key & _LOW_HALF)
    return (key >> 32).int().view(torch.float32), place // boxes, place % boxes
