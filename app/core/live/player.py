"""Plays a file: each frame at its time, and whatever the transport asks. Runs on ``ssdv-capture``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from app.core.frames import Frame
from app.core.live.transport import PlaybackClock, PlaybackCommand, Transport
from app.core.sources.base import SeekableSource

_DEFAULT_PERIOD_S = Fraction(1, 25)
_ON_THE_WAY_NS = 40_000_000
"""A seek that takes longer shows how far it is."""


class Player:
    """Playback of one source.

    Args:
        source: Opened on this thread.
        transport: What the user asks.
        deliver: Takes each frame at its time.
        on_ended: Called at the end, with playback paused.
    """

    def __init__(
        self,
        source: SeekableSource,
        transport: Transport,
        deliver: Callable[[Frame], None],
        on_ended: Callable[[], None],
    ) -> None:
        self._source = source
        self._transport = transport
        self._deliver = deliver
        self._on_ended = on_ended
        self._clock = PlaybackClock()
        self._ahead: Frame | None = None  # read, but not shown yet
        self._position_s = Fraction(0)
        self._at_end = False
        self._played = False
        self._jumps = 0
        fps = source.info.fps
        self._period_ns = int((1 / fps if fps else _DEFAULT_PERIOD_S) * 1_000_000_000)

    def play(self, stop: threading.Event) -> None:
        """Play until ``stop``. The first frame is shown even when paused."""
        self._show(self._source.read())
        while not stop.is_set():
            command = self._transport.take_command()
            if command is not None:
                self._obey(command, stop)
            elif self._transport.paused:
                self._clock.restart()
                self._transport.wait_command()
            elif self._at_end:
                self._go_to(Fraction(0))
            else:
                self._play_on()

    def _play_on(self) -> None:
        frame = self._read()
        if frame is None:
            self._end()
            return
        due_ns = self._clock.due_ns(frame.pts_s or Fraction(0), time.monotonic_ns())
        if self._transport.wait_turn(due_ns):
            self._show(frame)
        else:
            self._ahead = frame

    def _end(self) -> None:
        if self._transport.loop and self._played:
            self._played = False  # a file that gives nothing any more must not be begun for ever
            self._clock.restart(self._period_ns)  # nor one of a single frame be shown as fast as it can be read
            self._jumps += 1
            self._source.seek(Fraction(0))
            return
        self._at_end = True
        self._transport.set_paused(True)
        self._on_ended()

    def _obey(self, command: PlaybackCommand, stop: threading.Event) -> None:
        self._clock.restart()
        if command.seek is not None:
            self._go_to(command.seek)
        elif command.steps > 0:
            self._forward(command.steps, stop)
        else:
            self._back(-command.steps, stop)

    def _go_to(self, pts_s: Fraction) -> None:
        """Frames on the way are shown where it is long, and where another place is asked for meanwhile."""
        self._ahead = None
        self._jumps += 1
        while not self._source.seek(pts_s, self._long_since(time.monotonic_ns())):
            self._show(self._source.read())
            self._jumps += 1
            if self._transport.superseded:
                return
        self._clock.restart()
        self._show(self._source.read())

    def _long_since(self, begun_ns: int) -> Callable[[], bool]:
        """Asked on the way to a place: whether to show how far it is, or to leave it for another place."""
        return lambda: self._transport.superseded or time.monotonic_ns() - begun_ns > _ON_THE_WAY_NS

    def _forward(self, steps: int, stop: threading.Event) -> None:
        frame: Frame | None = None
        for _ in range(steps):
            following = None if stop.is_set() else self._read()
            if following is None:
                break
            frame = following
        self._show(frame)

    def _back(self, steps: int, stop: threading.Event) -> None:
        self._ahead = None
        self._jumps += 1
        frame: Frame | None = None
        for _ in range(steps):
            if stop.is_set():
                break
            self._source.seek_before(self._position_s)
            frame = self._source.read()
            if frame is None or frame.pts_s is None:
                break
            self._position_s = frame.pts_s
        self._show(frame)

    def _read(self) -> Frame | None:
        frame, self._ahead = self._ahead, None
        return frame or self._source.read()

    def _show(self, frame: Frame | None) -> None:
        if frame is None:
            return
        self._at_end, self._played = False, True
        self._position_s = frame.pts_s or Fraction(0)
        # Its age counts from the moment it is due, not from when it was decoded ahead.
        now_ns = time.monotonic_ns()
        self._clock.shown(self._position_s, now_ns)
        self._deliver(replace(frame, captured_ns=now_ns, jumps=self._jumps))
