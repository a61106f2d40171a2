"""A window over a session that only remembers what it was told."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.support.qt_fakes import Desk, desk

_TESTS = itertools.count(1)


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    with desk(qtbot, tmp_path) as made:
        yield made


@pytest.fixture(scope="package", autouse=True)
def _no_collection_on_other_threads() -> Iterator[None]:
    """Python collects cycles on whichever thread allocates. What is left of a closed window must end on this one.

    A worker that destroys its objects waits for the interpreter with Qt's lock in hand, and this thread, which
    destroys others meanwhile, the other way round.
    """
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def _collected_now_and_then() -> Iterator[None]:
    yield
    if next(_TESTS) % 25 == 0:
        gc.collect()
