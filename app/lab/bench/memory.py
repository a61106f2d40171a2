"""Measures the memory of a contestant. On the thread that runs it."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path
from typing import Any

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class MemoryMeter:
    """Measures peak memory above what is in use when it is created: of the process, or of the GPU.

    The memory of a process is known on Linux only. What contestants share, mostly libraries, counts for the first of
    them only.

    Args:
        device: "cpu", "cuda:0 (...)", "xpu", "mps".
    """

    def __init__(self, device: str) -> None:
        self._gpu = "" if device.startswith("cpu") else device.split(" ", 1)[0]
        _give_back()
        self._before = self._now()

    def peak_mib(self) -> float | None:
        """Returns the peak in MiB; None if the system does not tell."""
        peak = self._peak()
        return None if peak is None or self._before is None else max(peak - self._before, 0) / 2**20

    def settle(self) -> None:
        """Resets the peak, so that memory used only while opening does not count."""
        if self._gpu:
            counters = self._counters()
            if counters is not None:
                counters.reset_peak_memory_stats(self._gpu)
        elif sys.platform == "linux":
            _write(_CLEAR, "5")

    def _now(self) -> int | None:
        if self._gpu:
            counters = self._counters()
            return None if counters is None else int(counters.memory_allocated(self._gpu))
        return _status("VmRSS")

    def _peak(self) -> int | None:
        if self._gpu:
            counters = self._counters()
            return None if counters is None else int(counters.max_memory_allocated(self._gpu))
        return _status("VmHWM")

    def _counters(self) -> Any:
        """Returns torch's module for the GPU; None if it does not track a peak (Apple's)."""
        import torch

        module = getattr(torch, self._gpu.partition(":")[0])
        return module if hasattr(module, "max_memory_allocated") else None


def _give_back() -> None:
    """Makes the C library return freed memory; reused from there, it would not show as new memory."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _status(key: str) -> int | None:
    """Reads one line of the process's status, in bytes."""
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = next((line.split() for line in lines if line.startswith(f"{key}:")), None)
    return int(found[1]) * 1024 if found is not None and len(found) > 1 and found[1].isdecimal() else None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="ascii")
    except OSError:
        return  # in some containers: the peak then holds what opening took, too
