"""What a process takes while it runs: memory, threads, descriptors. Linux."""

from __future__ import annotations

import os
import statistics
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_EVERY_S = 1.0
_MORE_BYTES, _MORE = 10_000_000, 2


@dataclass(frozen=True, slots=True)
class Usage:
    """One look.

    Attributes:
        moment_s: Monotonic clock.
        resident: Bytes of memory.
        threads: How many.
        descriptors: How many are open.
    """

    moment_s: float
    resident: int
    threads: int
    descriptors: int


class UsageWatch:
    """Looks once a second while entered as a context.

    Args:
        process: Its number.
    """

    def __init__(self, process: int) -> None:
        self._folder = Path(f"/proc/{process}")
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.seen: list[Usage] = []

    def __enter__(self) -> UsageWatch:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(_EVERY_S):
            try:
                pages = int((self._folder / "statm").read_text().split()[1])
                threads = sum(1 for _ in (self._folder / "task").iterdir())
                descriptors = sum(1 for _ in (self._folder / "fd").iterdir())
            except OSError:  # it has ended
                return
            self.seen.append(Usage(time.monotonic(), pages * os.sysconf("SC_PAGE_SIZE"), threads, descriptors))


def growth(seen: list[Usage]) -> list[str]:
    """Returns what grew: the median of the last quarter is held to that of the second, before which caches fill."""
    quarter = len(seen) // 4
    if quarter < 10:
        return []
    wrong = []
    for name, least in (("resident", _MORE_BYTES), ("threads", _MORE), ("descriptors", _MORE)):
        values = [int(getattr(each, name)) for each in seen]
        before, after = (statistics.median(part) for part in (values[quarter : 2 * quarter], values[-quarter:]))
        if after - before > least:
            wrong.append(f"{name} grew from {before:.0f} to {after:.0f}")
    return wrong


def usage_text(seen: list[Usage]) -> str:
    """Returns the figures in one line: medians of the second and of the last quarter, and the most."""
    if not seen:
        return "no figures"
    quarter = max(1, len(seen) // 4)
    parts = seen[quarter : 2 * quarter] or seen, seen[-quarter:]
    memory = " -> ".join(f"{statistics.median(each.resident for each in part) / 1e6:.1f}" for part in parts)
    most = max(each.resident for each in seen) / 1e6
    threads = " -> ".join(f"{statistics.median(each.threads for each in part):.0f}" for part in parts)
    descriptors = " -> ".join(f"{statistics.median(each.descriptors for each in part):.0f}" for part in parts)
    return f"memory {memory} MB (at most {most:.1f}), threads {threads}, descriptors {descriptors}"
