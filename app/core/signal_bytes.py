"""Signals as bytes on a socket, for whoever must not be interrupted in the middle of something. Main thread."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterable, Iterator
from types import FrameType


@contextlib.contextmanager
def signals_written_to(place: socket.socket, numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """While inside, these signals do nothing but write their numbers to ``place``, a byte each.

    Those that are ignored stay so: whoever started the program (``nohup``, a script with ``&``) wants it to go on.

    Args:
        place: Is written to by Python, without waiting. Signals that are handled elsewhere write there, too.
        numbers: Which signals.
    """
    ours = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    place.setblocking(False)
    wakeup = signal.set_wakeup_fd(place.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, _leave_it_to_the_reader) for number in ours}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)


def _leave_it_to_the_reader(_number: int, _frame: FrameType | None) -> None:
    """Does nothing: the number has been written by then."""
