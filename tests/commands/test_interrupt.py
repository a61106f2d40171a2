"""Requests to end reach the work wherever the signal is taken, and an impatient third press ends the program."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.cli.interrupt import cancel_on_interrupt

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals to threads")

_PRESSED_THRICE = """
import os, signal, sys, threading
from app.cli.interrupt import cancel_on_interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)
with cancel_on_interrupt(lambda: print("cancelled", flush=True)):
    print("begun", flush=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # for the main thread, which hangs as native code may
    while sys.stdin.read(1):
        pass
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_another_thread_takes_cancels(number: int) -> None:
    cancelled, over = threading.Event(), threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    before = signal.getsignal(number)
    try:
        with cancel_on_interrupt(cancelled.set, terminate=True):
            assert other.ident is not None
            signal.pthread_kill(other.ident, number)
            assert cancelled.wait(60)
    finally:
        over.set()
        other.join()
    assert signal.getsignal(number) is before


def test_what_was_sent_before_the_end_is_heard() -> None:
    cancelled = threading.Event()
    with cancel_on_interrupt(cancelled.set):
        signal.raise_signal(signal.SIGINT)
    assert cancelled.is_set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_ignored_stays_ignored(number: int) -> None:
    cancelled = threading.Event()
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with cancel_on_interrupt(cancelled.set, terminate=True):
            signal.raise_signal(number)
            assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)
    assert not cancelled.is_set()  # what was sent inside has been heard by now


def test_sigterm_is_left_alone_unless_asked_for() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with cancel_on_interrupt(lambda: None):
        assert signal.getsignal(signal.SIGTERM) is before


def test_a_third_press_ends_the_program_whatever_the_main_thread_does(repository: Path) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", _PRESSED_THRICE]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=repository) as process:
        assert process.stdout is not None
        said = iter(process.stdout.readline, "")
        assert next(said) == "begun\n"
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            assert next(said) == "cancelled\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
