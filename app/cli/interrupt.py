"""Requests to end, during work that runs on other threads: they cancel it in good order.

Python runs signal handlers on the main thread alone, and between two of its instructions: not while that is deep in
native code, nor in a wait that went on because another thread took the signal. So the handlers do nothing, and
``ssdv-signals`` hears of signals by a socket. Of Ctrl-C an impatient third press ends the program.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

from app.core.signal_bytes import signals_written_to
from app.core.workers import Worker

log = logging.getLogger(__name__)

_PATIENCE = 3
_END_S = 5.0


@contextlib.contextmanager
def cancel_on_interrupt(cancel: Callable[[], None], *, terminate: bool = False) -> Iterator[None]:
    """Has SIGINT call ``cancel``, while inside, instead of raising in the middle of whatever runs.

    An exception out of a wait would leave threads inside native code behind, which then crash or hang the exit. Where
    SIGINT is ignored, it stays so.

    Args:
        cancel: Called on ``ssdv-signals``; returns at once.
        terminate: Whether SIGTERM does, too: ``kill``, a shutdown, a service's end, ``torchrun`` on Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    heard, told = socket.socketpair()
    listener = Worker("signals", lambda _stopping: _listen(heard, cancel, terminate), _broken)
    listener.start()
    try:
        with signals_written_to(told, (signal.SIGINT, signal.SIGTERM) if terminate else (signal.SIGINT,)):
            yield
    finally:
        told.close()
        listener.join(_END_S)
        heard.close()


def _listen(heard: socket.socket, cancel: Callable[[], None], terminate: bool) -> None:
    presses = 0
    while told := heard.recv(1):
        if told[0] == signal.SIGINT:
            presses += 1
            if presses >= _PATIENCE:
                os._exit(130)
            cancel()
        elif terminate and told[0] == signal.SIGTERM:
            cancel()


def _broken(error: BaseException) -> None:
    log.error("a request to end came to nothing", exc_info=error)
