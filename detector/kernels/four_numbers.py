"""Parts of kernels: the four numbers of a box, of which every row of a table has as many."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def load_four(place, there):  # type: ignore[no-untyped-def]
    """The numbers from each place on, in float32; 0 where nothing is there."""
    return (
        tl.load(place, mask=there, other=0.0).to(tl.float32),
        tl.load(place + 1, mask=there, other=0.0).to(tl.float32),
        tl.load(place + 2, mask=there, other=0.0).to(tl.float32),
        tl.load(place + 3, mask=there, other=0.0).to(tl.float32),
    )


@triton.jit  # type: ignore[untyped-decorator,unused-ignore]  # Triton's are
def store_four(place, first, second, third, fourth, there):  # type: ignore[no-untyped-def]
    """Writes them from each place on."""
    tl.store(place, first, mask=there)
    tl.store(place + 1, second, mask=there)
    tl.store(place + 2, third, mask=there)
    tl.store(place + 3, fourth, mask=there)
