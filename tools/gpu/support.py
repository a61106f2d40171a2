"""Shared by the sections of ``tools.gpu.check``: sizes, models, frames, engines, clocks."""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from app.core.frames import ImageBGR
from app.lab.bench.random_weights import write_random
from app.lab.bench.sample_frames import drawn_frames
from app.lab.bench.statistics import percentile
from detector.model_file import ModelEntry, open_file
from detector.registry import MODELS
from detector.runtime.torch_cuda import TorchDeviceDetector

_LEAST_CALLS = 3


@dataclass(frozen=True, slots=True)
class Sizes:
    """The extent of the check.

    Attributes:
        frames: (height, width) of the frames; speed is measured on the first.
        batches: Batch sizes.
        precisions: Number formats.
        rounds: Rounds of the contestants.
        seconds: Approximate seconds of one contestant in one round.
        switches: Number of model switches in the memory section.
        profiled: Calls under the profiler.
    """

    frames: tuple[tuple[int, int], ...]
    batches: tuple[int, ...]
    precisions: tuple[str, ...]
    rounds: int
    seconds: float
    switches: int
    profiled: int


def sizes_of(device: str, *, quick: bool) -> Sizes:
    """Returns the full extent, or just enough to see that the program runs."""
    if quick:
        precisions = ("fp32",) if device == "cpu" else ("fp16", "fp32")
        return Sizes(((72, 128), (50, 40)), (1, 2), precisions, 1, 0.0, 2, 2)
    return Sizes(((720, 1280), (1080, 1920), (333, 500)), (1, 8, 32), ("fp16", "bf16", "fp32"), 5, 0.25, 50, 10)


@contextlib.contextmanager
def random_models(names: Sequence[str], sizes: Sizes) -> Iterator[dict[str, ModelEntry]]:
    """Makes models of those names with random weights that find about as much as trained ones."""
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name in names:
            place = Path(folder) / name
            place.mkdir()
            frames = drawn_frames(4, sizes.frames[0])
            files[name] = open_file(write_random(MODELS[name], frames, place, ["typical"])["typical"])
        yield files


def _forgotten(_found: dict[str, Any]) -> None:
    """Whoever waits for the end of a section."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The workbench: device, models and frames.

    Attributes:
        device: torch's name of the device.
        sizes: Extent of the check.
        files: Models by name.
        keep: Given the results of a section as far as it has come.
    """

    device: str
    sizes: Sizes
    files: dict[str, ModelEntry]
    keep: Callable[[dict[str, Any]], object] = _forgotten

    @property
    def place(self) -> torch.device:
        """The device."""
        return torch.device(self.device)

    @property
    def on_cuda(self) -> bool:
        """Returns whether the device has streams, graphs and its own memory."""
        return self.place.type == "cuda"

    def open(self, name: str, precision: str) -> TorchDeviceDetector:
        """Opens our engine alone, without the fallback to the CPU."""
        return TorchDeviceDetector(self.files[name], self.place, precision)

    def frames(self, count: int, size: tuple[int, int] | None = None) -> list[ImageBGR]:
        """Returns ``count`` frames, eight different ones."""
        drawn = drawn_frames(min(count, 8), size or self.sizes.frames[0])
        return [drawn[index % len(drawn)] for index in range(count)]

    def wait(self) -> None:
        """Waits until the device has finished all work."""
        if self.on_cuda:
            torch.cuda.synchronize(self.place)

    def tidy(self) -> None:
        """Releases unused memory."""
        gc.collect()
        if self.on_cuda:
            torch.cuda.empty_cache()

    def machine(self) -> dict[str, Any]:
        """Describes the computer."""
        facts: dict[str, Any] = {
            "device": self.device,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "cpu_cores": os.cpu_count(),
            "cpu_threads": torch.get_num_threads(),
        }
        if self.on_cuda:
            version: Any = torch.backends.cudnn.version  # written without types
            properties: Any = torch.cuda.get_device_properties(self.place)
            facts |= {
                "gpu": properties.name,
                "capability": f"{properties.major}.{properties.minor}",
                "memory_gib": round(properties.total_memory / 2**30, 1),
                "multiprocessors": properties.multi_processor_count,
                "cudnn": version(),
            }
        print("  ".join(f"{key} {value}" for key, value in facts.items()), flush=True)
        return facts


def times_ms(work: Callable[[], object], seconds: float) -> list[float]:
    """Measures the wall-clock time of several calls."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < _LEAST_CALLS or time.perf_counter() < end:
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def spread(values: Sequence[float]) -> dict[str, float]:
    """Returns p50 and p95 of milliseconds."""
    return {"p50": round(percentile(values, 0.5), 4), "p95": round(percentile(values, 0.95), 4)}
