"""Keeps one source going: opens it, watches it, opens it again after a loss.

Two threads. ``ssdv-capture`` opens, reads and closes the source, and may be stuck in a driver at any time.
``ssdv-source`` watches it by the clock, gives it up when it is silent for too long, and starts the next attempt; so a
camera that never returns from ``read()`` costs one abandoned thread and nothing else.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from fractions import Fraction

from app.core.errors import AppError, ExplainedError
from app.core.live.attempt import Attempt, CaptureListener, SourceFactory
from app.core.live.transport import Transport
from app.core.logs import log_hint
from app.core.sources.base import CAMERA, SourceLostError, SourceOptions
from app.core.sources.replays import ReplayFilter
from app.core.sources.uri import kind_by_name, shown_name
from app.core.workers import Worker, join_all

log = logging.getLogger(__name__)

BACK_OFF_S = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 15.0, 30.0, 60.0)
_STEADY_S = 10.0
"""What was lost sooner than this after it opened is looked for less and less often, as what does not open."""
_LET_GO_S = 3.0

# Cameras told to stop that may still hold their device. A device belongs to the whole process, whichever session
# opened it, so the next camera waits for these to let go; one that is stuck is waited for once.
_leaving: list[CaptureStage] = []
_leaving_lock = threading.Lock()


class CaptureStage:
    """A source from start to stop.

    Args:
        uri: What to open.
        options: What to ask of it, and its deadlines.
        listener: Told what happens.
        source_factory: Opens it.
    """

    def __init__(
        self,
        uri: str,
        options: SourceOptions,
        listener: CaptureListener,
        source_factory: SourceFactory,
    ) -> None:
        self._listener = listener
        self._source_factory = source_factory
        self.transport = Transport(options.loop)
        self._uri = uri
        # Across reconnections, so that what a server repeats is not taken for live.
        self._options = replace(options, replays=ReplayFilter())
        self._attempt: Attempt | None = None
        self._lock = threading.Lock()
        self._worker = Worker("source", self._watch, self._broken)

    def start(self) -> None:
        """Begin; what happens is told to the listener."""
        self._worker.start()

    def stop(self) -> None:
        """Ask everything to end; returns at once."""
        self._worker.stop()
        if self._uri.startswith(CAMERA):
            with _leaving_lock:
                _leaving.append(self)
        with self._lock:
            if self._attempt is not None:
                self._attempt.give_up()
        self.transport.close()

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The threads, in the order to join them."""
        with self._lock:
            return (self._worker, *([self._attempt.worker] if self._attempt is not None else []))

    def _watch(self, stop: threading.Event) -> None:
        if self._uri.startswith(CAMERA):
            _wait_for_devices()
        uri, index, failures, was_open = self._uri, 0, 0, False
        while not stop.is_set():
            attempt = self._begin(uri, index, stop)
            if attempt is None:
                return
            error = self._follow(attempt)
            if attempt.tap is not None:
                attempt.tap.ended()
            if stop.is_set() or error is None:
                return
            live = attempt.info is not None and not attempt.paced
            was_open = was_open or live
            if not was_open or (attempt.info is not None and attempt.paced):
                self._listener.failed(error)
                return
            if live:
                self._listener.lost(error)
                if attempt.last_ns - attempt.opened_ns >= _STEADY_S * 1e9:
                    failures = 0
            uri, index = attempt.reopen_uri, attempt.next_index
            stop.wait(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
            failures += 1

    def _begin(self, uri: str, first_index: int, stop: threading.Event) -> Attempt | None:
        attempt = Attempt(uri, self._options, self._source_factory, self._listener, self.transport, first_index)
        with self._lock:
            if stop.is_set():
                return None
            self._attempt = attempt
            attempt.worker.start()
        return attempt

    def _follow(self, attempt: Attempt) -> ExplainedError | None:
        """Until the attempt is over; why, in plain words, or None when it was told to stop."""

        def quiet_s() -> float | None:
            if attempt.info is None:
                return self._options.open_timeout_s
            return None if attempt.paced or attempt.at_end else attempt.stall_s

        if attempt.wait(quiet_s):
            error = _explain(attempt.error, self._uri)
            _forget_frames(attempt.error)
            return error
        attempt.give_up()
        log.info("%s is silent: given up", shown_name(self._uri))
        name = attempt.info.name if attempt.info is not None else shown_name(self._uri)
        if attempt.info is None:
            return AppError(
                f"{name} does not answer; another program may be using it.", "Check it and choose it again."
            )
        why = "Is it still sending?" if kind_by_name(self._uri) == "stream" else "Was it unplugged?"
        return SourceLostError(f"{name} stopped sending video.", f"{why} Reconnecting…")

    def _broken(self, error: BaseException) -> None:
        log.error("the watch over a source failed", exc_info=error)
        self._listener.failed(AppError("The source failed because of a fault in this program.", log_hint()))


def _wait_for_devices() -> None:
    with _leaving_lock:
        before, _leaving[:] = list(_leaving), []
    join_all([worker for stage in before for worker in stage.workers], _LET_GO_S)


def _explain(error: BaseException | None, uri: str) -> ExplainedError | None:
    if error is None or isinstance(error, ExplainedError):
        return error
    log.error("reading %s failed", shown_name(uri), exc_info=error)
    kind = "The memory ran out" if isinstance(error, MemoryError) else f"{type(error).__name__}"
    return AppError(f"{shown_name(uri)} cannot be read: {kind}.", log_hint())


def _forget_frames(error: BaseException | None) -> None:
    """Lets go of what the functions held that an error went through: the whole source, until garbage is collected."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def seconds(pts_s: Fraction | float) -> Fraction:
    """Any number of seconds as the exact time that files are addressed by."""
    return pts_s if isinstance(pts_s, Fraction) else Fraction(pts_s).limit_denominator(1_000_000)
