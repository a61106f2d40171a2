"""Alarms on their way: which are sent, tried again or left out, and what is said of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.core.alarms import delivery as delivery_module
from app.core.alarms.actions import PostAction
from app.core.alarms.delivery import Delivery, RateLimit
from app.core.alarms.message import READY, AlarmMessage
from tests.support.web_hook import Web

PATIENCE_S = 60.0


def message(number: int = 1, moment: str = "began") -> AlarmMessage:
    return AlarmMessage("person", "2026-11-30T08:15:00+01:00", "door", "", "", {"id": number}, moment)


def test_only_the_ways_that_a_rule_names_are_told(web: Web) -> None:
    delivery = Delivery([PostAction(f"http://{web.place}/")], print)
    for ways in (None, frozenset({"post", "sound"}), frozenset({"sound"}), frozenset[str]()):
        delivery.send(replace(message(), ways=ways))
    assert delivery.close(PATIENCE_S)
    assert len(web.got) == 2


def test_what_fails_is_tried_again_and_said_once(web: Web) -> None:
    web.codes = [500, 500, 500]
    said: list[str] = []
    again = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 2:  # that it failed, and that it works again
            again.set()

    delivery = Delivery([PostAction(f"http://{web.place}/")], say, back_off_s=(0.01,) * 5)
    delivery.send(message())
    assert again.wait(PATIENCE_S)
    assert delivery.close(PATIENCE_S)
    assert (len(web.got), len(said)) == (1, 2)


def test_when_all_ends_nothing_is_tried_twice(web: Web) -> None:
    web.codes = [500] * 9
    said: list[str] = []
    delivery = Delivery([PostAction(f"http://{web.place}/")], said.append, back_off_s=(1000.0,))
    delivery.send(message())
    assert delivery.close(PATIENCE_S)
    assert web.got == []


class Told:
    """A way to tell that remembers, and a clock that stands."""

    key, name = "post", "The test"

    def __init__(self) -> None:
        self.now_s = 0.0
        self.said: list[str] = []
        self.got: list[tuple[object, str]] = []
        self.is_free = threading.Event()
        self.is_free.set()
        self._arrived = threading.Semaphore(0)
        self.delivery = Delivery([self], self.said.append)

    def monotonic(self) -> float:
        return self.now_s

    def wants(self, _message: AlarmMessage) -> bool:
        return True

    def send(self, message: AlarmMessage) -> None:
        assert self.is_free.wait(PATIENCE_S)
        if message.moment == READY:
            self._arrived.release()
        else:
            self.got.append((message.data["id"], message.moment))

    def tell(self, number: int, *moments: str) -> None:
        """Tells of an event; when it returns, nothing waits."""
        for moment in (*moments, READY):
            self.delivery.send(message(number, moment))
        assert self._arrived.acquire(timeout=PATIENCE_S)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    told = Told()
    monkeypatch.setattr(delivery_module, "time", told)
    yield told
    assert told.delivery.close(PATIENCE_S)


def test_too_many_events_are_left_out_and_of_the_others_nothing(told: Told) -> None:
    for moments in (("began",), ("clip", "ended"), ("clip",)):
        for number in range(40):
            told.tell(number, *moments)
    moments = ["began"] * 30 + ["clip", "ended"] * 30 + ["clip"] * 30
    assert [moment for _, moment in told.got] == moments
    assert {number for number, _ in told.got} == set(range(30))
    assert len(told.said) == 1


def test_each_event_of_a_busy_day_is_told_from_beginning_to_clip(told: Told) -> None:
    told.tell(-1, "began")  # and goes on all day
    for number in range(1500):
        told.now_s += 4.0
        told.tell(number, "began", "ended", "clip")
    told.tell(-1, "ended")
    assert len(told.got) == 2 + 3 * 1500
    assert told.said == []


def test_while_many_wait_no_event_joins_them_and_none_of_them_stays_without_its_end(told: Told) -> None:
    told.is_free.clear()
    for moment in ("began", "ended"):
        for number in range(200):
            told.now_s += 10.0
            told.delivery.send(message(number, moment))
    told.is_free.set()
    assert told.delivery.close(PATIENCE_S)
    began, ended = ([number for number, moment in told.got if moment == wanted] for wanted in ("began", "ended"))
    assert began == ended
    assert 100 <= len(began) < 200
    assert len(told.said) == 1


def test_an_overload_is_said_once_until_it_is_over(told: Told) -> None:
    for day in range(2):
        for number in range(200):  # twice as many as may be: soon every other one is left out
            told.now_s += 1.0
            told.tell(number + 200 * day, "began")
        assert len(told.said) == day + 1
        told.now_s += 100.0
    assert 200 < len(told.got) < 300


def test_the_rate_limit_lets_a_burst_through_and_then_some() -> None:
    limit = RateLimit(burst=3, every_s=2.0)
    assert [limit.allows(0.0) for _ in range(5)] == [True, True, True, False, False]
    assert [limit.allows(at) for at in (1.0, 2.0, 3.0, 4.5, 100.0, 100.0, 100.0, 100.0)] == [
        False, True, False, True, True, True, True, False
    ]  # fmt: skip
