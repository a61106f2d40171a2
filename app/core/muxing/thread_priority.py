"""Keeps encoders from running at real-time priority.

SVT-AV1, where the program runs as root (in most containers it does), moves the thread that opens it and all of its own
to SCHED_FIFO at the highest priority. Two of them then keep everything else on the computer from running, the display
server included, and whatever the thread starts later inherits it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_THREADS = Path("/proc/self/task")
_log = logging.getLogger(__name__)


@contextlib.contextmanager
def usual_priority() -> Iterator[None]:
    """Leaves the calling thread as it was, and threads that were started meanwhile as ordinary ones."""
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    before = _threads()
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, parameters)
            for thread in _threads() - before:
                _set_usual(thread)


def _threads() -> set[int]:
    with contextlib.suppress(OSError):
        return {int(task.name) for task in _THREADS.iterdir()}
    return set()


def _set_usual(thread: int) -> None:
    try:
        if os.sched_getscheduler(thread) == os.SCHED_FIFO:
            os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
    except OSError as error:  # it has ended meanwhile
        _log.debug("the priority of thread %d stays: %s", thread, error)
