"""Section of ``tools.gpu.check``: what one call makes the GPU and its driver do, by torch's profiler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch

from tools.gpu.support import Bench

_WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one call makes the GPU and its driver do.

    Attributes:
        down: Copies to the host.
        up: Copies to the device.
        waits: Of the host for the device.
        launches: Kernels and graphs started.
    """

    down: float
    up: float
    waits: float
    launches: float


def traffic(few: Mapping[str, int], many: Mapping[str, int], calls: int) -> Traffic:
    """Of one call, from the events of a number of calls and of ``calls`` more: what surrounds them cancels out."""

    def each(*beginnings: str) -> float:
        count = sum(number for name, number in many.items() if name.startswith(beginnings))
        return (count - sum(number for name, number in few.items() if name.startswith(beginnings))) / calls

    return Traffic(each("Memcpy DtoH"), each("Memcpy HtoD"), each(*_WAITS), each("cudaLaunchKernel", "cudaGraphLaunch"))


def profiled(work: Callable[[], object], calls: int) -> dict[str, int]:
    """How often each event occurs in ``calls`` of ``work``."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiler:
        for _ in range(calls):
            work()
    return {event.key: event.count for event in profiler.key_averages()}


def of_a_call(work: Callable[[], object], calls: int = 10) -> Traffic:
    """``work`` has run often enough to have its graph."""
    few, many = (profiled(work, number) for number in (calls, 2 * calls))
    return traffic(few, many, calls)


def check_traffic(bench: Bench, name: str) -> dict[str, Any]:
    """One copy down and one wait, for a frame and for a batch that is one graph."""
    rows, failures = [], []
    for precision in bench.sizes.precisions:
        with bench.open(name, precision) as ours:
            for batch in bench.sizes.batches[:2]:
                frames = bench.frames(batch)
                for _ in range(4):
                    ours.detect_batch(frames)
                seen = of_a_call(partial(ours.detect_batch, frames), bench.sizes.profiled)
                by_triton = ours._pass.suppress is not None
                rows.append({"precision": precision, "batch": batch, "triton": by_triton, **asdict(seen)})
                print(f"  {precision} x{batch}: {seen}{' with Triton' if by_triton else ''}", flush=True)
                if bench.on_cuda and (seen.down, seen.waits) != (1.0, 1.0):
                    failures.append(f"{precision} x{batch}: {seen}")
    return {"rows": rows, "failures": failures}
