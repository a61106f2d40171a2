"""One opening of a source, on ``ssdv-capture``, which may be stuck in a driver at any time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from app.core.errors import ExplainedError
from app.core.frames import LIVE_KINDS, Frame, SourceInfo
from app.core.live.attempt_tap import AttemptTap
from app.core.live.player import Player
from app.core.live.transport import Transport
from app.core.sources.base import SeekableSource, Source, SourceLostError, SourceOptions, UnevenSource
from app.core.workers import Worker

log = logging.getLogger(__name__)

SourceFactory = Callable[[str, SourceOptions], Source]

_OWN_WORDS_S = 1.0
"""A stream notices its silence itself, and says more of it; only one that is stuck is given up from outside."""


class CaptureListener(Protocol):
    """Told what happens, on the two threads. ``frame`` is called for every frame and returns at once."""

    def frame(self, frame: Frame) -> None: ...
    def opened(self, info: SourceInfo, first_index: int) -> None: ...
    def lost(self, error: ExplainedError) -> None: ...
    def note(self, message: str) -> None: ...
    def ended(self) -> None: ...
    def failed(self, error: ExplainedError) -> None: ...


class Attempt:
    """One opening of the source and all its reading, on its own thread, until an error or until it is given up.

    Args:
        uri: What to open.
        options: What to ask of it.
        open_source: Opens it.
        listener: Told what happens.
        transport: Says what a file is to show.
        first_index: Of the first frame of a live source.

    Attributes:
        error: Why it is over; None before that, and where it was told to stop.
        info: What was opened; None before that.
        reopen_uri: What to open after a loss.
        paced: Whether it may be silent for as long as it likes, as a file is.
        next_index: Of the next frame of a live source.
        at_end: Whether a stream has announced its end.
        stall_s: Silence that is a loss, seconds.
        last_ns: When it last gave a sign.
        opened_ns: When it was open.
    """

    def __init__(
        self,
        uri: str,
        options: SourceOptions,
        open_source: SourceFactory,
        listener: CaptureListener,
        transport: Transport,
        first_index: int,
    ) -> None:
        self._uri = uri
        self._options = options
        self._open_source = open_source
        self._listener = listener
        self._transport = transport
        self._changed = threading.Condition()
        self._finished = False
        self.error: BaseException | None = None
        self.info: SourceInfo | None = None
        self.reopen_uri = uri
        self.paced = False
        self.next_index = first_index
        self.at_end = False
        self.stall_s = options.stall_s
        self.last_ns = self.opened_ns = time.monotonic_ns()
        self.worker = Worker("capture", self._run, self._fail)
        self.tap = AttemptTap(options.tap, self.worker.stopping) if options.tap is not None else None

    def wait(self, quiet_s: Callable[[], float | None]) -> bool:
        """Until the attempt has finished (True) or gave no sign for ``quiet_s()`` seconds (False)."""
        with self._changed:
            while not self._finished:
                limit_s = quiet_s()
                left_s = None if limit_s is None else limit_s - (time.monotonic_ns() - self.last_ns) / 1e9
                if left_s is not None and left_s <= 0:
                    return False
                self._changed.wait(left_s)
            return True

    def give_up(self) -> None:
        """Stop, without waiting."""
        self.worker.stop()
        self._finish()

    def _run(self, stop: threading.Event) -> None:
        source = self._open_source(self._uri, replace(self._options, tap=self.tap))
        try:
            if not stop.is_set():
                self._read(source, stop)
        finally:
            source.close()
            log.debug("%s closed", source.info.name)
        self._finish()

    def _read(self, source: Source, stop: threading.Event) -> None:
        self.reopen_uri = source.reopen_uri
        self.paced = isinstance(source, SeekableSource)
        with self._changed:
            if isinstance(source, UnevenSource):
                self.stall_s = source.stall_s + _OWN_WORDS_S
            self.last_ns = self.opened_ns = time.monotonic_ns()
            self.info = source.info
            self._changed.notify_all()  # other deadlines apply now
        if source.info.kind == "folder":
            self._transport.set_paused(True)  # photos are leafed through, not played
        listener = self._listener
        listener.opened(source.info, self.next_index)
        self._pass_notes(source)

        live = source.info.kind in LIVE_KINDS

        def deliver(frame: Frame) -> None:
            self.last_ns = time.monotonic_ns()
            if self.tap is not None and not live:
                self.tap.frame(frame)
            if not stop.is_set():
                listener.frame(frame)
                self._pass_notes(source)

        if isinstance(source, SeekableSource):
            Player(source, self._transport, deliver, listener.ended).play(stop)
            return
        uneven = source if isinstance(source, UnevenSource) else None
        while not stop.is_set():
            frame = source.read()
            if frame is None and live:
                self._end(source, stop)
                return
            if frame is None:  # a single image: it stays
                self.paced = True
                stop.wait()
                return
            if live:
                frame = replace(frame, index=self.next_index)  # goes on counting after a reconnect
                self.next_index += 1
                if self.tap is not None:
                    self.tap.frame(frame)
            if uneven is not None:
                frame = self._held(frame, uneven, stop)
            if live and self._transport.paused:
                self.last_ns = time.monotonic_ns()  # read on, so that the next one shown is fresh
                continue
            deliver(frame)

    def _held(self, frame: Frame, source: UnevenSource, stop: threading.Event) -> Frame:
        """Waits until it is the frame's turn; its age then counts from when the newest of its piece came."""
        self.last_ns = time.monotonic_ns()
        if source.hold_s > 0:
            stop.wait(source.hold_s)
        if source.delay_s > 0:
            return replace(frame, captured_ns=time.monotonic_ns() - int(source.delay_s * 1e9))
        return frame

    def _end(self, source: Source, stop: threading.Event) -> None:
        """A stream has come to the end it announced: its last frame stays until the user wants to go on."""
        with self._changed:
            self.at_end = True
            self._changed.notify_all()
        self._transport.set_paused(True)
        self._listener.ended()
        self._transport.wait_command()
        if not stop.is_set():
            raise SourceLostError(f"{source.info.name} has ended.", "Looking whether it goes on…")

    def _pass_notes(self, source: Source) -> None:
        for note in source.take_notes():
            self._listener.note(note)

    def _fail(self, error: BaseException) -> None:
        self.error = error
        self._finish()

    def _finish(self) -> None:
        with self._changed:
            self._finished = True
            self._changed.notify_all()
