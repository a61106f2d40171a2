"""Threads are named, stop when told, hand errors to their owner and are given up after a deadline."""

from __future__ import annotations

import logging
import threading

import pytest

from app.core.workers import Deadline, Worker, join_all

PATIENCE = 60.0


def test_runs_under_its_name_and_stops_when_told() -> None:
    names: list[str] = []
    begun = threading.Event()

    def target(stop: threading.Event) -> None:
        names.append(threading.current_thread().name)
        begun.set()
        stop.wait(PATIENCE)

    worker = Worker("test", target, pytest.fail)
    worker.start()
    assert begun.wait(PATIENCE)
    assert worker.alive
    worker.stop()
    assert worker.join(PATIENCE)
    assert names == ["ssdv-test"]


def test_error_goes_to_the_callback() -> None:
    errors: list[BaseException] = []

    def target(stop: threading.Event) -> None:
        raise OSError("unplugged")

    worker = Worker("test", target, errors.append)
    worker.start()
    assert worker.join(PATIENCE)
    assert [str(error) for error in errors] == ["unplugged"]


def test_joining_oneself_or_an_unstarted_worker_does_not_block() -> None:
    answers: list[bool] = []
    worker = Worker("test", lambda stop: answers.append(worker.join(PATIENCE)), pytest.fail)
    assert worker.join(PATIENCE)
    worker.start()
    assert worker.join(PATIENCE)
    assert answers == [False]


@pytest.mark.expects_log
def test_stragglers_are_named_and_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()
    stuck = Worker("test-stuck", lambda stop: release.wait(PATIENCE) and None, pytest.fail)
    quick = Worker("test-quick", lambda stop: stop.wait(PATIENCE) and None, pytest.fail)
    for worker in (stuck, quick):
        worker.start()
        worker.stop()
    assert quick.join(PATIENCE)
    with caplog.at_level(logging.WARNING, "app.core.workers"):
        assert join_all([stuck, quick], 0.0) == ["ssdv-test-stuck"]
    assert "ssdv-test-stuck" in caplog.text
    caplog.clear()
    release.set()
    assert join_all([stuck, quick], PATIENCE) == []


def test_deadline_runs_out_and_is_never_negative() -> None:
    assert Deadline(-1.0).left_s == 0.0
    assert 0.0 < Deadline(1000.0).left_s <= 1000.0
