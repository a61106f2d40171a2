"""``postprocess_fixed.suppress_by_rounds`` in kernels of Triton's: they compare what is there only, storing no matrix.

Not everywhere: Triton comes with torch on Linux, and needs a C compiler where it runs. So ``triton_suppress`` tries it
out against the plain form first. On the engine's thread, for tensors of an NVIDIA GPU. Kernels are written in a
language of their own that only looks like Python, and knows no types of ours.
"""

from __future__ import annotations

import logging
from functools import lru_cache

import torch
import triton
import triton.language as tl
from torch import Tensor

from detector.postprocess_fixed import ROUNDS, Suppress, suppress_by_rounds

_BLOCK = 64
_log = logging.getLogger(__name__)


@triton.jit  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
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


@triton.jit  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def _round(boxes, classes, used, stay, limit, kept, after, count, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803
    """after[b, j] = stay[b, j], and no kept one before j of its class overlaps it by more than ``limit``."""
    row, first = tl.program_id(0) * count, tl.program_id(1) * BLOCK
    end = tl.load(used + tl.program_id(0))
    most = tl.load(limit)
    mine = first + tl.arange(0, BLOCK)
    there = mine < end
    own = tl.load(classes + row + mine, mask=there, other=-1)
    x1 = tl.load(boxes + (row + mine) * 4, mask=there, other=0.0)
    y1 = tl.load(boxes + (row + mine) * 4 + 1, mask=there, other=0.0)
    x2 = tl.load(boxes + (row + mine) * 4 + 2, mask=there, other=0.0)
    y2 = tl.load(boxes + (row + mine) * 4 + 3, mask=there, other=0.0)
    area = (x2 - x1) * (y2 - y1)
    hits = tl.zeros([BLOCK], dtype=tl.int32)
    for start in range(0, tl.minimum(first + BLOCK, end), BLOCK):
        theirs = start + tl.arange(0, BLOCK)
        known = theirs < end
        other = tl.load(classes + row + theirs, mask=known, other=-2)
        alive = tl.load(kept + row + theirs, mask=known, other=0)
        a1 = tl.load(boxes + (row + theirs) * 4, mask=known, other=0.0)
        b1 = tl.load(boxes + (row + theirs) * 4 + 1, mask=known, other=0.0)
        a2 = tl.load(boxes + (row + theirs) * 4 + 2, mask=known, other=0.0)
        b2 = tl.load(boxes + (row + theirs) * 4 + 3, mask=known, other=0.0)
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
    batch, count = valid.shape
    boxes, classes = boxes_xyxy.contiguous(), class_id.to(torch.int32).contiguous()
    used = valid.sum(dim=1, dtype=torch.int32)
    stay, kept = (torch.empty((batch, count), dtype=torch.int32, device=valid.device) for _ in range(2))
    grid = (batch, -(-count // _BLOCK))
    _cut[grid](classes, used, stay, count, top_k, BLOCK=_BLOCK, enable_fp_fusion=False)
    before = stay
    for number in range(ROUNDS):
        # Exactly as the plain form rounds: no product fused with its sum.
        _round[grid](boxes, classes, used, stay, limit, before, kept, count, BLOCK=_BLOCK, enable_fp_fusion=False)
        if number < ROUNDS - 1:
            before, kept = kept, torch.empty_like(kept)
    return stay > 0, kept > 0, (kept == before).all(dim=1)


@lru_cache(maxsize=8)
def triton_suppress(device: torch.device) -> Suppress | None:
    """``suppress_by_kernels``, if it works on ``device`` and says what the plain form says; else None."""
    try:
        generator = torch.Generator().manual_seed(0)
        corners = torch.randint(0, 200, (2, 300, 2), generator=generator)
        sizes = torch.randint(0, 60, (2, 300, 2), generator=generator)
        boxes = torch.cat((corners, corners + sizes), dim=-1).float().to(device)
        classes = torch.randint(0, 3, (2, 300), generator=generator).to(device)
        valid = (torch.arange(300) < torch.tensor([[300], [130]])).to(device)
        limit = torch.tensor(0.45, device=device)
        found = suppress_by_kernels(boxes, classes, valid, limit, 90)
        wanted = suppress_by_rounds(boxes, classes, valid, limit, 90)
        if all(torch.equal(ours, theirs) for ours, theirs in zip(found, wanted, strict=True)):
            return suppress_by_kernels
        _log.info("Triton is not used on %s: its kernels find otherwise", device)
    except Exception as error:  # no compiler, an old driver, a cache that cannot be written: in any form
        _log.info("Triton is not used on %s: %s", device, error)
    return None
