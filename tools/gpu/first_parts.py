"""Parts of ``tools.gpu.first_run``, the most important first, the slow and the risky last."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from app.lab.bench.peaks import network_flops
from detector.errors import DetectorError
from detector.labels import VOC20
from detector.runtime.cuda_support import why_not_cuda
from detector.runtime.torch_cuda import TorchDeviceDetector
from detector.runtime.uploads import PinnedUploads
from detector.training.networks import new_spec
from detector.training.recipe import Recipe
from detector.training.trainer import Trainer, new_network
from tools.gpu.accuracy import check_accuracy
from tools.gpu.decoding import measure_decoding
from tools.gpu.memory import check_shortage
from tools.gpu.pieces import measure_pieces
from tools.gpu.speed import on_the_device, time_kernels
from tools.gpu.support import Bench, Sizes, spread, times_ms
from tools.gpu.traffic import check_traffic
from tools.measure.training import drawn_batch

SIZES = Sizes(((720, 1280), (300, 300)), (1, 8), ("fp16", "fp32"), 1, 2.0, 0, 10)
REHEARSED = Sizes(((72, 128), (50, 40)), (1, 2), ("fp32",), 1, 0.0, 0, 2)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the first run, in a process of its own.

    Attributes:
        name: Of its results.
        limit_s: Seconds after which it is ended.
        run: See ``tools.gpu.check.Section``.
        all_formats: In all number formats; otherwise in the first alone, since cuDNN tries algorithms anew in each.
    """

    name: str
    limit_s: int
    run: Callable[[Bench, str], dict[str, Any]]
    all_formats: bool = False

    def sizes(self, given: Sizes) -> Sizes:
        """Returns the extent of this part."""
        return given if self.all_formats else replace(given, precisions=given.precisions[:1])


def describe(bench: Bench, _name: str) -> dict[str, Any]:
    """Describes the computer.

    Raises:
        DetectorError: The card cannot be used.
    """
    if bench.on_cuda:
        reason = why_not_cuda(bench.place.index or 0)
        if reason:
            raise DetectorError(f"{bench.device} cannot be used: {reason}.", "Without a card, add --rehearse.")
    return bench.machine()


def measure_speed(bench: Bench, name: str) -> dict[str, Any]:
    """Measures the latency of a frame, frames per second in batches, and memory; from frames to detections."""
    rows: list[dict[str, Any]] = []
    flops = network_flops(bench.files[name].spec) or 0.0
    with bench.open(name, bench.sizes.precisions[0]) as ours:
        for batch in (1, 8, 32, 128) if bench.on_cuda else bench.sizes.batches:
            frames = bench.frames(batch)
            call = partial(ours.detect_batch, frames)
            for _ in range(4):  # the second makes the graphs
                call()
            row: dict[str, Any] = {"batch": batch, **spread(times_ms(call, bench.sizes.seconds))}
            row["frames_per_s"] = round(batch * 1000 / row["p50"], 1)
            row |= on_the_device(bench, ours, batch, flops)
            if bench.on_cuda:
                row["reserved_mib"] = torch.cuda.max_memory_reserved(bench.place) >> 20
            rows.append(row)
            bench.keep({"rows": rows})
            print("  " + "  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        return {"rows": rows, "p50_by_pieces": _by_pieces(bench, ours), "failures": list(ours.notes)}


def _by_pieces(bench: Bench, ours: TorchDeviceDetector) -> dict[int, float]:
    """Measures the milliseconds of one frame that is uploaded in fewer or more pieces."""
    if not isinstance(ours._uploads, PinnedUploads):
        return {}
    found = {}
    for most in (1, 2, 4, 8, 16):
        ours._uploads.most_pieces = most
        found[most] = spread(times_ms(partial(ours.detect_batch, bench.frames(1)), bench.sizes.seconds / 4))["p50"]
    print(f"  p50 by pieces of the upload: {found}", flush=True)
    return found


def measure_training(bench: Bench, _name: str) -> dict[str, Any]:
    """Measures training steps per second of SSD300, at two sizes: the host's share and the device's."""
    rows = []
    torch.backends.cudnn.benchmark = True  # as a training has it
    for batch, width, steps in ((32, 1.0, 30), (128, 0.5, 30)) if bench.on_cuda else ((2, 0.125, 1),):
        spec, recipe = new_spec("measured", "ssd300-vgg16", VOC20, width), Recipe(batch=batch, rate=1e-6)
        trainer = Trainer(spec, new_network(spec, recipe), recipe, bench.place, bf16=bench.on_cuda)
        images = drawn_batch(batch, (spec.input.height, spec.input.width), bench.place)
        for _ in range(3 if bench.on_cuda else 1):  # the first picks algorithms
            trainer.advance(images)
        trainer.settle()
        bench.wait()
        trainer.clock.restart()
        begun = time.perf_counter()
        for _ in range(steps):
            trainer.advance(images)
        queued = time.perf_counter() - begun
        trainer.settle()
        bench.wait()
        taken = time.perf_counter() - begun
        rows.append(
            {
                "batch": batch,
                "width": width,
                "steps_per_s": round(steps / taken, 2),
                "images_per_s": round(steps * batch / taken, 1),
                "host_ms": round(queued * 1000 / steps, 2),
                "parts_ms": {part: round(s * 1000 / steps, 2) for part, s in trainer.clock.take().items()},
            }
        )
        bench.keep({"rows": rows})
        print(f"  {rows[-1]}", flush=True)
    return {"rows": rows}


PARTS = (
    Part("card", 40, describe),
    Part("accuracy", 90, check_accuracy, all_formats=True),
    Part("speed", 75, measure_speed),
    Part("pieces", 50, measure_pieces),
    Part("traffic", 40, check_traffic),
    Part("kernels", 40, time_kernels),
    Part("training", 50, measure_training),
    Part("decoding", 60, measure_decoding),
    Part("shortage", 50, check_shortage),
)
