"""Ctrl-C in the terminal, and a polite end by the system, close the window. GUI thread.

Python runs its signal handlers between two of its own instructions: none while Qt waits, but in the midst of a layout
or a paint, where closing the window destroys what Qt goes on to use. So the handler does nothing, and the signal's
number comes by a socket that Qt's loop listens to.
"""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType

from PySide6.QtCore import QSocketNotifier

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_UNTOUCHED = (signal.default_int_handler, signal.SIG_DFL)


@contextlib.contextmanager
def closing_on_interrupt(close: Callable[[int], None]) -> Iterator[None]:
    """While inside, SIGINT and SIGTERM call ``close(number)``, unless somebody else handles or ignores them.

    Args:
        close: Called in the GUI thread, by its event loop.
    """
    heard, told = socket.socketpair()
    heard.setblocking(False)
    told.setblocking(False)
    ours = [number for number in _SIGNALS if signal.getsignal(number) in _UNTOUCHED]

    def read_on() -> None:
        with contextlib.suppress(BlockingIOError):
            for number in heard.recv(64):  # a byte each: Python writes the signals' numbers
                if number in ours:  # others that are handled elsewhere wake as well
                    close(number)

    def leave_it_to_the_loop(_number: int, _frame: FrameType | None) -> None:
        pass

    listener = QSocketNotifier(heard.fileno(), QSocketNotifier.Type.Read)
    listener.activated.connect(read_on)
    wakeup = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, leave_it_to_the_loop) for number in ours}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        listener.setEnabled(False)
        heard.close()
        told.close()
