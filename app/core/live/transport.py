"""Playback commands for a file, and the clock it is played by.

``Transport`` is written by any thread and followed by the capture thread, which sleeps in ``wait`` between frames.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from fractions import Fraction

_LATE_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class PlaybackCommand:
    """One thing to do before playing on: go to ``seek``, or ``steps`` frames forward (negative: back)."""

    seek: Fraction | None = None
    steps: int = 0


class Transport:
    """Pause, seek, step, loop. Requests made faster than they can be met are merged: the last seek wins."""

    def __init__(self, loop: bool = False, paused: bool = False) -> None:
        self._changed = threading.Condition()
        self._paused = paused
        self._loop = loop
        self._seek: Fraction | None = None
        self._steps = 0
        self._closed = False

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def loop(self) -> bool:
        return self._loop

    def set_paused(self, paused: bool) -> None:
        """Stop at the present frame, or play on."""
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def set_loop(self, loop: bool) -> None:
        """Sets whether a file begins again at its end."""
        with self._changed:
            self._loop = loop

    def seek(self, pts_s: Fraction) -> None:
        """Show the frame at ``pts_s`` next."""
        with self._changed:
            self._seek, self._steps = pts_s, 0
            self._changed.notify_all()

    def step(self, frames: int) -> None:
        """Show the frame that many after (before) the present one."""
        with self._changed:
            self._steps += frames
            self._changed.notify_all()

    def close(self) -> None:
        """Wake the capture thread for good."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take_command(self) -> PlaybackCommand | None:
        """Returns the next command and clears it, seek before steps; None where there is nothing to do."""
        with self._changed:
            if self._seek is not None:
                command, self._seek = PlaybackCommand(seek=self._seek), None
                return command
            if self._steps:
                command, self._steps = PlaybackCommand(steps=self._steps), 0
                return command
            return None

    @property
    def superseded(self) -> bool:
        """Returns whether another place is asked for, or nothing any more."""
        return self._seek is not None or self._closed

    def wait_turn(self, due_ns: int) -> bool:
        """Wait until ``due_ns``; False when there is a command, a pause or the end to see to first."""
        with self._changed:
            left_s = max(0, due_ns - time.monotonic_ns()) / 1e9
            return not self._changed.wait_for(lambda: self._interrupted or self._paused, left_s)

    def wait_command(self) -> None:
        """Wait, paused, for a command, for playing on or for the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._interrupted or not self._paused)

    @property
    def _interrupted(self) -> bool:
        return self._closed or self._seek is not None or self._steps != 0


class PlaybackClock:
    """A clock that tells when each frame of a file is due, in monotonic time.

    A reader that falls behind by more than 0.1 s does not race to catch up: the clock starts anew from there.
    """

    def __init__(self) -> None:
        self._origin: tuple[int, Fraction] | None = None
        self._last_ns = 0
        self._earliest_ns = 0
        self.resyncs = 0

    def restart(self, gap_ns: int = 0) -> None:
        """Let the next frame set the clock; it is due at once, or ``gap_ns`` after the last one shown."""
        self._origin = None
        self._earliest_ns = self._last_ns + gap_ns if gap_ns else 0

    def shown(self, pts_s: Fraction, now_ns: int) -> None:
        """A frame was shown; it sets the clock where none is set."""
        self._last_ns = now_ns
        if self._origin is None:
            self._origin = (now_ns, pts_s)

    def due_ns(self, pts_s: Fraction, now_ns: int) -> int:
        """The moment to show the frame at ``pts_s``."""
        if self._origin is None:
            self._origin = (max(now_ns, self._earliest_ns), pts_s)
        due_ns = self._origin[0] + int((pts_s - self._origin[1]) * 1_000_000_000)
        if now_ns - due_ns > _LATE_NS:
            self._origin = (now_ns, pts_s)
            self.resyncs += 1
            due_ns = now_ns
        return due_ns
