"""Sections of ``tools.gpu.check``: checks that memory is returned, and what happens if there is too little."""

from __future__ import annotations

from typing import Any

import torch

from detector.runtime.fallback import FallbackDetector
from detector.runtime.torch_cpu import TorchCpuDetector
from tools.gpu.support import Bench

_MAX_LOST_MIB = 64.0  # a driver may keep some after the first few


def check_switches(bench: Bench, name: str) -> dict[str, Any]:
    """Opens, runs until graphs exist, and closes many times over; measures the free memory afterwards."""
    free: list[float] = []
    names = sorted(bench.files)
    precisions = [each for each in bench.sizes.precisions if each != "fp32"] or list(bench.sizes.precisions)
    for turn in range(bench.sizes.switches):
        # Mostly the small model, to save time; every seventh is another.
        model = names[turn // 7 % len(names)] if turn % 7 == 0 else name
        with bench.open(model, precisions[turn % len(precisions)]) as ours:
            for _ in range(3):
                ours.detect_batch(bench.frames(2))
        if bench.on_cuda:
            free.append(torch.cuda.mem_get_info(bench.place)[0] / 2**20)
    if not free:
        return {"left out": "memory is not counted here", "switches": bench.sizes.switches}
    early = min(free[: max(2, len(free) // 5)])
    lost = early - free[-1]
    print(f"  {len(free)} switches: {lost:.0f} MiB less are free than after the first few", flush=True)
    failures = [f"{lost:.0f} MiB were lost"] if lost > _MAX_LOST_MIB else []
    return {"free_mib": [round(each) for each in free], "lost_mib": round(lost, 1), "failures": failures}


def check_shortage(bench: Bench, name: str) -> dict[str, Any]:
    """Reduces memory in the middle of a run: batches shrink, then the CPU takes over, and every frame is answered."""
    entry, frames = bench.files[name], bench.frames(32 if bench.on_cuda else 2)
    if not bench.on_cuda:
        return {"left out": "memory cannot be made short here"}
    total = torch.cuda.get_device_properties(bench.place).total_memory
    steps: list[dict[str, Any]] = []
    try:
        ours = bench.open(name, bench.sizes.precisions[0])
        with FallbackDetector(ours, lambda: TorchCpuDetector(entry, "fp32")) as detector:
            wanted = [len(each) for each in detector.candidates_batch(frames)]
            for spare_mib in (4096, 512, 128, 32, 8, 0):
                ours._drop_buffers()  # so that they must be allocated again
                bench.tidy()
                allowed = torch.cuda.memory_reserved(bench.place) + spare_mib * 2**20
                torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / total), bench.place)
                found = [len(each) for each in detector.candidates_batch(frames)]
                step = {"spare_mib": spare_mib, "device": detector.device, "batch": detector.preferred_batch}
                steps.append({**step, "notes": detector.notes, "answered": len(found)})
                print(f"  {steps[-1]}", flush=True)
                if detector.device == "cpu":
                    break
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, bench.place)
    failures = [] if steps and steps[-1]["device"] == "cpu" else ["it never gave way to the CPU"]
    failures += [f"{each}" for each in steps if each["answered"] != len(wanted)]
    return {"steps": steps, "failures": failures}
