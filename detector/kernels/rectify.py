"""Bias, ReLU and pooling behind a convolution, in one pass over its output."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from detector.models.conv_fusion import Pooling, pooled_size

_ROWS, _CHANNELS = 32, 64  # of a block
_NAN = tl.constexpr(tl.PropagateNan.ALL)  # as torch does


@triton.jit(do_not_specialize=["rows"])  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def _rectify(maps, bias, rows, channels, ROWS: tl.constexpr, CHANNELS: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803 - Triton's
    """maps[r, c] = max(maps[r, c] + bias[c], 0), in place."""
    first = tl.program_id(0).to(tl.int64) * ROWS
    row, channel = tl.arange(0, ROWS), tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    there = (first + row < rows)[:, None] & (channel < channels)[None, :]
    shift = tl.load(bias + channel, mask=channel < channels, other=0.0).to(tl.float32)
    place = maps + first * channels + row[:, None] * channels + channel[None, :]
    value = tl.load(place, mask=there, other=0.0).to(tl.float32) + shift[None, :]
    tl.store(place, tl.maximum(value, 0.0, propagate_nan=_NAN), mask=there)


@triton.jit(do_not_specialize=["cells", "height", "width", "out_height", "out_width"])  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def _rectify_pool(  # type: ignore[no-untyped-def]
    maps,
    bias,
    out,
    cells,
    height,
    width,
    out_height,
    out_width,
    channels,
    KERNEL: tl.constexpr,  # noqa: N803 - Triton's
    STRIDE: tl.constexpr,  # noqa: N803
    PADDING: tl.constexpr,  # noqa: N803
    ROWS: tl.constexpr,  # noqa: N803
    CHANNELS: tl.constexpr,  # noqa: N803
):
    """out[b, y, x, c] = max(largest of the window + bias[c], 0): adding and rounding keep the order of numbers."""
    first = tl.program_id(0).to(tl.int64) * ROWS
    cell, channel = first + tl.arange(0, ROWS), tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    image, y, x = cell // (out_height * out_width), cell // out_width % out_height, cell % out_width
    known, used = cell < cells, channel < channels
    best = tl.full([ROWS, CHANNELS], float("-inf"), tl.float32)
    for dy in tl.static_range(KERNEL):
        for dx in tl.static_range(KERNEL):
            row, column = y * STRIDE - PADDING + dy, x * STRIDE - PADDING + dx
            inside = known & (row >= 0) & (row < height) & (column >= 0) & (column < width)
            place = ((image * height + row) * width + column) * channels
            there = inside[:, None] & used[None, :]
            value = tl.load(maps + place[:, None] + channel[None, :], mask=there, other=float("-inf"))
            best = tl.maximum(best, value.to(tl.float32), propagate_nan=_NAN)
    value = best + tl.load(bias + channel, mask=used, other=0.0).to(tl.float32)[None, :]
    place = out + (cell * channels)[:, None] + channel[None, :]
    tl.store(place, tl.maximum(value, 0.0, propagate_nan=_NAN), mask=known[:, None] & used[None, :])


def rectify_by_kernel(maps: Tensor, bias: Tensor, pooling: Pooling | None) -> Tensor:
    """See ``detector.models.conv_fusion.rectify``."""
    maps = maps.contiguous(memory_format=torch.channels_last)
    batch, channels, height, width = maps.shape
    if pooling is None:
        rows = batch * height * width
        _rectify[(-(-rows // _ROWS), -(-channels // _CHANNELS))](
            maps, bias, rows, channels, ROWS=_ROWS, CHANNELS=_CHANNELS
        )
        return maps
    size = [pooled_size(each, pooling) for each in (height, width)]
    out = torch.empty((batch, *size, channels), dtype=maps.dtype, device=maps.device).permute(0, 3, 1, 2)
    cells = batch * size[0] * size[1]
    _rectify_pool[(-(-cells // _ROWS), -(-channels // _CHANNELS))](
        maps,
        bias,
        out,
        cells,
        height,
        width,
        *size,
        channels,
        KERNEL=pooling.kernel,
        STRIDE=pooling.stride,
        PADDING=pooling.padding,
        ROWS=_ROWS,
        CHANNELS=_CHANNELS,
    )
    return out
