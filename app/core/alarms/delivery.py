"""Sends alarms beside what is watched, which never waits for them: one ``ssdv-alarm-N`` for each way to tell.

Messages wait in line; one that fails is tried again, less and less often, and given up after some minutes. Of more
events than a person can want in a short time some are left out, each from its beginning to its clip.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from app.core.alarms.actions import Action, AlarmError
from app.core.alarms.message import BEGAN, ENDED, READY, AlarmMessage
from app.core.workers import Worker, join_all

log = logging.getLogger(__name__)

BACK_OFF_S = (1.0, 5.0, 30.0, 120.0)
_MAX_WAITING = 100
_BURST, _EVERY_S = 30, 2.0
_EVENTS_KEPT = 1000


class RateLimit:
    """Lets ``burst`` through at once, and then one every ``every_s``. Pure: it is told the time.

    Args:
        burst: How many.
        every_s: Seconds.
    """

    def __init__(self, burst: int = _BURST, every_s: float = _EVERY_S) -> None:
        self._burst, self._every_s = burst, every_s
        self._left = float(burst)
        self._asked_s: float | None = None

    def allows(self, now_s: float) -> bool:
        """Returns whether one more may go; if so, it counts."""
        self._refill(now_s)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def is_rested(self, now_s: float) -> bool:
        """Returns whether a whole burst may go again."""
        self._refill(now_s)
        return self._left >= self._burst

    def _refill(self, now_s: float) -> None:
        if self._asked_s is not None:
            self._left = min(self._burst, self._left + (now_s - self._asked_s) / self._every_s)
        self._asked_s = now_s


class _ToldEvents:
    """The events that one way was told of: those that go on, and the newest of those that are over."""

    def __init__(self) -> None:
        self._going: set[object] = set()
        self._over: deque[object] = deque(maxlen=_EVENTS_KEPT)

    def add(self, message: AlarmMessage) -> None:
        """Takes the beginning of an event."""
        self._going.add(message.event)

    def include(self, message: AlarmMessage) -> bool:
        """Returns whether this follows a beginning that was told."""
        if message.moment == ENDED and message.event in self._going:
            self._going.discard(message.event)
            self._over.append(message.event)
        return message.event in self._going or message.event in self._over


class Delivery:
    """All ways to tell.

    Args:
        actions: The ways.
        say: Told in one line what failed, on a delivery thread; returns at once.
        back_off_s: How long to wait before each further try.
    """

    def __init__(
        self, actions: Sequence[Action], say: Callable[[str], None], back_off_s: Sequence[float] = BACK_OFF_S
    ) -> None:
        self._outboxes = [_Outbox(action, number, say, back_off_s) for number, action in enumerate(actions, 1)]

    def send(self, message: AlarmMessage) -> None:
        """Tells it in every way that wants it; returns at once."""
        for outbox in self._outboxes:
            outbox.put(message)

    def close(self, deadline_s: float) -> bool:
        """Sends what waits, without trying anything twice; True when that was done within ``deadline_s``."""
        for outbox in self._outboxes:
            outbox.close()
        return not join_all([outbox.worker for outbox in self._outboxes], deadline_s)


class _Outbox:
    """Messages that wait for one action."""

    def __init__(self, action: Action, number: int, say: Callable[[str], None], back_off_s: Sequence[float]) -> None:
        self._action = action
        self._say = say
        self._back_off_s = back_off_s
        self._limit = RateLimit()
        self._waiting: deque[AlarmMessage] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._events = _ToldEvents()
        self._told_overload = False
        self._told_failure = ""
        self.worker = Worker(f"alarm-{number}", self._run, self._broken)
        self.worker.start()

    def put(self, message: AlarmMessage) -> None:
        if message.ways is not None and self._action.key not in message.ways:
            return
        with self._changed:
            if self._is_told(message) and self._action.wants(message):
                self._waiting.append(message)
                self._changed.notify_all()

    def _is_told(self, message: AlarmMessage) -> bool:
        """Decides when an event begins; what follows shares its fate, or a state that was told would never end."""
        if message.moment != BEGAN:
            return message.moment == READY or self._events.include(message)
        now_s = time.monotonic()
        if not self._waiting and self._limit.is_rested(now_s):
            self._told_overload = False
        if len(self._waiting) < _MAX_WAITING and self._limit.allows(now_s):
            self._events.add(message)
            return True
        if not self._told_overload:
            self._told_overload = True
            self._say(f"{self._action.name} is told only some of the events: there are too many.")
        return False

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self, _stopping: threading.Event) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                message = self._waiting.popleft()
            self._send(message)

    def _send(self, message: AlarmMessage) -> None:
        for pause_s in (*self._back_off_s, None):
            try:
                self._action.send(message)
            except AlarmError as error:
                if error.message != self._told_failure:  # one line, not one for each try
                    self._told_failure = error.message
                    self._say(error.message)
                if pause_s is None or not error.may_try_again or not self._paused(pause_s):
                    return
            else:
                if self._told_failure:
                    self._told_failure = ""
                    self._say(f"{self._action.name} takes events again.")
                return

    def _paused(self, seconds: float) -> bool:
        """Waits; False where everything is to end instead."""
        with self._changed:
            return not self._changed.wait_for(lambda: self._closed, seconds)

    def _broken(self, error: BaseException) -> None:
        log.error("sending alarms failed", exc_info=error)
        self._say(f"{self._action.name} is told nothing any more, because of a fault in this program.")
