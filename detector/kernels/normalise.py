"""``detector.models.ssd.L2Norm`` in one pass over its input."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_ELEMENTS = 2048  # of a block
_NAN = tl.constexpr(tl.PropagateNan.ALL)  # as torch does


@triton.jit(do_not_specialize=["rows"])  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def _l2norm(maps, scale, out, rows, channels, ROWS: tl.constexpr, CHANNELS: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803 - Triton's
    """out[r] = maps[r] / its length * scale, in float32."""
    first = tl.program_id(0).to(tl.int64) * ROWS
    row, channel = tl.arange(0, ROWS), tl.arange(0, CHANNELS)
    there = (first + row < rows)[:, None] & (channel < channels)[None, :]
    place = first * channels + row[:, None] * channels + channel[None, :]
    wide = tl.load(maps + place, mask=there, other=0.0).to(tl.float32)
    length = tl.sqrt_rn(tl.maximum(tl.sum(wide * wide, axis=1), 1e-24, propagate_nan=_NAN))
    factor = tl.load(scale + channel, mask=channel < channels, other=0.0).to(tl.float32)
    tl.store(out + place, tl.div_rn(wide, length[:, None]) * factor[None, :], mask=there)


def l2norm_by_kernel(features: Tensor, scale: Tensor) -> Tensor:
    """See ``detector.models.ssd.l2norm``."""
    features = features.contiguous(memory_format=torch.channels_last)
    batch, channels, height, width = features.shape
    out, rows = torch.empty_like(features), batch * height * width
    wide = triton.next_power_of_2(channels)
    each = max(1, _ELEMENTS // wide)
    _l2norm[(-(-rows // each),)](features, scale, out, rows, channels, ROWS=each, CHANNELS=wide)
    return out
