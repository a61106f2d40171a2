"""Which of Triton's kernels an NVIDIA GPU runs: those that work, answer as torch does, and are no slower there.

Tried once per device and number format in a process, when the first engine opens; on its thread. What is refused torch
does as before, and a note or the log says so.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from detector.kernels.kernel_set import Kernels
from detector.runtime.cuda_support import first_line
from detector.runtime.graph_timing import graph_ms

if TYPE_CHECKING:
    from detector.runtime.kernel_cases import Trial

_FRAMES = 4  # at a time, for the clock
_log = logging.getLogger(__name__)


@lru_cache(maxsize=16)
def kernels_for(device: torch.device, dtype: torch.dtype) -> Kernels:
    """The kernels that engines on ``device`` use for networks of ``dtype``."""
    if device.type != "cuda" or importlib.util.find_spec("triton") is None:
        return Kernels()
    try:
        from detector.runtime.kernel_cases import trials
    except Exception as error:  # Triton is there and does not load: in any form
        _log.info("Triton is not used", exc_info=error)
        return Kernels(notes=(f"Triton is not used ({first_line(error)}): slower.",))
    return choose(trials(device, dtype), graph_ms)


def choose(tried: Sequence[Trial], clock: Callable[[Callable[[], object]], float]) -> Kernels:
    """Returns the kernels that pass.

    Args:
        tried: Each beside its plain form.
        clock: Milliseconds that the device takes for some work.
    """
    parts: dict[str, Any] = {}
    notes: list[str] = []
    for trial in tried:
        try:
            why = _why_not(trial, clock)
        except Exception as error:  # no compiler, an old driver, a cache that cannot be written: in any form
            _log.info("Triton's %s is not used", trial.part, exc_info=error)
            why = first_line(error)
            notes.append(f"Triton's kernel {trial.part} is not used ({why}): slower.")
        if not why:
            parts[trial.part] = trial.ours
    return Kernels(**parts, notes=tuple(notes))


def _why_not(trial: Trial, clock: Callable[[Callable[[], object]], float]) -> str:
    """Empty for a kernel to use; said in the log else."""
    for ours, plain in zip(trial.small(trial.ours), trial.small(trial.plain), strict=True):
        if not _alike(ours, plain, trial.off):
            raise RuntimeError("it answers otherwise than torch")
    ours_ms, plain_ms = (clock(trial.large(form, _FRAMES)) for form in (trial.ours, trial.plain))
    faster = ours_ms <= plain_ms
    _log.info("Triton's %s: %.4f ms, torch's %.4f ms", trial.part, ours_ms, plain_ms)
    return "" if faster else "it is slower here"


def _alike(ours: Tensor, plain: Tensor, off: float) -> bool:
    same_form = ours.shape == plain.shape and ours.dtype == plain.dtype
    return same_form and torch.allclose(ours.float(), plain.float(), rtol=off, atol=off, equal_nan=True)
