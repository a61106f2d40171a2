"""Section of ``tools.gpu.check``: compares the GPU's results to float32 on the CPU, for all batch and frame sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.core.frames import ImageBGR
from app.lab.bench.contestant_agreement import agreement
from detector.detections import Candidates, Detections
from detector.golden import TOLERANCES
from detector.runtime.engine import Engine
from detector.runtime.torch_cpu import TorchCpuDetector
from tools.gpu.support import Bench

MIN_AGREEMENT = {"fp32": 0.93, "fp16": 0.9, "bf16": 0.75}
"""Minimum shares of common detections, including the weakest, some of which rounding moves across the floor.

Resizing differs by a grey level here and there: correct code reaches 0.96 (UltraFace) to 0.99 in float32, and 1 at the
network's own size.
"""

_GRAPH_PIXELS = 0.5  # between a graph and the same steps one by one: they may use other algorithms
_SEEN = 3  # calls: the first runs step by step, the second makes the graph, the third replays it


def relative_error(ours: Engine, reference: Engine, frames: Sequence[ImageBGR]) -> float:
    """Returns the RMS difference of the raw outputs over the standard deviation of the reference."""
    worst = 0.0
    for frame in frames:
        for got, wanted in zip(ours.raw(frame), reference.raw(frame), strict=True):
            size = float(np.sqrt(np.mean((wanted - wanted.mean()) ** 2)))
            worst = max(worst, float(np.sqrt(np.mean((got - wanted) ** 2))) / size)
    return worst


def check_accuracy(bench: Bench, name: str) -> dict[str, Any]:
    """Compares all number formats, batch sizes and frame sizes with the same reference."""
    rows: list[dict[str, Any]] = []
    failures: list[str] = []
    with TorchCpuDetector(bench.files[name], "fp32") as reference:
        expected = {size: reference.detect_batch(bench.frames(4, size)) for size in bench.sizes.frames}
        for precision in bench.sizes.precisions:
            with bench.open(name, precision) as ours:
                # At the network's own size, since resizing may differ by a grey level here and there.
                taken = bench.files[name].spec.input
                error = relative_error(ours, reference, bench.frames(1, (taken.height, taken.width)))
                print(f"  {precision}: raw outputs off by {error:.5f}", flush=True)
                if not error <= TOLERANCES[precision]:
                    failures.append(f"{precision}: raw outputs off by {error:.5f}")
                for size in bench.sizes.frames:
                    for batch in bench.sizes.batches:
                        row = _compare(ours, bench.frames(4, size), expected[size], batch)
                        rows.append({"precision": precision, "size": size, "batch": batch, "raw": error, **row})
                        bench.keep({"rows": rows})
                        if row["in_common"] < MIN_AGREEMENT[precision] or not row["graph_same"]:
                            failures.append(f"{precision} {size} batch {batch}: {row}")
                print("    " + _text(rows, precision), flush=True)
                failures += [f"{precision}: {note}" for note in ours.notes]
    return {"rows": rows, "failures": failures}


def _compare(ours: Engine, frames: Sequence[ImageBGR], expected: Sequence[Detections], batch: int) -> dict[str, Any]:
    asked = [index % len(frames) for index in range(batch)]
    calls = [ours.candidates_batch([frames[index] for index in asked]) for _ in range(_SEEN)]
    found = ours.detect_batch([frames[index] for index in asked])
    return {
        "in_common": round(agreement(found, [expected[index] for index in asked]), 4),
        "graph_same": all(map(same, calls[0], calls[-1])),
        "candidates": round(float(np.mean([len(each) for each in calls[-1]])), 1),
    }


def same(first: Candidates, second: Candidates) -> bool:
    """Returns whether the stronger halves of both agree to half a pixel."""
    count = min(len(first), len(second)) // 2
    if abs(len(first) - len(second)) > 2 + len(first) // 20:
        return False
    near = np.abs(first.boxes_xyxy[:count, None] - second.boxes_xyxy[None]).max(axis=2) <= _GRAPH_PIXELS
    near &= first.class_ids[:count, None] == second.class_ids[None]
    return bool(near.any(axis=1).mean() > 0.9) if count else True


def _text(rows: Sequence[dict[str, Any]], precision: str) -> str:
    of_it = [row for row in rows if row["precision"] == precision]
    return ", ".join(f"{row['size'][1]}x{row['size'][0]} x{row['batch']}: {row['in_common']:.1%}" for row in of_it)
