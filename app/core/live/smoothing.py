"""Decides whether boxes follow the motion between the runs of the detector. Arithmetic; the route's lock guards it."""

from __future__ import annotations

from typing import Literal, get_args

Smoothing = Literal["auto", "on", "off"]

_SLOWER = 1.3  # times the time between frames: a detector that takes longer lags
_FAST_ENOUGH = 0.9  # ... and one that takes less does not any more
_SHARE = 0.15  # of a new time in the mean
_MAX_GAP_MS = 2000.0  # between frames; a longer one is a pause


class SmoothingSwitch:
    """On, off, or on while the detector is slower than the source."""

    def __init__(self) -> None:
        self._mode: Smoothing = "auto"
        self._is_slower = False
        self._frame_ms = self._detect_ms = 0.0
        self._last_ns: int | None = None

    @property
    def on(self) -> bool:
        """Returns whether boxes are to be followed now."""
        return self._mode == "on" or (self._mode == "auto" and self._is_slower)

    def set_mode(self, mode: str) -> None:
        """Takes the user's choice; what is none counts as "auto"."""
        self._mode = mode if mode in get_args(Smoothing) else "auto"  # type: ignore[assignment] # just checked

    def restart(self) -> None:
        """Another source begins."""
        self._last_ns, self._frame_ms = None, 0.0

    def frame(self, captured_ns: int) -> None:
        """A frame came from the source."""
        if self._last_ns is not None:
            gap_ms = (captured_ns - self._last_ns) / 1e6
            if 0 < gap_ms < _MAX_GAP_MS:
                self._frame_ms = _mean(self._frame_ms, gap_ms)
        self._last_ns = captured_ns

    def detected(self, detect_ms: float) -> None:
        """The detector took so long for a frame; 0 where it did not run."""
        self._detect_ms = _mean(self._detect_ms, detect_ms)
        if self._frame_ms > 0:
            self._is_slower = self._detect_ms > self._frame_ms * (_FAST_ENOUGH if self._is_slower else _SLOWER)


def _mean(before: float, now: float) -> float:
    return before + _SHARE * (now - before) if before > 0 else now
