"""Sections of ``tools.gpu.check``: measures speed next to torchvision, and where the time goes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache, partial
from typing import Any

import torch

from app.core.errors import AppError
from app.lab.bench.peaks import measured_peak, network_flops
from app.lab.bench.statistics import flat, percentile, times_faster
from detector.runtime.torch_cuda import TorchDeviceDetector
from tools.gpu.support import Bench, spread, times_ms

_TOP = 40  # kernels


@lru_cache(maxsize=16)
def _peak(device: str, precision: str) -> float | None:
    return measured_peak(device, precision)


def measure_peaks(bench: Bench, _name: str) -> dict[str, Any]:
    """Measures the floating point operations per second of this device in matrix products and convolutions."""
    if not bench.sizes.seconds:
        return {"left out": "it takes seconds"}
    found = {each: _peak(bench.device, each) for each in (*bench.sizes.precisions, "tf32")}
    for precision, peak in found.items():
        print(f"  {precision}: {'unknown' if peak is None else f'{peak / 1e12:.1f} TFLOP/s'}", flush=True)
    return {"flops_per_s": found}


def measure_latency(bench: Bench, name: str) -> dict[str, Any]:
    """Measures from frames to detections in host memory: ours in all number formats and torchvision, in turns."""
    rows: list[dict[str, Any]] = []
    flops = network_flops(bench.files[name].spec) or 0.0
    with ExitStack() as stack:
        ours = {each: stack.enter_context(bench.open(name, each)) for each in bench.sizes.precisions}
        rival = _rival(bench, name)
        if rival is not None:
            stack.callback(rival.close)
        for batch in bench.sizes.batches:
            frames = bench.frames(batch)
            calls: dict[str, Callable[[], object]] = {
                each: partial(detector.detect_batch, frames) for each, detector in ours.items()
            }
            if rival is not None:
                calls["torchvision"] = partial(rival.run, frames)
            for call in calls.values():
                for _ in range(4):
                    call()
            rounds: dict[str, list[list[float]]] = {each: [] for each in calls}
            for _ in range(bench.sizes.rounds):
                for each, call in calls.items():
                    rounds[each].append(times_ms(call, bench.sizes.seconds))
            for each, times in rounds.items():
                row: dict[str, Any] = {"name": each, "batch": batch, **spread(flat(times))}
                row["frames_per_s"] = round(batch * 1000 / row["p50"], 1)
                if each in ours and "torchvision" in rounds:
                    row["times_torchvision"] = round(times_faster(rounds["torchvision"], times), 2)
                if each in ours:
                    row |= on_the_device(bench, ours[each], batch, flops)
                rows.append(row)
                print("  " + "  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        stages = {each: _stages(bench, detector) for each, detector in ours.items()}
        print(f"  step by step, ms: {stages}", flush=True)
    return {"rows": rows, "stages_ms": stages, "flops_per_frame": flops}


def _rival(bench: Bench, name: str) -> Any:
    """Opens torchvision's detector with the same weights, if it has that network."""
    from app.lab.bench.torchvision_models import check_twin, open_twin

    try:
        check_twin(bench.files[name].spec)
    except AppError:
        return None
    return open_twin(bench.files[name], bench.device)


def on_the_device(bench: Bench, ours: TorchDeviceDetector, batch: int, flops: float) -> dict[str, Any]:
    """Measures a replayed graph alone: milliseconds, and the share of the device's peak rate."""
    if ours._graphs is None:
        return {}
    size = bench.sizes.frames[0]
    for (count, height, width), graph in ours._graphs.items():
        if (height, width) == size and count == min(batch, ours._chunk):
            taken = _replayed(graph._graph)
            peak = _peak(bench.device, ours.precision)
            share = None if peak is None else round(flops * count / (taken / 1000) / peak, 4)
            return {"graph_frames": count, "graph_ms": round(taken, 4), "share_of_peak": share}
    return {"graph_ms": None}


@torch.inference_mode()
def _replayed(graph: torch.cuda.CUDAGraph) -> float:
    """Times a graph, in the mode it was captured in: a replay writes to torch's random state."""
    event: Any = torch.cuda.Event
    taken = []
    for _ in range(50):
        start, end = event(enable_timing=True), event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        taken.append(start.elapsed_time(end))
    return percentile(taken, 0.5)


def _stages(bench: Bench, ours: TorchDeviceDetector) -> dict[str, float]:
    """Times the stages of a frame without a graph, where kernels wait for the host: not parts of the above."""
    from app.lab.bench.stages import timer_for

    timer, silent, frames = timer_for(bench.device), ours.on_stage, bench.frames(1)
    ours.on_stage = timer.mark
    found: dict[str, float] = {}
    try:
        for _ in range(3):
            timer.start()
            ours.detect_batch(frames)
            found = timer.read()
    finally:
        ours.on_stage = silent
    return {stage: round(ms, 4) for stage, ms in found.items()}


def time_kernels(bench: Bench, name: str) -> dict[str, Any]:
    """Lists the device's kernels that take the time, for one frame and for a full graph; not what launched them too."""
    from torch.profiler import ProfilerActivity, profile

    result: dict[str, Any] = {}
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if bench.on_cuda else [])]
    with bench.open(name, bench.sizes.precisions[0]) as ours:
        calls = bench.sizes.profiled
        for batch in sorted({1, min(16, bench.sizes.batches[-1])}):
            frames = bench.frames(batch)
            for _ in range(4):
                ours.detect_batch(frames)
            with profile(activities=activities) as profiler:
                for _ in range(calls):
                    ours.detect_batch(frames)
            spent = [
                (each.key, each.count / calls, each.self_device_time_total / calls)
                for each in profiler.key_averages()
                if each.device_type.name == "CUDA"
            ]
            spent.sort(key=lambda each: -each[2])
            print(f"  x{batch}: {sum(each[2] for each in spent):.1f} us on the device a call, of it", flush=True)
            for key, count, micros in spent[:_TOP]:
                print(f"    {micros:9.2f} us  {count:5g}x  {key[:110]}", flush=True)
            result[f"x{batch}"] = [{"kernel": k, "count": c, "us": round(us, 3)} for k, c, us in spent[:_TOP]]
    return result


def measure_chunks(bench: Bench, name: str) -> dict[str, Any]:
    """Runs the largest batch in graphs of different sizes, to see the gain of uploading while computing."""
    batch = bench.sizes.batches[-1]
    frames, found = bench.frames(batch), {}
    for chunk in (4, 8, 16, 32):
        if chunk > batch and chunk > 4:
            continue
        with bench.open(name, bench.sizes.precisions[0]) as ours:
            ours._chunk = chunk
            for _ in range(4):
                ours.detect_batch(frames)
            found[chunk] = spread(times_ms(partial(ours.detect_batch, frames), bench.sizes.seconds))
            found[chunk]["frames_per_s"] = round(batch * 1000 / found[chunk]["p50"], 1)
            if chunk == 4:
                found[chunk] |= {"of it uploading": _uploading(bench, ours, batch)}
        print(f"  {batch} frames, {chunk} in a graph: {found[chunk]}", flush=True)
    return {str(chunk): each for chunk, each in found.items()}


def _uploading(bench: Bench, ours: TorchDeviceDetector, batch: int) -> float:
    """Measures the milliseconds of uploading ``batch`` frames and nothing else."""
    frames = bench.frames(batch)
    plan = ours._plan(*bench.sizes.frames[0])

    def upload() -> None:
        with ours._here():
            for frame in frames:
                ours._uploads.use([frame], plan, lambda there: there)
        bench.wait()

    return spread(times_ms(upload, bench.sizes.seconds))["p50"]
