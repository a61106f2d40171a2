"""Makes int8 networks of random weights, the way ``models optimise`` makes them. On the calling thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from app.core.frames import ImageBGR
from app.lab.bench.rounds import BenchCancelledError
from detector.runtime.other_process import WorkStoppedError
from detector.runtime.quantise import Frames, quantise
from detector.shelf import ShelfEntry

_HELD_OUT = 4  # one frame in so many is held out to compare on


def quantise_random(
    entry: ShelfEntry,
    frames: Sequence[ImageBGR],
    cache_dir: Path,
    on_progress: Callable[[str, int, int], None],
    stop: threading.Event,
) -> None:
    """Makes the int8 network of ``entry`` in ``cache_dir``, calibrated on the frames of the benchmark.

    Raises:
        BenchCancelledError: ``stop`` was set.
        DetectorError: OpenVINO or NNCF is missing, or the disk is full.
    """
    size = (entry.spec.input.width, entry.spec.input.height)
    images = [np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR), np.uint8) for frame in frames]
    seen = Frames(np.stack(images), max(1, len(images) // _HELD_OUT), "the frames of the measurement")
    try:
        quantise(entry, seen, cache_dir, lambda _stage, done, total: on_progress("int8", done, total), stop)
    except WorkStoppedError as error:
        raise BenchCancelledError("The measurement was stopped.") from error
