"""Post-processing that never asks the device a question: for CUDA graphs, where every step has one size and none waits.

The third form of the rule in ``detector.postprocess``, on the engine's thread. What an image shows decides none of the
shapes: the best ``capacity`` pairs of box and class above the floor are looked at, whatever their number, and
suppression takes a fixed number of rounds. ``unpack`` finds both in what comes back:

* more pairs above the floor than ``capacity``: what was found is then the beginning of the rule's list, best first, up
  to the last of these pairs, with the same marks; ``unpack`` answers None, and the caller takes the longer way;
* suppression not settled (a chain of boxes, each upon the next, longer than the rounds): done again in numpy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from detector.detections import Candidates
from detector.nms import batched_nms
from detector.postprocess_torch import decode
from detector.spec import PostprocessSpec

CAPACITY = 1024
"""Pairs looked at per image: five times what a trained network finds in a crowded street."""

ROUNDS = 6
"""Rounds of suppression; most images settle in two or three."""

COLUMNS = 7
PAIRS_AT_A_TIME = 1 << 24  # elements of the comparison matrix worked on together: 64 MB in float32
_LOW_HALF = 0xFFFFFFFF

Suppress = Callable[[Tensor, Tensor, Tensor, Tensor, int], tuple[Tensor, Tensor, Tensor]]
"""``suppress_by_rounds`` or what does the same."""


def postprocess_fixed(
    locs: Tensor,
    logits: Tensor,
    defaults: Tensor,
    spec: PostprocessSpec,
    extent: Tensor,
    limit: Tensor,
    *,
    floor: Tensor | None = None,
    variances: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2),
    capacity: int = CAPACITY,
    suppress: Suppress | None = None,
) -> Tensor:
    """Turn one batch of predictions into one buffer; queues work and returns.

    Args:
        locs: Float[B, P, 4], encoded boxes.
        logits: Float[B, P, C], class scores before softmax, background at index 0.
        defaults: Float32[P, 4] as (cx, cy, w, h), fractions of the input, on the same device.
        spec: The rule the checkpoint was evaluated with.
        extent: Float32[4], width, height, width, height of the original images, on the same device.
        limit: Float32[], the NMS limit as ``float32_limit`` gives it, on the same device.
        floor: Float32[], the floor score, on the same device; None for the rule's.
        variances: Scale of the encoded boxes.
        capacity: Pairs looked at per image.
        suppress: Does what ``suppress_by_rounds`` does; None for that.

    Returns:
        Float32[B, 1 + K, 7]. The first row of an image: pairs above the floor, settled (0 or 1), zeros. Then K rows,
        best first: x1, y1, x2, y2 (pixels), score (0: no candidate), class id (background excluded), kept (0 or 1).
    """
    scores, class_id, box, passing = _select(logits, spec.score_floor if floor is None else floor, capacity)
    chosen = box[..., None].expand(-1, -1, 4)
    decoded = decode(locs.gather(1, chosen), defaults[box], variances, spec.max_log_size)
    half = decoded[..., 2:] * 0.5
    boxes = torch.cat((decoded[..., :2] - half, decoded[..., :2] + half), dim=-1) * extent
    if spec.clip:
        boxes = torch.minimum(boxes.clamp_min(0), extent)
    sane = boxes.isfinite().all(dim=-1)  # an overflowed box is no box
    boxes = boxes.masked_fill(~sane[..., None], 0)
    # The rule cuts each class at its ``top_k`` before it looks at the boxes, so an overflowed one counts there.
    valid, kept, settled = (suppress or suppress_by_rounds)(boxes, class_id, scores > 0, limit, spec.top_k)
    scores = scores.masked_fill(~(valid & sane), 0)
    rows = torch.stack((scores, class_id.float(), (kept & sane).float()), dim=-1)
    first = torch.zeros((len(boxes), 1, COLUMNS), device=boxes.device)
    first[:, 0, 0], first[:, 0, 1] = passing.float(), settled.float()
    return torch.cat((first, torch.cat((boxes, rows), dim=-1)), dim=1)


def result_shape(boxes: int, classes: int) -> tuple[int, int]:
    """(1 + K, 7) of a network with that many default boxes and classes, background excluded."""
    return 1 + min(CAPACITY, boxes * classes), COLUMNS


def unpack(rows: npt.NDArray[np.float32], iou_threshold: float, capacity: int = CAPACITY) -> list[Candidates | None]:
    """Returns the result of ``postprocess_fixed`` on the host; None for an image that had more than ``capacity``.

    Args:
        rows: Float32[B, 1 + K, 7], copied from.
        iou_threshold: What ``limit`` was made from.
        capacity: As it was there.
    """
    return [unpack_one(image, iou_threshold) if image[0, 0] <= capacity else None for image in rows]


def unpack_one(image: npt.NDArray[np.float32], iou_threshold: float) -> Candidates:
    """Returns the candidates of one image, Float32[1 + K, 7] as ``postprocess_fixed`` packs them."""
    used = image[1 : 1 + int(image[0, 0])]
    used = used[used[:, 4] > 0]
    boxes, scores, class_id, kept = used[:, :4].copy(), used[:, 4].copy(), used[:, 5].astype(np.int32), used[:, 6] > 0
    if not image[0, 1]:
        kept = batched_nms(boxes, class_id, iou_threshold)
    return Candidates(boxes, scores, class_id, kept, iou_threshold)


def _select(logits: Tensor, floor: Tensor | float, capacity: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The best pairs of box and class of each image.

    Returns:
        scores Float32[B, K], descending, 0 for padding; class ids Int64[B, K]; default box indices Int64[B, K]; pairs
        above the floor Int64[B].
    """
    batch, boxes, classes = logits.shape[0], logits.shape[1], logits.shape[2] - 1
    scores = logits.float().softmax(dim=-1)[..., 1:].reshape(batch, -1)  # [B, P * (C - 1)]
    above = scores > floor  # not so for NaN
    scores = scores.masked_fill(~above, 0)  # torch.where would upload its 0, and wait
    best, place = scores.topk(min(capacity, scores.shape[1]), dim=1, sorted=False)
    box, class_id = place // classes, place % classes
    # Score and place in one number: the bits of positive floats order like the floats, and equal scores then come in
    # (class, box) order whatever the device's sort does.
    key = best.view(torch.int32).long() * (_LOW_HALF + 1) + (_LOW_HALF - (class_id * boxes + box))
    key, order = key.sort(dim=1, descending=True)
    best, box, class_id = best.gather(1, order), box.gather(1, order), class_id.gather(1, order)
    return best, class_id, box, above.sum(dim=1)


def suppress_by_rounds(
    boxes_xyxy: Tensor, class_id: Tensor, valid: Tensor, limit: Tensor, top_k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Leave the ``top_k`` best of each class, then suppress what overlaps a better one of its class.

    Args:
        boxes_xyxy: Float32[B, K, 4], finite, best first.
        class_id: Int64[B, K].
        valid: Bool[B, K], False for padding, which comes last.
        limit: Float32[], suppress where IoU > this.
        top_k: Of each class.

    Returns:
        valid Bool[B, K] after the cut; kept Bool[B, K], True where a box stays; settled Bool[B], whether more rounds
        would change nothing.
    """
    step = max(1, PAIRS_AT_A_TIME // max(1, valid.shape[1] ** 2))  # images
    parts = [
        _suppress(boxes_xyxy[low : low + step], class_id[low : low + step], valid[low : low + step], limit, top_k)
        for low in range(0, len(valid), step)
    ]
    valids, kepts, settled = zip(*parts, strict=True)
    return torch.cat(valids), torch.cat(kepts), torch.cat(settled)


def _suppress(
    boxes_xyxy: Tensor, class_id: Tensor, valid: Tensor, limit: Tensor, top_k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """``suppress_by_rounds`` of a few images: the whole matrix of pairs at once."""
    count = valid.shape[1]
    rank = torch.arange(count, device=valid.device)
    better = (class_id[:, :, None] == class_id[:, None]) & (rank[:, None] < rank)  # [B, K, K], row before column
    if top_k < count:
        valid = valid & (better.sum(dim=1) < top_k)
    x1, y1, x2, y2 = boxes_xyxy.unbind(dim=-1)  # each [B, K]
    area = (x2 - x1) * (y2 - y1)
    width = torch.minimum(x2[:, :, None], x2[:, None]).sub_(torch.maximum(x1[:, :, None], x1[:, None])).clamp_min_(0)
    height = torch.minimum(y2[:, :, None], y2[:, None]).sub_(torch.maximum(y1[:, :, None], y1[:, None])).clamp_min_(0)
    intersection = width.mul_(height)
    union = (area[:, :, None] + area[:, None]).sub_(intersection)
    blocks = (intersection.div_(union) > limit).logical_and_(better)  # 0 / 0 is NaN: not above
    kept, before = valid, valid
    for _ in range(ROUNDS):
        kept, before = valid & ~(blocks & kept[:, :, None]).any(dim=1), kept
    return valid, kept, (kept == before).all(dim=1)
