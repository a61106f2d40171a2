"""Ctrl-C in the terminal, and a polite end by the system, close the window. GUI thread.

Python runs its signal handlers between two of its own instructions, and Qt waits in none of them. So the signal also
writes to a socket that Qt listens to, which brings Python back to life.
"""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType

from PySide6.QtCore import QObject, QSocketNotifier

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_UNTOUCHED = (signal.default_int_handler, signal.SIG_DFL)


@contextlib.contextmanager
def closing_on_interrupt(close: Callable[[int], None], owner: QObject) -> Iterator[None]:
    """While inside, SIGINT and SIGTERM call ``close(number)``, unless somebody else handles or ignores them.

    Args:
        close: Called in the GUI thread.
        owner: Parent of the listener.
    """
    heard, told = socket.socketpair()
    heard.setblocking(False)
    told.setblocking(False)

    def read_on() -> None:
        with contextlib.suppress(BlockingIOError):
            heard.recv(64)

    def asked(number: int, _frame: FrameType | None) -> None:
        close(number)

    listener = QSocketNotifier(heard.fileno(), QSocketNotifier.Type.Read, owner)
    listener.activated.connect(read_on)
    wakeup = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, asked) for number in _SIGNALS if signal.getsignal(number) in _UNTOUCHED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        listener.setEnabled(False)
        heard.close()
        told.close()
