"""Optimises a model for this computer: pictures, int8 network, what it costs and what it gains. Blocks; for workers.

The window's button and ``models optimise`` both end here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

from app.core.optimise.frames import calibration_frames
from app.core.paths import optimised_dir, speeds_file
from app.core.speeds import MeasuredSpeed, record_speed
from detector.errors import ExplainedError
from detector.runtime.optimised import Optimised
from detector.runtime.quantise import check_can_quantise, quantise
from detector.shelf import ShelfEntry

_log = logging.getLogger(__name__)

STAGES = {
    "read": ("Collecting pictures", 0.10),
    "prepare": ("Preparing the network", 0.15),
    "calibrate": ("Calibrating", 0.55),
    "correct": ("Correcting the weights", 0.65),
    "compare": ("Comparing with fp32", 0.92),
    "time": ("Measuring speed", 1.0),
}
"""Of each stage its name, and how much of the whole is done at its end, about."""

OnProgress = Callable[[str, float], None]
"""Told what is being done, and how much of the whole is done, 0..1, never less than before."""


def optimise(
    entry: ShelfEntry,
    calibrate: Path | None = None,
    on_progress: OnProgress = lambda _words, _share: None,
    stop: threading.Event | None = None,
) -> Optimised:
    """Make the int8 network of ``entry`` and measure it beside the other formats.

    Args:
        entry: The model, with weights.
        calibrate: A folder of images or a video of the user's; None for drawn pictures.
        on_progress: Called on this thread.
        stop: Set from anywhere to give up; nothing is left behind, and an earlier result stays.

    Raises:
        AppError: The pictures cannot be used.
        DetectorError: NNCF or OpenVINO is missing, the model is damaged, or the disk is full.
        WorkStoppedError: ``stop`` was set.
    """
    stop = stop or threading.Event()
    check_can_quantise(entry)

    def on_step(stage: str, done: int, total: int) -> None:
        on_progress(STAGES[stage][0], share_done(stage, done, total))

    frames = calibration_frames(calibrate, entry.spec.input, lambda n, most: on_step("read", n, most), stop)
    measured = quantise(entry, frames, optimised_dir(), on_step, stop)
    _record(entry, measured)
    return measured


def share_done(stage: str, done: int, total: int) -> float:
    """How much of the whole is done when ``done`` of ``total`` steps of ``stage`` are."""
    names = list(STAGES)
    before = STAGES[names[names.index(stage) - 1]][1] if stage != names[0] else 0.0
    return before + (STAGES[stage][1] - before) * min(1.0, done / max(total, 1))


def _record(entry: ShelfEntry, measured: Optimised) -> None:
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
