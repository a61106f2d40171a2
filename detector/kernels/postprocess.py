"""``postprocess_fixed`` in a dozen kernels instead of seventy.

Softmax, floor and choice are one pass over the predictor's output: what is above the floor is written down as one
number, score and place, wherever there is room, and sorted. So only the boxes of those are ever decoded. Where there
are more than room, which of them are written down is left to chance: ``unpack`` refuses such an image anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from detector.kernels.four_numbers import load_four, store_four
from detector.kernels.suppress import suppressed
from detector.postprocess_fixed import CAPACITY, COLUMNS
from detector.spec import PostprocessSpec

_ELEMENTS = 1024  # of a block
_BLOCK = 128  # candidates
_NAN = tl.constexpr(tl.PropagateNan.ALL)  # as torch does
_LOW_HALF = tl.constexpr(0xFFFFFFFF)


@triton.jit(do_not_specialize=["boxes", "classes", "image_stride", "box_stride", "room"])  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def _choose(  # type: ignore[no-untyped-def]
    logits,
    floor,
    keys,
    passing,
    boxes,
    classes,
    image_stride,
    box_stride,
    room,
    BOXES: tl.constexpr,  # noqa: N803 - Triton's
    CLASSES: tl.constexpr,  # noqa: N803
):
    """Appends to ``keys`` of the image each pair of box and class above the floor, and counts them in ``passing``."""
    image = tl.program_id(1).to(tl.int64)
    box, place = tl.program_id(0) * BOXES + tl.arange(0, BOXES), tl.arange(0, CLASSES)
    there = (box < boxes)[:, None] & (place < classes)[None, :]
    given = logits + image * image_stride + box[:, None] * box_stride + place[None, :]
    given = tl.load(given, mask=there, other=float("-inf")).to(tl.float32)
    share = tl.exp(given - tl.max(given, axis=1)[:, None])
    score = tl.div_rn(share, tl.sum(share, axis=1)[:, None])
    above = there & (place > 0)[None, :] & (score > tl.load(floor))  # not so for NaN
    number = (place[None, :] - 1).to(tl.int64) * boxes + box[:, None]  # equal scores: by class, then by box
    bits = score.to(tl.int32, bitcast=True).to(tl.int64)  # of positive floats these order like the floats
    slot = tl.atomic_add(passing + image + tl.zeros([BOXES, CLASSES], tl.int32), 1, mask=above)
    tl.store(keys + image * room + slot, bits * (_LOW_HALF + 1) + (_LOW_HALF - number), mask=above & (slot < room))


@triton.jit  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def _side(value, extent, CLIP: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803 - Triton's
    """In pixels, inside the image where the rule says so."""
    value = value * extent
    if CLIP:
        value = tl.minimum(tl.maximum(value, 0.0, propagate_nan=_NAN), extent, propagate_nan=_NAN)
    return value


@triton.jit(do_not_specialize=["boxes", "image_stride", "box_stride", "room"])  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def _decode(  # type: ignore[no-untyped-def]
    keys,
    locs,
    defaults,
    extent,
    out,
    class_ids,
    scores,
    boxes,
    image_stride,
    box_stride,
    room,
    max_log_size,
    v0,
    v1,
    v2,
    v3,
    CLIP: tl.constexpr,  # noqa: N803 - Triton's
    BLOCK: tl.constexpr,  # noqa: N803
):
    """Boxes, classes and scores of the sorted keys; the score of an overflowed box, which is none, is below zero."""
    image = tl.program_id(1).to(tl.int64)
    rank = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = image * room + rank
    key = tl.load(keys + here, mask=rank < room, other=0)
    used = key > 0
    number = tl.where(used, _LOW_HALF - (key & _LOW_HALF), 0)
    box = number % boxes
    dx, dy, dw, dh = load_four(locs + image * image_stride + box * box_stride, used)
    cx, cy, width, height = load_four(defaults + box * 4, used)
    cx, cy = dx * v0 * width + cx, dy * v1 * height + cy
    dw = tl.minimum(dw * v2, max_log_size, propagate_nan=_NAN)
    dh = tl.minimum(dh * v3, max_log_size, propagate_nan=_NAN)
    width, height = tl.exp(dw) * width * 0.5, tl.exp(dh) * height * 0.5
    right, bottom = tl.load(extent), tl.load(extent + 1)
    x1, y1 = _side(cx - width, right, CLIP), _side(cy - height, bottom, CLIP)
    x2, y2 = _side(cx + width, right, CLIP), _side(cy + height, bottom, CLIP)
    most = float("inf")
    sane = used & (tl.abs(x1) < most) & (tl.abs(y1) < most) & (tl.abs(x2) < most) & (tl.abs(y2) < most)
    there = rank < room
    x1, y1, x2, y2 = tl.where(sane, x1, 0.0), tl.where(sane, y1, 0.0), tl.where(sane, x2, 0.0), tl.where(sane, y2, 0.0)
    store_four(out + here * 4, x1, y1, x2, y2, there)
    tl.store(class_ids + here, (number // boxes).to(tl.int32), mask=there)
    score = (key >> 32).to(tl.int32).to(tl.float32, bitcast=True)
    tl.store(scores + here, tl.where(sane | (key == 0), score, -score), mask=there)


@triton.jit(do_not_specialize=["room"])  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def _gather(passing, boxes, scores, class_ids, stay, kept, before, rows, room, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803 - Triton's
    """The rows of one image, and whether its suppression settled."""
    image = tl.program_id(0).to(tl.int64)
    rank = tl.arange(0, BLOCK)
    there = rank < room
    here, row = image * room + rank, rows + (image * (room + 1) + 1 + rank) * 7
    x1, y1, x2, y2 = load_four(boxes + here * 4, there)
    store_four(row, x1, y1, x2, y2, there)
    score = tl.load(scores + here, mask=there, other=0.0)
    alive = tl.load(kept + here, mask=there, other=0)
    moved = tl.max((alive != tl.load(before + here, mask=there, other=0)).to(tl.int32), axis=0)
    valid = (score > 0) & (tl.load(stay + here, mask=there, other=0) > 0)
    tl.store(row + 4, tl.where(valid, score, 0.0), mask=there)
    tl.store(row + 5, tl.load(class_ids + here, mask=there, other=0).to(tl.float32), mask=there)
    tl.store(row + 6, ((score > 0) & (alive > 0)).to(tl.float32), mask=there)
    head = rows + image * (room + 1) * 7
    tl.store(head, tl.load(passing + image).to(tl.float32))
    tl.store(head + 1, (1 - moved).to(tl.float32))
    for column in tl.static_range(2, 7):
        tl.store(head + column, 0.0)


def postprocess_by_kernels(
    locs: Tensor,
    logits: Tensor,
    defaults: Tensor,
    spec: PostprocessSpec,
    extent: Tensor,
    limit: Tensor,
    *,
    floor: Tensor,
    variances: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2),
    capacity: int = CAPACITY,
) -> Tensor:
    """See ``postprocess_fixed``."""
    locs, logits = (each if each.stride(-1) == 1 else each.contiguous() for each in (locs, logits))
    batch, boxes, classes = logits.shape
    room = min(capacity, boxes * (classes - 1))
    keys, passing = _chosen(logits, floor, room)
    corners, class_ids, scores = _decoded(keys, locs, defaults, extent, variances, spec)
    stay, kept, before = suppressed(corners, class_ids, passing.clamp_max(room), limit, spec.top_k)
    rows = torch.empty((batch, 1 + room, COLUMNS), device=logits.device)
    _gather[(batch,)](
        passing, corners, scores, class_ids, stay, kept, before, rows, room, BLOCK=triton.next_power_of_2(room)
    )
    return rows


def _chosen(logits: Tensor, floor: Tensor, room: int) -> tuple[Tensor, Tensor]:
    """Keys of the pairs above the floor, best first, Int64[B, room], 0 for none; and how many there are, Int32[B]."""
    batch, boxes, classes = logits.shape
    keys = torch.zeros((batch, room), dtype=torch.int64, device=logits.device)
    passing = torch.zeros(batch, dtype=torch.int32, device=logits.device)
    wide = triton.next_power_of_2(classes)
    each = max(1, _ELEMENTS // wide)
    given = logits, floor, keys, passing, boxes, classes, *logits.stride()[:2], room
    _choose[(-(-boxes // each), batch)](*given, BOXES=each, CLASSES=wide, enable_fp_fusion=False)
    return keys.sort(dim=1, descending=True).values, passing


def _decoded(
    keys: Tensor, locs: Tensor, defaults: Tensor, extent: Tensor, variances: Sequence[float], spec: PostprocessSpec
) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes of the keys, Float32[B, room, 4], their classes, Int32[B, room], and scores, Float32[B, room]."""
    batch, room = keys.shape
    corners = torch.empty((batch, room, 4), device=keys.device)
    class_ids = torch.empty((batch, room), dtype=torch.int32, device=keys.device)
    scores = torch.empty((batch, room), device=keys.device)
    most = float("inf") if spec.max_log_size is None else spec.max_log_size
    given = keys, locs, defaults, extent, corners, class_ids, scores
    sizes = locs.shape[1], *locs.stride()[:2], room, most, *variances
    _decode[(-(-room // _BLOCK), batch)](*given, *sizes, CLIP=spec.clip, BLOCK=_BLOCK, enable_fp_fusion=False)
    return corners, class_ids, scores
