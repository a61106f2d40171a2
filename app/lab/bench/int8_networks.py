"""Puts ranges for int8, measured on the frames of the benchmark, into files of random weights."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from app.core.frames import ImageBGR
from app.lab.bench.rounds import BenchCancelledError
from detector.model_file import ModelEntry
from detector.runtime.calibrate import measure_ranges
from detector.spec import Int8
from detector.weights import describe_anew, load_arrays


def quantise_random(
    entry: ModelEntry,
    frames: Sequence[ImageBGR],
    on_progress: Callable[[str, int, int], None],
    stop: threading.Event,
) -> ModelEntry:
    """Returns ``entry`` with ranges for int8 in its file, measured on the frames of the benchmark.

    Raises:
        BenchCancelledError: ``stop`` was set.
        DetectorError: OpenVINO is missing, the disk is full, or the network is not one of ours.
    """
    assert entry.path is not None  # random weights lie in a file

    def on_step(_stage: str, done: int, total: int) -> None:
        if stop.is_set():
            raise BenchCancelledError("The measurement was stopped.")
        on_progress("int8", done, total)

    ranges = measure_ranges(entry.spec, load_arrays(entry.path, entry.spec), frames, on_step)
    int8 = Int8(ranges, "", "the frames of the measurement", len(frames), 0, 0, 0.0)
    spec = replace(entry.spec, int8=int8)
    describe_anew(entry.path, spec)
    return replace(entry, spec=spec)
