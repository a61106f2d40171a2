"""Rules for every test: no leaked thread, no unexpected warning, no touch of the user's folders, no deadline."""

from __future__ import annotations

import faulthandler
import gc
import itertools
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key  # public nowhere
from pytestqt.qtbot import QtBot

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Torch's threads wait for each other asleep: awake, they take half the time of a computer that does other things too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# An example may take as long as a busy machine makes it: how long is measured elsewhere, never asserted.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

# What a window does comes when the computer gets to it; pytest-qt would give up after five seconds.
for _wait in (QtBot.waitUntil, QtBot.waitSignal, QtBot.waitExposed):
    _wait.__kwdefaults__["timeout"] = 60_000

_TESTS = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _no_collection_on_other_threads() -> Iterator[None]:
    """Python collects cycles on whichever thread allocates. What is left of a closed window must end on this one.

    A worker that destroys its objects waits for the interpreter with Qt's lock in hand, and this thread, which
    destroys others meanwhile, the other way round.
    """
    gc.disable()
    gc.collect()
    gc.freeze()  # modules and tests are no garbage; looking through them after every few tests takes a minute in all
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "unfreeze", lambda: None)  # which the program calls when its window is closed
        yield
    gc.unfreeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _interrupted_as_in_a_terminal() -> Iterator[None]:
    """What a script starts with ``&`` ignores SIGINT, and so does all that it starts; tests send it."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _collected_now_and_then() -> Iterator[None]:
    yield
    assert not gc.isenabled()
    if next(_TESTS) % 25 == 0:
        gc.collect()


@pytest.fixture(autouse=True)
def _crashes_are_shown(request: pytest.FixtureRequest) -> Iterator[None]:
    """The program's own crash file takes over Python's crash report, and at its end leaves it to a captured stderr."""
    yield
    faulthandler.enable(request.config.stash[fault_handler_stderr_fd_key])


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, models, caches and output go to a throw-away home."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))


@pytest.fixture(autouse=True)
def _usual_priority() -> Iterator[None]:
    """No test leaves this thread at real-time priority, where the rest of the suite would starve the computer."""
    yield
    if sys.platform == "linux":
        assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.fixture(autouse=True)
def _no_leaked_workers() -> Iterator[None]:
    """Threads of ours end with the test that started them."""
    before = set(threading.enumerate())
    yield
    leaked = [t for t in threading.enumerate() if t.name.startswith("ssdv-") and t not in before]
    deadline = time.monotonic() + 30.0
    for thread in leaked:
        thread.join(max(0.0, deadline - time.monotonic()))
    alive = [t.name for t in leaked if t.is_alive()]
    assert not alive, f"threads still running: {alive}"


@pytest.fixture(autouse=True)
def _quiet_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """A record of WARNING or worse from our code fails the test unless it is marked as expected."""
    records: list[logging.LogRecord] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler = Collect(level=logging.WARNING)
    loggers = [logging.getLogger(name) for name in ("app", "detector")]
    for logger in loggers:
        logger.addHandler(handler)
    yield
    for logger in loggers:
        logger.removeHandler(handler)
    if request.node.get_closest_marker("expects_log") is None:
        assert not records, [f"{r.name}: {r.getMessage()}" for r in records]


@pytest.fixture
def repository() -> Path:
    """The checkout's root."""
    return Path(__file__).resolve().parents[1]
