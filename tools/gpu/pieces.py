"""Section of ``tools.gpu.check``: each of Triton's kernels beside what torch does in its place, and the whole pass."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from detector.kernels.kernel_set import Kernels
from detector.runtime.device_pass import DTYPES, DevicePass
from detector.runtime.graph_timing import graph_ms
from detector.runtime.kernel_trial import kernels_for
from tools.gpu.support import Bench

_WHOLE = "whole pass"


def measure_pieces(bench: Bench, name: str) -> dict[str, Any]:
    """Measures milliseconds of one frame and of eight, as graphs: for each kernel and for the whole pass."""
    if not bench.on_cuda:
        return {"left out": "there is no CUDA here"}
    precision = bench.sizes.precisions[0]
    own = kernels_for(bench.place, DTYPES[precision])
    rows: list[dict[str, Any]] = []
    for batch in (1, 8):
        for row in (_whole(bench, name, batch), *_kernels(bench, DTYPES[precision], batch)):
            rows.append(row)
            bench.keep({"rows": rows})
            print(f"  {row}", flush=True)
    used = [part for part in ("mix", "rectify", "normalise", "suppress", "postprocess") if getattr(own, part)]
    print(f"  in use: {', '.join(used) or 'none'}", flush=True)
    return {"rows": rows, "in use": used, "failures": list(own.notes)}


def _kernels(bench: Bench, dtype: torch.dtype, batch: int) -> Iterator[dict[str, Any]]:
    from detector.runtime.kernel_cases import trials

    for trial in trials(bench.place, dtype):
        torch_ms = graph_ms(trial.large(trial.plain, batch))
        try:
            triton_ms: float | str = round(graph_ms(trial.large(trial.ours, batch)), 4)
        except Exception as error:  # no compiler, an old driver: in any form
            triton_ms = str(error)[:200]
        yield {"part": trial.part, "batch": batch, "torch_ms": round(torch_ms, 4), "triton_ms": triton_ms}


def _whole(bench: Bench, name: str, batch: int) -> dict[str, Any]:
    row: dict[str, Any] = {"part": _WHOLE, "batch": batch}
    for way, kernels in (("torch_ms", Kernels()), ("triton_ms", None)):
        made = DevicePass(bench.files[name], bench.place, bench.sizes.precisions[0], kernels=kernels)
        plan = made.input.plan(*bench.sizes.frames[0])
        made.limit.fill_(0.45)
        shape = (batch, plan.uploaded_rows, plan.width, 3)
        frames = torch.randint(0, 255, shape, dtype=torch.uint8, device=bench.place)
        row[way] = round(graph_ms(partial(made, frames, plan)), 4)
    return row
