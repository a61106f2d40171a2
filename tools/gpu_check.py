"""One go on a computer with an NVIDIA GPU: `python -m tools.gpu_check [--minutes 9] [--json FILE]`.

For every network: do its detections and raw outputs on the GPU match those of float32 on the CPU; how many copies,
waits and kernels does one call make (torch's profiler); and how fast is it, beside torchvision in the same rounds.
Random weights, so nothing is downloaded. Exit code 1 where something does not match, or there is no GPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli.bench import lines
from app.core.bench.agreement import agreement
from app.core.bench.baselines import check_baseline
from app.core.bench.frames import drawn_frames
from app.core.bench.random_weights import write_random
from app.core.bench.request import BenchRequest
from app.core.bench.result import as_json
from app.core.bench.rounds import BenchCancelledError, Plan
from app.core.bench.run import run_bench
from app.core.errors import AppError
from app.core.frames import ImageBGR
from detector.golden import TOLERANCES
from detector.registry import MODELS
from detector.runtime.base import Detector
from detector.runtime.engine import Engine
from detector.runtime.open import open_detector
from detector.shelf import ShelfEntry, open_file

MODEL_NAMES = ("ssd300-vgg16-coco", "ssd512-vgg16-coco", "ssdlite320-mobilenetv3-coco")
PRECISIONS = ("fp32", "fp16", "bf16")
LEAST_AGREEMENT = {"fp32": 0.97, "fp16": 0.9, "bf16": 0.75}
"""Shares of detections in common, the weakest candidates included, of which rounding moves some over the floor."""

_WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
_CALLS = 10


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
    import torch
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiler:
        for _ in range(calls):
            work()
    return {event.key: event.count for event in profiler.key_averages()}


def relative_error(ours: Detector, reference: Detector, frames: Sequence[ImageBGR]) -> float:
    """Of the raw outputs: root mean square of the differences over that of the reference about its mean."""
    import numpy as np

    assert isinstance(ours, Engine)
    assert isinstance(reference, Engine)
    worst = 0.0
    for frame in frames:
        for got, wanted in zip(ours.raw(frame), reference.raw(frame), strict=True):
            size = float(np.sqrt(np.mean((wanted - wanted.mean()) ** 2)))
            worst = max(worst, float(np.sqrt(np.mean((got - wanted) ** 2))) / size)
    return worst


def check_model(entry: ShelfEntry, device: str, frames: Sequence[ImageBGR], say: Callable[[str], None]) -> bool:
    """Compare ``entry`` on ``device`` with the CPU, and count what a call does; whether all is well."""
    fine = True
    with open_detector(entry, "cpu", "fp32") as reference:
        expected = reference.detect_batch(frames)
        for precision in PRECISIONS:
            with open_detector(entry, device, precision) as ours:
                if not ours.device.startswith(device) or ours.precision != precision:
                    say(f"  {precision}: left out. {' '.join(ours.notes)}")
                    continue
                found = [each for frame in frames for each in ours.detect_batch([frame])]
                common, error = agreement(found, expected), relative_error(ours, reference, frames)
                fine &= common >= LEAST_AGREEMENT[precision] and error <= TOLERANCES[precision]
                say(f"  {precision}: {common:.1%} of detections in common, raw outputs off by {error:.5f}")
                ours.detect(frames[0])
                few, many = (profiled(lambda: ours.detect(frames[0]), calls) for calls in (_CALLS, 2 * _CALLS))
                seen = traffic(few, many, _CALLS)
                say(
                    f"    a call: {seen.down:g} copies down, {seen.up:g} up, {seen.waits:g} waits, "
                    f"{seen.launches:g} launches"
                )
    return fine


def measure(
    name: str, device: str, batches: tuple[int, ...], seconds: float, stop: threading.Event
) -> tuple[list[str], dict[str, Any]]:
    """The table of all number formats, beside those baselines there are for this network."""
    spec = MODELS[name]
    try:
        check_baseline("torchvision", spec)
        versus: tuple[str, ...] = ("torchvision", "fasterrcnn")
    except AppError:
        versus = ()
    report = run_bench(
        BenchRequest(
            ShelfEntry(name, spec, None, False),
            (device,),
            PRECISIONS,
            batches,
            versus=versus,
            plan=Plan.lasting(seconds),
        ),
        stop=stop,
    )
    return lines(report), as_json(report)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 if all is well."""
    options = _options(arguments)
    from detector.runtime.torch_cuda import why_not_cuda

    reason = why_not_cuda(int(options.device.partition(":")[2] or 0))
    if reason:
        print(f"gpu_check: {options.device} cannot be used: {reason}.", file=sys.stderr)
        return 1
    stop = threading.Event()
    alarm = threading.Timer(options.minutes * 60, stop.set)
    alarm.daemon = True
    alarm.start()
    try:
        fine, tables = _check_all(options, stop)
    finally:
        alarm.cancel()
    if options.json is not None:
        options.json.write_text(json.dumps(tables, indent=1), encoding="utf-8")
    print("All is well." if fine else "Something does not match: see above.")
    return 0 if fine else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.gpu_check", description=__doc__)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--models", nargs="+", default=MODEL_NAMES, choices=sorted(MODELS), metavar="NAME")
    parser.add_argument("--batch", nargs="+", type=int, default=(1, 8, 32))
    parser.add_argument("--seconds", type=float, default=10.0, help="of each case")
    parser.add_argument("--minutes", type=float, default=9.0, help="then it stops, with what it has")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


def _check_all(options: argparse.Namespace, stop: threading.Event) -> tuple[bool, list[dict[str, Any]]]:
    """Everything, model by model, as long as there is time; whether all matched, and the tables as data."""
    begun, fine, tables = time.monotonic(), True, []
    frames = drawn_frames(4)
    for name in options.models:
        print(f"{name} ({time.monotonic() - begun:.0f} s)", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            entry = open_file(write_random(MODELS[name], frames, Path(folder), ["typical"])["typical"])
            fine &= check_model(entry, options.device, frames, lambda line: print(line, flush=True))
        try:
            table, content = measure(name, options.device, tuple(options.batch), options.seconds, stop)
        except BenchCancelledError:
            print(f"gpu_check: {options.minutes:g} minutes are over; {name} and what follows were not timed.")
            break
        print("\n".join(table), flush=True)
        tables.append(content)
    return fine, tables


if __name__ == "__main__":
    sys.exit(main())
