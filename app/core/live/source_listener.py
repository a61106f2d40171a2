"""What one capture stage says, passed to the session: frames once it is the present one, everything else at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from app.core.errors import ExplainedError
from app.core.frames import Frame, SourceInfo
from app.core.live.events import Ended, LiveEvent, LiveState, SourceNote, SourceTrouble
from app.core.live.route import Route
from app.core.stats import StatsRecorder


@dataclass(frozen=True, slots=True)
class SessionSide:
    """The calls by which the session hears of a source; each is told which listener speaks.

    Attributes:
        opened: The source is open, and so its first frame is numbered.
        failed: It ends with an error, and is not tried again.
        say: An event, and the state it leads to, None for the same.
    """

    opened: Callable[[SourceListener, SourceInfo, int], None]
    failed: Callable[[SourceListener, ExplainedError], None]
    say: Callable[[SourceListener, LiveEvent, LiveState | None], None]


class SourceListener:
    """A ``CaptureListener`` for one capture stage, on its two threads.

    Args:
        session: Told what happens.
    """

    def __init__(self, session: SessionSide) -> None:
        self._session = session
        self._attached: tuple[Route, StatsRecorder, int] | None = None

    def attach(self, route: Route, stats: StatsRecorder) -> None:
        """Deliver frames from now on: the source is the session's present one."""
        self._attached = route, stats, route.begin()

    @property
    def is_present(self) -> bool:
        """Returns whether the source is the session's present one."""
        return self._attached is not None and self._attached[0].epoch == self._attached[2]

    def frame(self, frame: Frame) -> None:
        if self._attached is not None:
            route, stats, epoch = self._attached
            if route.deliver(epoch, frame):
                stats.captured(time.monotonic_ns())

    def opened(self, info: SourceInfo, first_index: int) -> None:
        self._session.opened(self, info, first_index)

    def lost(self, error: ExplainedError) -> None:
        self._session.say(self, SourceTrouble(error.message, error.hint, True, error), LiveState.STALLED)

    def note(self, message: str) -> None:
        self._session.say(self, SourceNote(message), None)

    def ended(self) -> None:
        self._session.say(self, Ended(), LiveState.PAUSED)

    def failed(self, error: ExplainedError) -> None:
        self._session.failed(self, error)
