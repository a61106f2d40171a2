"""Optimises a model: images, ranges for int8 into its file, what that costs and gains here. Blocks; for workers.

The window's button and ``models optimise`` both end here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

from app.core.optimise.calibration_frames import MIN_FRAMES, calibration_frames
from app.core.paths import models_dir, optimised_dir, speeds_file
from app.core.speeds import MeasuredSpeed, record_speed
from detector.errors import ExplainedError
from detector.model_file import ModelEntry
from detector.runtime.calibrate import MOST
from detector.runtime.format_measurements import Optimised, is_proven
from detector.runtime.quantisable import check_can_quantise
from detector.runtime.quantise import OptimisedModel, Places, quantise

_log = logging.getLogger(__name__)

STAGES = {
    "read": ("Collecting images", 0.10),
    "prepare": ("Preparing the network", 0.15),
    "calibrate": ("Measuring ranges", 0.60),
    "correct": ("Correcting the weights", 0.65),  # only of networks in OpenVINO's own format
    "compare": ("Comparing with fp32", 0.92),
    "time": ("Measuring speed", 1.0),
}
"""The name of each stage, and about how much of the whole is done at its end."""

OnProgress = Callable[[str, float], None]
"""Told what is being done, and how much of the whole is done, 0..1, never less than before."""


def optimise(
    entry: ModelEntry,
    calibrate: Path | None = None,
    on_progress: OnProgress = lambda _words, _share: None,
    stop: threading.Event | None = None,
) -> OptimisedModel:
    """Put ranges for int8 into the file of ``entry`` and measure the formats beside each other.

    Args:
        entry: The model, with weights.
        calibrate: A folder of images or a video of the user's. None for the ranges the file has, where they were shown
            to agree with fp32; for drawn images elsewhere.
        on_progress: Called on this thread.
        stop: Set from anywhere to give up; everything stays as it was.

    Raises:
        AppError: The images cannot be used.
        DetectorError: OpenVINO is missing, the model is damaged or cannot be written, or the disk is full.
        WorkStoppedError: ``stop`` was set.
    """
    stop = stop or threading.Event()
    check_can_quantise(entry)

    def on_step(stage: str, done: int, total: int) -> None:
        on_progress(STAGES[stage][0], share_done(stage, done, total))

    keep = calibrate is None and entry.spec.int8 is not None and is_proven(entry.spec.int8)
    max_frames = MIN_FRAMES if keep else MOST
    frames = calibration_frames(calibrate, entry.spec.input, lambda n, all_: on_step("read", n, all_), stop, max_frames)
    places = Places(optimised_dir(), models_dir())
    done = quantise(entry, frames, places, on_step, stop, keep_ranges=keep)
    _record(done.entry, done.measured)
    return done


def share_done(stage: str, done: int, total: int) -> float:
    """Returns how much of the whole is done when ``done`` of ``total`` steps of ``stage`` are."""
    names = list(STAGES)
    before = STAGES[names[names.index(stage) - 1]][1] if stage != names[0] else 0.0
    return before + (STAGES[stage][1] - before) * min(1.0, done / max(total, 1))


def _record(entry: ModelEntry, measured: Optimised) -> None:
    """The speeds stand where all measured speeds do."""
    assert entry.path is not None  # it was optimised
    today = date.today().isoformat()
    for each in reversed(measured.formats):  # the last one recorded is shown first: fp32, which anybody can have
        try:
            record_speed(
                speeds_file(), entry.path, MeasuredSpeed(each.frames_per_s, "openvino", "cpu", each.precision, today)
            )
        except (ExplainedError, OSError) as error:
            _log.info("the speed of %s is not kept: %s", entry.name, error)
