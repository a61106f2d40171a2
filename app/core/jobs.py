"""Background work with a state, progress and a result; it can be paused and cancelled at any time.

A ``Job`` starts no thread: whoever has one calls ``run`` on it. Everything else may be called from any thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, Literal, Protocol, TypeVar

from app.core.errors import ExplainedError

log = logging.getLogger(__name__)

JobState = Literal["waiting", "running", "paused", "done", "failed", "cancelled"]
ENDED: tuple[JobState, ...] = ("done", "failed", "cancelled")

P = TypeVar("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Work(Protocol[R_co]):
    """The work of a job; ``cancel``, ``pause`` and ``resume`` may be called from any thread."""

    def run(self) -> R_co: ...

    def cancel(self) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Job(Generic[P, R]):
    """One piece of work from waiting to its end; one that failed or was cancelled may be tried again.

    Args:
        name: For the log.
        make: Makes the work, on the thread that runs it; is given the function to tell progress to.
        cancelled_by: What the work raises when it was cancelled.
        on_change: Called after each change, one at a time and in order, under ``lock``: it must return soon.
        lock: Shared with whoever holds many jobs. Reentrant, as a signal handler may cancel while its very thread
            holds it.

    Attributes:
        state: Where it stands.
        begun: Whether a thread works on it, be it paused or not.
        progress: The newest.
        result: What came of it, once it is done.
        error: Why it failed, and what to do about that; None while it has not.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[Callable[[P], None]], Work[R]],
        cancelled_by: type[ExplainedError],
        on_change: Callable[[], None] = lambda: None,
        lock: threading.Condition | None = None,
    ) -> None:
        self._name = name
        self._make = make
        self._cancelled_by = cancelled_by
        self._on_change = on_change
        self._lock = lock or threading.Condition(threading.RLock())
        self._work: Work[R] | None = None
        self._cancel = self._hold = False  # asked for, perhaps while the work is still being made
        self.state: JobState = "waiting"
        self.begun = False
        self.progress: P | None = None
        self.result: R | None = None
        self.error: ExplainedError | None = None

    def pause(self) -> None:
        """Stand still soon, or do not begin, until ``resume``."""
        self._set_hold(True)

    def resume(self) -> None:
        """Go on, or wait to be begun again."""
        self._set_hold(False)

    def _set_hold(self, hold: bool) -> None:
        with self._lock:
            if self.state in ENDED or self._hold == hold:
                return
            self._hold = hold
            going: JobState = "running" if self.begun else "waiting"
            self._change("paused" if hold else going)
            if self._work is not None:
                (self._work.pause if hold else self._work.resume)()

    def cancel(self) -> None:
        """Give up: at once what was not begun, and soon what runs."""
        with self._lock:
            if self.state in ENDED:
                return
            self._cancel = True
            work = self._work
            if not self.begun:
                self._change("cancelled")
        if work is not None:
            work.cancel()

    def retry(self) -> None:
        """Wait again, after a failure or a cancel."""
        with self._lock:
            if self.state in ("failed", "cancelled"):
                self._cancel = self._hold = False
                self.progress = self.error = None
                self._change("waiting")

    def fail(self, error: ExplainedError) -> None:
        """End as failed without having begun."""
        self._end("failed", error)

    def begin(self) -> None:
        """Take it, so that nobody else does; ``run`` follows on this thread."""
        with self._lock:
            self.begun, self.progress = True, None
            self._change("running")

    def run(self) -> None:
        """Do the work on this thread, which took it; whatever its end is, it is told by ``state`` and not raised."""
        try:
            work = self._make(self._tell_progress)
            with self._lock:
                self._work = work
                if self._hold:
                    work.pause()
                if self._cancel:
                    work.cancel()
            result = work.run()
        except self._cancelled_by:
            self._end("cancelled")
        except ExplainedError as error:
            self._end("failed", error)
        except Exception as error:  # a bug of ours costs this job, not the others
            log.exception("%s broke down", self._name)
            self._end("failed", ExplainedError(f"It broke down: {error or type(error).__name__}."))
        else:
            with self._lock:
                self.result = result
                self._end("done")

    def _tell_progress(self, progress: P) -> None:
        with self._lock:
            self.progress = progress
            self._on_change()

    def _end(self, state: JobState, error: ExplainedError | None = None) -> None:
        with self._lock:
            self._work, self.begun, self.error = None, False, error
            self._change(state)

    def _change(self, state: JobState) -> None:
        self.state = state
        self._on_change()
