"""What the measurement ran on, in words and numbers. Imports torch only where it is there already."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("torch", "torchvision", "openvino", "onnxruntime", "opencv-python-headless")
_BUSY = 0.5


@dataclass(frozen=True, slots=True)
class Machine:
    """This computer.

    Attributes:
        cpu: Its name.
        cores: Logical ones this process may use.
        system: Operating system and Python.
        packages: Versions of what computes, by name.
        busy: Load average of the last minute over the cores, before the measurement; None where the system has none.
    """

    cpu: str
    cores: int
    system: str
    packages: dict[str, str]
    busy: float | None

    def words(self) -> str:
        """One line."""
        packages = ", ".join(f"{name} {number}" for name, number in self.packages.items())
        return f"{self.cpu}, {self.cores} cores; {self.system}; {packages}"

    def warning(self) -> str:
        """Said where other programs keep the computer busy; else empty."""
        if self.busy is None or self.busy < _BUSY:
            return ""
        return (
            f"Other programs keep this computer busy (load {self.busy:.1f} on each core before the start): times are "
            "longer and scatter more. Ratios suffer less."
        )


def this_machine() -> Machine:
    """Look."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    busy = os.getloadavg()[0] / cores if hasattr(os, "getloadavg") else None
    packages = {name: found for name in _PACKAGES if (found := _version(name))}
    return Machine(_cpu(), cores, f"{platform.system()}, Python {platform.python_version()}", packages, busy)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return ""
