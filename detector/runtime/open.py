"""From a model's file to a running detector: picks the engine, and says so when it is not the one asked for.

Call it on the thread that will use the detector. Importing this module loads no torch and no OpenVINO.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from detector.errors import DetectorError
from detector.model_file import ModelEntry, how_to_get
from detector.runtime.base import PRECISIONS, Detector, Precision
from detector.runtime.devices import check_device
from detector.runtime.engines import ENGINES, EngineRequest
from detector.runtime.fallback import FallbackDetector
from detector.runtime.torch_package import has_torch

_log = logging.getLogger(__name__)


def open_detector(
    entry: ModelEntry,
    device: str = "auto",
    precision: str = "auto",
    cache_dir: Path | None = None,
    *,
    for_batches: bool = False,
) -> Detector:
    """Open a model, ready to run.

    A device that is asked for but cannot be used is replaced by the CPU, and a number format the device does not have
    by one it has; ``Detector.notes`` then tells.

    Args:
        entry: The model.
        device: "auto", "cpu", "cuda", "cuda:N", "gpu", "gpu.N", "npu" (both by OpenVINO), "mps" or "xpu".
        precision: One of ``PRECISIONS``; "auto" is float16 on a GPU. On the CPU it is int8 where the model's file
            shows that this agrees with float32, which it is otherwise; what ``models optimise`` measured there counts
            for more than either.
        cache_dir: Where what ``models optimise`` measured is kept; None for nowhere.
        for_batches: It will be handed ``preferred_batch`` frames at a time, and nobody waits for the first of them.

    Raises:
        DetectorError: No such device or precision, or the model is not here or cannot be used.
    """
    check_device(device)
    request = EngineRequest(device, _checked_precision(precision), cache_dir, for_batches)
    if entry.path is None:
        raise DetectorError(f"The weights of {entry.name} are not on this computer.", *how_to_get(entry.spec))
    detector = _open(entry, request)
    _log.info("%s on %s by %s, %s", entry.name, detector.device, detector.engine, detector.precision)
    return detector


def needs_torch(entry: ModelEntry, device: str) -> bool:
    """Returns whether opening ``entry`` imports torch into this process."""
    for row in ENGINES:
        if row.takes(entry.spec, device) and not (row.may_fail and not has_torch()):
            return row.needs_torch
    return True


def _open(entry: ModelEntry, request: EngineRequest) -> Detector:
    """The first engine of the table that can be used, with the reasons of those passed over as notes."""
    notes = entry.notes
    failure = DetectorError(f"No engine takes {entry.name}.")
    for row in ENGINES:
        if not row.takes(entry.spec, request.device):
            continue
        reason = row.why_not(entry.spec, request)
        if reason is None:
            try:
                engine = row.open(entry, request)
            except DetectorError as error:
                _log.info("%s is not used for %s: %s", row.title, entry.name, error)
                failure, reason = error, error.message.rstrip(".")
            else:
                engine.notes = (*notes, *engine.notes)
                return FallbackDetector(engine, lambda: _open(entry, _on_cpu(request))) if row.may_fail else engine
        if reason:
            notes = (*notes, f"{row.title} is not used: {reason}. {row.instead}.")
    raise failure


def _on_cpu(request: EngineRequest) -> EngineRequest:
    return replace(request, device="cpu", precision="auto" if request.precision == "fp16" else request.precision)


def _checked_precision(precision: str) -> Precision:
    for known in PRECISIONS:
        if precision == known:
            return known
    raise DetectorError(f"There is no precision {precision!r}.", f"Use one of {', '.join(PRECISIONS)}.")
