"""``postprocess_fixed.suppress_by_rounds`` in kernels that compare what is there only, storing no matrix."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from detector.kernels.four_numbers import load_four
from detector.postprocess_fixed import ROUNDS

_BLOCK = 64


@triton.jit(do_not_specialize=["count", "top_k"])  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def _cut(classes, used, stay, count, top_k, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803 - Triton's
    """stay[b, j] = j is used, and fewer than ``top_k`` before it are of its class."""
    row, first = tl.program_id(0) * count, tl.program_id(1) * BLOCK
    end = tl.load(used + tl.program_id(0))
    mine = first + tl.arange(0, BLOCK)
    own = tl.load(classes + row + mine, mask=mine < end, other=-1)
    ahead = tl.zeros([BLOCK], dtype=tl.int32)
    for start in range(0, tl.minimum(first + BLOCK, end), BLOCK):
        theirs = start + tl.arange(0, BLOCK)
        other = tl.load(classes + row + theirs, mask=theirs < end, other=-2)
        same = (other[:, None] == own[None, :]) & (theirs[:, None] < mine[None, :])
        ahead += tl.sum(same.to(tl.int32), axis=0)
    tl.store(stay + row + mine, ((mine < end) & (ahead < top_k)).to(tl.int32), mask=mine < count)


@triton.jit(do_not_specialize=["count"])  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def _round(boxes, classes, used, stay, limit, kept, after, count, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803
    """after[b, j] = stay[b, j], and no kept one before j of its class overlaps it by more than ``limit``."""
    row, first = tl.program_id(0) * count, tl.program_id(1) * BLOCK
    end = tl.load(used + tl.program_id(0))
    most = tl.load(limit)
    mine = first + tl.arange(0, BLOCK)
    there = mine < end
    own = tl.load(classes + row + mine, mask=there, other=-1)
    x1, y1, x2, y2 = load_four(boxes + (row + mine) * 4, there)
    area = (x2 - x1) * (y2 - y1)
    hits = tl.zeros([BLOCK], dtype=tl.int32)
    for start in range(0, tl.minimum(first + BLOCK, end), BLOCK):
        theirs = start + tl.arange(0, BLOCK)
        known = theirs < end
        other = tl.load(classes + row + theirs, mask=known, other=-2)
        alive = tl.load(kept + row + theirs, mask=known, other=0)
        a1, b1, a2, b2 = load_four(boxes + (row + theirs) * 4, known)
        size = (a2 - a1) * (b2 - b1)
        width = tl.maximum(tl.minimum(a2[:, None], x2[None, :]) - tl.maximum(a1[:, None], x1[None, :]), 0.0)
        height = tl.maximum(tl.minimum(b2[:, None], y2[None, :]) - tl.maximum(b1[:, None], y1[None, :]), 0.0)
        both = width * height
        union = (size[:, None] + area[None, :]) - both
        over = tl.div_rn(both, union) > most  # 0 / 0 is NaN: not above
        over = over & (other[:, None] == own[None, :]) & (theirs[:, None] < mine[None, :]) & (alive[:, None] > 0)
        hits += tl.sum(over.to(tl.int32), axis=0)
    stays = tl.load(stay + row + mine, mask=mine < count, other=0)
    tl.store(after + row + mine, ((stays > 0) & (hits == 0)).to(tl.int32), mask=mine < count)


def suppress_by_kernels(
    boxes_xyxy: Tensor, class_id: Tensor, valid: Tensor, limit: Tensor, top_k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """See ``suppress_by_rounds``."""
    boxes, classes = boxes_xyxy.contiguous(), class_id.to(torch.int32).contiguous()
    stay, kept, before = suppressed(boxes, classes, valid.sum(dim=1, dtype=torch.int32), limit, top_k)
    return stay > 0, kept > 0, (kept == before).all(dim=1)


def suppressed(
    boxes_xyxy: Tensor, class_id: Tensor, used: Tensor, limit: Tensor, top_k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Marks as the kernels write them.

    Args:
        boxes_xyxy: Float32[B, K, 4], contiguous, best first.
        class_id: Int32[B, K], contiguous.
        used: Int32[B], how many of the boxes of each image.
        limit: As for ``suppress_by_rounds``.
        top_k: Likewise.

    Returns:
        Of each box whether it is left by the cut, kept, and was kept one round before, each Int32[B, K], 0 or 1.
    """
    batch, count = class_id.shape
    stay, kept = (torch.empty((batch, count), dtype=torch.int32, device=class_id.device) for _ in range(2))
    grid = (batch, -(-count // _BLOCK))
    _cut[grid](class_id, used, stay, count, top_k, BLOCK=_BLOCK, enable_fp_fusion=False)
    before = stay
    for number in range(ROUNDS):
        # Exactly as the plain form rounds: no product fused with its sum.
        _round[grid](boxes_xyxy, class_id, used, stay, limit, before, kept, count, BLOCK=_BLOCK, enable_fp_fusion=False)
        if number < ROUNDS - 1:
            before, kept = kept, torch.empty_like(kept)
    return stay, kept, before
