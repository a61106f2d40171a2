"""Describes the computer a benchmark ran on. Imports torch only if it is loaded already."""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("torch", "torchvision", "openvino", "onnxruntime", "opencv-python-headless")
_BUSY = 0.1
_LOOK_S = 0.25
PROCESSORS = Path("/proc/stat")


@dataclass(frozen=True, slots=True)
class Machine:
    """This computer.

    Attributes:
        cpu: Name of the processor.
        cores: Logical cores this process may use.
        system: Operating system and Python.
        packages: Versions of the libraries that compute, by name.
        busy: Share of processor time that other programs took just before the benchmark; None if unknown.
    """

    cpu: str
    cores: int
    system: str
    packages: dict[str, str]
    busy: float | None

    def text(self) -> str:
        """Returns a description of one line."""
        packages = ", ".join(f"{name} {number}" for name, number in self.packages.items())
        return f"{self.cpu}, {self.cores} cores; {self.system}; {packages}"

    def warning(self) -> str:
        """Returns a warning if other programs keep the computer busy, else an empty string."""
        if self.busy is None or self.busy < _BUSY:
            return ""
        return (
            f"Other programs keep this computer busy ({self.busy:.0%} of its processors before the start): times are "
            "longer and scatter more. Ratios suffer less."
        )


def this_machine() -> Machine:
    """Describes this computer. Blocks for a quarter of a second to see what other programs do."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    packages = {name: found for name in _PACKAGES if (found := _version(name))}
    return Machine(_cpu(), cores, f"{platform.system()}, Python {platform.python_version()}", packages, _busy_share())


def _busy_share() -> float | None:
    """Measures how busy all processors are while this process waits; the load average would include our own past."""
    before = _jiffies()
    time.sleep(_LOOK_S)
    after = _jiffies()
    if before is None or after is None or after[1] == before[1]:
        return None
    return (after[0] - before[0]) / (after[1] - before[1])


def _jiffies() -> tuple[int, int] | None:
    """Returns the busy ticks (work, or time stolen by another virtual machine) and all ticks. Linux only."""
    try:
        user, nice, system, idle, waiting, *rest = map(
            int, PROCESSORS.read_text("ascii").split("\n", 1)[0].split()[1:9]
        )
    except (OSError, ValueError):
        return None
    worked = user + nice + system + sum(rest)
    return worked, worked + idle + waiting


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
