"""Cycles of Python objects end on the GUI thread, whichever thread allocates."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject

from app.ui.services.garbage import GarbageCollector


@pytest.fixture
def collector(qapp: QObject) -> Iterator[GarbageCollector]:
    gc.collect()
    gc.enable()
    made = GarbageCollector(qapp)
    yield made
    made.close()
    gc.disable()  # as for all tests


class _Node:
    def __init__(self) -> None:
        self.itself = self


def test_a_worker_collects_nothing_and_the_gui_thread_does(collector: GarbageCollector) -> None:
    ended_on: list[threading.Thread] = []

    def work() -> None:
        for _ in range(20_000):  # many times what sets off a collection
            node = _Node()
        weakref.finalize(node, lambda: ended_on.append(threading.current_thread()))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert ended_on == []
    collector.collect()
    assert ended_on == [threading.main_thread()]


def test_python_collects_again_once_it_is_closed(collector: GarbageCollector) -> None:
    assert not gc.isenabled()
    collector.close()
    assert gc.isenabled()


def test_python_goes_on_not_collecting_where_it_did_not_before(qapp: QObject) -> None:
    assert not gc.isenabled()
    GarbageCollector(qapp).close()
    assert not gc.isenabled()
