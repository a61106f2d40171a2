"""Records the measured speeds of a model for its card. On the calling thread."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from app.core.errors import AppError
from app.core.speeds import MeasuredSpeed, record_speed
from app.lab.bench.bench_report import CaseResult

_log = logging.getLogger(__name__)


def record_speeds(results: Sequence[CaseResult], model: Path, store: Path) -> str:
    """Records how fast our engines ran the model's own weights, one frame at a time.

    Args:
        results: Results of that model with these weights.
        model: The model's file.
        store: See ``record_speed``.

    Returns:
        A note if that was not possible, else an empty string.
    """
    today = date.today().isoformat()
    try:
        for each in results:
            if each.engine and each.batch == 1:
                speed = MeasuredSpeed(each.frames_per_s, each.engine, each.device, each.precision, today)
                record_speed(store, model, speed)
    except (AppError, OSError) as error:
        _log.info("speeds are not kept: %s", error)
        return f"The speed is not kept for the model's card: {error}"
    return ""
