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

from PySide6.QtCore import QSocketNotifier

from app.core.signal_bytes import signals_written_to

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
    ours = [number for number in _SIGNALS if signal.getsignal(number) in _UNTOUCHED]

    def read_on() -> None:
        with contextlib.suppress(BlockingIOError):
            for number in heard.recv(64):
                if number in ours:  # others that are handled elsewhere wake as well
                    close(number)

    listener = QSocketNotifier(heard.fileno(), QSocketNotifier.Type.Read)
    listener.activated.connect(read_on)
    try:
        with signals_written_to(told, ours):
            yield
    finally:
        listener.setEnabled(False)
        heard.close()
        told.close()
