"""Copies frames on the host, in pieces, by a few threads of its own.

torch copies by as many threads as there are cores, and waits for the last: where other programs keep the cores busy, a
frame that one thread copies in a quarter of a millisecond was seen to take twenty. The engine's thread makes and closes
a ``HostCopies``; its threads see bytes only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from detector.preprocess_torch import ResizePlan
from detector.runtime.base import ImageBGR

_MOST_THREADS = 4  # of these, memory is the limit


class HostCopies:
    """Takes steps of copying.

    Args:
        threads: At a time; None for half the cores, up to four. With one, the caller's own does it.
    """

    def __init__(self, threads: int | None = None) -> None:
        count = min(_MOST_THREADS, (os.cpu_count() or 1) // 2) if threads is None else threads
        self._pool = ThreadPoolExecutor(count, "ssdv-upload") if count > 1 else None

    def done(self, steps: Sequence[Callable[[], int]]) -> Iterator[int]:
        """Take ``steps``; what each gives, in their order, as soon as it and those before it are done."""
        if self._pool is None or len(steps) == 1:
            return (step() for step in steps)
        return self._pool.map(_take, steps)

    def close(self) -> None:
        """End the threads, once they are done with what they do."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _take(step: Callable[[], int]) -> int:
    return step()


def pieces(frame: ImageBGR, plan: ResizePlan, target: ImageBGR, piece_bytes: int) -> list[Callable[[], int]]:
    """Steps that copy what ``plan`` wants of ``frame`` to ``target``, in order; each gives the bytes it wrote.

    Args:
        frame: UInt8[h, w, 3], may be read-only.
        plan: For its size.
        target: UInt8[plan.uploaded_rows, w, 3], contiguous.
        piece_bytes: Of one step, rounded down to whole rows.

    Raises:
        ValueError: The plan is for another size.
    """
    if frame.shape != (plan.height, plan.width, 3):
        raise ValueError(f"a frame of {list(frame.shape)} in a plan for {plan.height}x{plan.width}")
    source = np.ascontiguousarray(frame).reshape(plan.height, -1)
    lines = target.reshape(plan.uploaded_rows, -1)
    rows = None if plan.upload is None else plan.upload.numpy()
    step = max(1, piece_bytes // source.shape[1])

    def copy(low: int, high: int) -> int:
        if rows is None:
            np.copyto(lines[low:high], source[low:high])
        else:
            np.take(source, rows[low:high], axis=0, out=lines[low:high], mode="clip")  # else it copies twice
        return (high - low) * source.shape[1]

    return [partial(copy, low, min(low + step, len(lines))) for low in range(0, len(lines), step)]
