"""Section of ``tools.gpu.check``: counts what one call makes the GPU and its driver do, by torch's profiler."""

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
    """The work of the GPU and its driver for one call.

    Attributes:
        down: Copies to the host.
        up: Copies to the device.
        waits: Waits of the host for the device.
        launches: Kernels and graphs launched.
    """

    down: float
    up: float
    waits: float
    launches: float


def traffic(few: Mapping[str, int], many: Mapping[str, int], calls: int) -> Traffic:
    """Computes the traffic of one call as the difference of two profiles that are ``calls`` calls apart."""

    def each(*beginnings: str) -> float:
        count = sum(number for name, number in many.items() if name.startswith(beginnings))
        return (count - sum(number for name, number in few.items() if name.startswith(beginnings))) / calls

    return Traffic(each("Memcpy DtoH"), each("Memcpy HtoD"), each(*_WAITS), each("cudaLaunchKernel", "cudaGraphLaunch"))


def profiled(work: Callable[[], object], calls: int) -> dict[str, int]:
    """Counts each event in ``calls`` calls of ``work``."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiler:
        for _ in range(calls):
            work()
    return {event.key: event.count for event in profiler.key_averages()}


def of_a_call(work: Callable[[], object], calls: int = 10) -> Traffic:
    """Measures one call of ``work``, which must have its graph already."""
    few, many = (profiled(work, number) for number in (calls, 2 * calls))
    return traffic(few, many, calls)


def check_traffic(bench: Bench, name: str) -> dict[str, Any]:
    """Requires one copy down and one wait, for a frame and for a batch of one graph."""
    rows, failures = [], []
    for precision in bench.sizes.precisions:
        with bench.open(name, precision) as ours:
            for batch in bench.sizes.batches[:2]:
                frames = bench.frames(batch)
                for _ in range(4):
                    ours.detect_batch(frames)
                seen = of_a_call(partial(ours.detect_batch, frames), bench.sizes.profiled)
                by_triton = ours.device_pass.kernels.postprocess is not None
                rows.append({"precision": precision, "batch": batch, "triton": by_triton, **asdict(seen)})
                print(f"  {precision} x{batch}: {seen}{' with Triton' if by_triton else ''}", flush=True)
                if bench.on_cuda and (seen.down, seen.waits) != (1.0, 1.0):
                    failures.append(f"{precision} x{batch}: {seen}")
    return {"rows": rows, "failures": failures}
