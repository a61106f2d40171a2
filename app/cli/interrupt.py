"""Requests to end, during work that runs on other threads: they cancel it in good order.

Of Ctrl-C an impatient third press ends the program.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_PATIENCE = 3


@contextlib.contextmanager
def cancel_on_interrupt(cancel: Callable[[], None]) -> Iterator[None]:
    """Has SIGINT call ``cancel``, while inside, instead of raising in the middle of whatever runs.

    An exception out of a wait would leave threads inside native code behind, which then crash or hang the exit.
    """
    presses = 0

    def pressed(_signal: int, _frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses >= _PATIENCE:
            os._exit(130)
        cancel()

    with _handled_by(signal.SIGINT, pressed):
        yield


@contextlib.contextmanager
def cancel_on_terminate(cancel: Callable[[], None]) -> Iterator[None]:
    """Has SIGTERM call ``cancel``, while inside: from ``kill``, a shutdown, a service's end, ``torchrun`` on Ctrl-C."""

    def told(_signal: int, _frame: FrameType | None) -> None:
        cancel()

    with _handled_by(signal.SIGTERM, told):
        yield


@contextlib.contextmanager
def _handled_by(number: signal.Signals, handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Has ``handler`` called at a signal, while inside; does nothing off the main thread, whose signals they are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
