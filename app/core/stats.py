"""How fast the live view is, measured over the last seconds. Any thread records; any thread reads a snapshot."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

WINDOW_NS = 2_500_000_000
_MAX_EVENTS = 1024  # events kept per kind: 2.5 s at 400 a second


@dataclass(frozen=True, slots=True)
class LiveStats:
    """A snapshot. Rates and times cover the last 2.5 s; 0 where nothing happened.

    Attributes:
        camera_fps: Frames that came from the source, per second.
        detector_fps: Frames that went through the network, per second.
        screen_fps: Frames painted, per second.
        frame_age_p50_ms: From capture to paint, median, milliseconds.
        frame_age_p95_ms: From capture to paint, 95th percentile.
        latency_p50_ms: Time in the detector, median, milliseconds.
        latency_p95_ms: Time in the detector, 95th percentile.
        drops: Frames never painted since the start, because a newer one was there.
    """

    camera_fps: float = 0.0
    detector_fps: float = 0.0
    screen_fps: float = 0.0
    frame_age_p50_ms: float = 0.0
    frame_age_p95_ms: float = 0.0
    latency_p50_ms: float = 0.0
    latency_p95_ms: float = 0.0
    drops: int = 0


class _Series:
    """Values with the moment each was recorded, newest last."""

    def __init__(self) -> None:
        self._events: deque[tuple[int, float]] = deque(maxlen=_MAX_EVENTS)

    def add(self, now_ns: int, value: float = 0.0) -> None:
        self._events.append((now_ns, value))

    def clear(self) -> None:
        self._events.clear()

    def prune(self, now_ns: int) -> None:
        while self._events and self._events[0][0] < now_ns - WINDOW_NS:
            self._events.popleft()

    @property
    def rate(self) -> float:
        """Events per second between the first and the last one kept."""
        if len(self._events) < 2:
            return 0.0
        span_ns = self._events[-1][0] - self._events[0][0]
        return (len(self._events) - 1) * 1e9 / span_ns if span_ns > 0 else 0.0

    @property
    def values(self) -> list[float]:
        return [value for _, value in self._events]


class StatsRecorder:
    """Collects events; ``now_ns`` is always ``time.monotonic_ns()`` of the moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._camera = _Series()
        self._detector = _Series()
        self._screen = _Series()

    def captured(self, now_ns: int) -> None:
        """A frame came from the source."""
        with self._lock:
            self._camera.add(now_ns)

    def detected(self, now_ns: int, detect_ms: float) -> None:
        """The network finished a frame."""
        with self._lock:
            self._detector.add(now_ns, detect_ms)

    def painted(self, now_ns: int, captured_ns: int) -> None:
        """A frame captured at ``captured_ns`` is on the screen."""
        with self._lock:
            self._screen.add(now_ns, (now_ns - captured_ns) / 1e6)

    def clear(self) -> None:
        """Forget everything: another source begins."""
        with self._lock:
            for series in (self._camera, self._detector, self._screen):
                series.clear()

    def snapshot(self, now_ns: int, drops: int = 0) -> LiveStats:
        """The figures at ``now_ns``."""
        with self._lock:
            for series in (self._camera, self._detector, self._screen):
                series.prune(now_ns)
            ages, times = self._screen.values, self._detector.values
            return LiveStats(
                camera_fps=self._camera.rate,
                detector_fps=self._detector.rate,
                screen_fps=self._screen.rate,
                frame_age_p50_ms=nearest_rank(ages, 50),
                frame_age_p95_ms=nearest_rank(ages, 95),
                latency_p50_ms=nearest_rank(times, 50),
                latency_p95_ms=nearest_rank(times, 95),
                drops=drops,
            )


def nearest_rank(values: Iterable[float], percent: float) -> float:
    """Returns the smallest value that at least ``percent`` % of the values do not exceed; 0 for none.

    Always one of the values, unlike the interpolated ``app.lab.bench.statistics.percentile``.
    """
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
