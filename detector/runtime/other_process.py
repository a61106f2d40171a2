"""Work done by another process of this program, so that what it loads and locks does not touch this one.

Used by the thread that waits. Messages come back through a pipe: any number of reports, then the answer or what failed.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from detector.errors import DetectorError, Remedy

_LOOK_S = 0.2  # between two looks at whether somebody wants to stop


class WorkStoppedError(DetectorError):
    """Somebody asked to stop."""


class WorkDiedError(DetectorError):
    """The other process ended without an answer.

    Attributes:
        exit_code: As Python tells it: 1 after an exception that nobody caught, negative after a signal.
    """

    def __init__(self, message: str, hint: str, exit_code: int | None) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


class WorkTookTooLongError(DetectorError):
    """The other process was ended because its answer did not come in time."""


class Messages:
    """The other process's end."""

    def __init__(self, sender: Connection) -> None:
        self._sender = sender

    def report(self, *words: Any) -> None:
        """Tell how far the work is."""
        self._sender.send(("report", words))

    def answer(self, result: Any) -> None:
        """The work is done."""
        self._sender.send(("answer", result))

    def fail(self, message: str, hint: str = "", *remedies: Remedy) -> None:
        """The work cannot be done: as ``DetectorError``."""
        self._sender.send(("failed", (message, hint, *remedies)))


def call_elsewhere(
    work: Callable[..., None],
    arguments: tuple[Any, ...],
    *,
    name: str,
    died: str,
    on_report: Callable[..., None] = lambda *_words: None,
    stop: threading.Event | None = None,
    limit_s: float | None = None,
) -> Any:
    """Call ``work(*arguments, messages)`` in a process of its own and wait for its answer.

    Args:
        work: A function of a module; answers or fails through its ``Messages``.
        arguments: Travel to the other process.
        name: Of the process.
        died: What to say when it ends without a word, which is mostly for want of memory.
        on_report: Called on this thread with each report.
        stop: Set from anywhere to end the other process.
        limit_s: Longest time until the answer; None for no limit.

    Raises:
        DetectorError: The work failed.
        WorkDiedError: The process died.
        WorkTookTooLongError: It took longer than ``limit_s``.
        WorkStoppedError: ``stop`` was set.
    """
    # Spawned, not forked: the window's threads and locks must not be copied.
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(work, arguments, sender), name=name, daemon=True)
    with interrupts_kept_off():
        process.start()
    sender.close()  # the child's end is then the only one, so its death ends the wait
    try:
        return _wait(receiver, on_report, stop, math.inf if limit_s is None else time.monotonic() + limit_s)
    except EOFError:
        process.join()
        raise WorkDiedError(died, "Close other programs to free memory.", process.exitcode) from None
    except TimeoutError:
        process.kill()
        raise WorkTookTooLongError(f"{name} had no answer after {limit_s:g} seconds.") from None
    except BaseException:
        process.kill()
        raise
    finally:
        receiver.close()
        process.join()


def _wait(receiver: Connection, on_report: Callable[..., None], stop: threading.Event | None, until: float) -> Any:
    """``until``: when patience ends, by the monotonic clock; ``TimeoutError`` then."""
    while True:
        while (stop is not None or until < math.inf) and not receiver.poll(_LOOK_S):
            if stop is not None and stop.is_set():
                raise WorkStoppedError("It was stopped.")
            if time.monotonic() > until:
                raise TimeoutError
        kind, content = receiver.recv()
        if kind == "report":
            on_report(*content)
        elif kind == "failed":
            raise DetectorError(*content)
        else:
            return content


def is_other_process() -> bool:
    """Returns whether this is a process that ``call_elsewhere`` started: its death ends nothing else."""
    return multiprocessing.parent_process() is not None


def _work(work: Callable[..., None], arguments: tuple[Any, ...], sender: Connection) -> None:
    threading.Thread(target=_end_with_parent, name="ssdv-parent", daemon=True).start()
    messages = Messages(sender)
    try:
        work(*arguments, messages)
    except DetectorError as error:
        messages.fail(error.message, error.hint, *error.remedies)


def _end_with_parent() -> None:
    """Nobody waits for the answer any more once the parent was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # only ever called in a child
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def interrupts_kept_off() -> Iterator[None]:
    """Ctrl-C goes to every process on the terminal; one started in here leaves it to its parent, which ends it.

    It would answer with a traceback otherwise, even before any code of ours runs in it.
    """
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # now, because starting it undoes the blocking
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by what this thread starts
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
