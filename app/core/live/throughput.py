"""How fast a detector is, from its first frames. Used by ``ssdv-detect`` alone."""

from __future__ import annotations

from statistics import median

WARM_UP = 20
"""Frames that do not count: caches fill, clocks rise, the window is still being built."""
COUNTED = 60


class ThroughputProbe:
    """Collects the times of one detector until there are enough of them."""

    def __init__(self) -> None:
        self._seen = 0
        self._times_ms: list[float] = []

    def add(self, detect_ms: float) -> float | None:
        """One frame took ``detect_ms``.

        Returns:
            Frames a second by the median, once, when enough are counted; else None.
        """
        self._seen += 1
        if not WARM_UP < self._seen <= WARM_UP + COUNTED:
            return None
        self._times_ms.append(detect_ms)
        if self._seen < WARM_UP + COUNTED:
            return None
        middle_ms = median(self._times_ms)
        return 1000 / middle_ms if middle_ms > 0 else None
