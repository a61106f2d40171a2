"""Frames' bytes to the network's input in one pass: what ``DeviceInput`` writes ten times as many bytes for."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from detector.preprocess_torch import ResizePlan

_COLUMNS = 128  # of a block


@triton.jit  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def _between(first, second, share):  # type: ignore[no-untyped-def]
    """torch.lerp, by its rule: from the nearer end."""
    step = second - first
    return tl.where(share < 0.5, first + share * step, second - step * (1.0 - share))


@triton.jit(do_not_specialize=["frame_rows", "row_bytes", "height", "width"])  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def _mix(  # type: ignore[no-untyped-def]
    frames,
    rows,
    values,
    down,
    across,
    mean,
    scale,
    out,
    frame_rows,
    row_bytes,
    height,
    width,
    LISTED: tl.constexpr,  # noqa: N803 - Triton's
    COLUMNS: tl.constexpr,  # noqa: N803
    CHANNELS: tl.constexpr,  # noqa: N803
    BLOCK: tl.constexpr,  # noqa: N803
):
    """A line of the input: of each value its four neighbours in the frame, by their shares, then normalised."""
    line = tl.program_id(0)
    y = line % height
    top, bottom = 2 * y, 2 * y + 1
    if LISTED:
        top, bottom = tl.load(rows + top), tl.load(rows + bottom)
    frame = frames + (line // height).to(tl.int64) * frame_rows * row_bytes
    column, channel = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS), tl.arange(0, BLOCK)
    there = (column < width)[:, None] & (channel < CHANNELS)[None, :]
    seen = there & (channel < 3)[None, :]  # the others are filling
    place = column[:, None] * (2 * CHANNELS) + channel[None, :]
    left = tl.load(values + place, mask=seen, other=0)
    right = tl.load(values + place + CHANNELS, mask=seen, other=0)
    sideways = tl.load(across + column, mask=column < width, other=0.0)[:, None]
    above = _between(
        tl.load(frame + top * row_bytes + left, mask=seen, other=0).to(tl.float32),
        tl.load(frame + top * row_bytes + right, mask=seen, other=0).to(tl.float32),
        sideways,
    )
    below = _between(
        tl.load(frame + bottom * row_bytes + left, mask=seen, other=0).to(tl.float32),
        tl.load(frame + bottom * row_bytes + right, mask=seen, other=0).to(tl.float32),
        sideways,
    )
    used = channel < CHANNELS
    shift, factor = tl.load(mean + channel, mask=used, other=0.0), tl.load(scale + channel, mask=used, other=0.0)
    value = (_between(above, below, tl.load(down + y)) - shift[None, :]) * factor[None, :]
    tl.store(out + line.to(tl.int64) * width * CHANNELS + column[:, None] * CHANNELS + channel[None, :], value, there)


def mix_by_kernel(frames: Tensor, plan: ResizePlan, mean: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """See ``detector.preprocess_torch.mix``."""
    frames = frames.contiguous()
    batch, frame_rows, frame_width, _ = frames.shape
    height, width, channels = len(plan.down), len(plan.across), len(mean)
    out = torch.empty((batch, height, width, channels), dtype=dtype, device=frames.device)
    _mix[(batch * height, -(-width // _COLUMNS))](
        frames,
        plan.values if plan.rows is None else plan.rows,
        plan.values,
        plan.down,
        plan.across,
        mean,
        scale,
        out,
        frame_rows,
        frame_width * 3,
        height,
        width,
        LISTED=plan.rows is not None,
        COLUMNS=_COLUMNS,
        CHANNELS=channels,
        BLOCK=triton.next_power_of_2(channels),
        enable_fp_fusion=False,
    )
    return out.permute(0, 3, 1, 2)
