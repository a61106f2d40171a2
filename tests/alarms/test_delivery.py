"""Alarms as they arrive: at a program, at a web server, at a broker; and what is said of those that do not."""

from __future__ import annotations

import base64
import json
import os
import select
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from app.core.alarms import actions as actions_module
from app.core.alarms import delivery as delivery_module
from app.core.alarms.actions import Action, AlarmError, CommandAction, NotifyAction, PostAction
from app.core.alarms.delivery import Delivery, RateLimit
from app.core.alarms.message import READY, AlarmMessage
from app.core.alarms.mqtt import MqttAction
from app.core.errors import AppError
from tests.support.web_hook import Web

PATIENCE_S = 60.0
SECRET = "hunter2"


def message(label: str = "person", moment: str = "began", clip: str = "", number: int = 1) -> AlarmMessage:
    data = {"type": moment, "id": number, "label": label, "rule": "person in door", "zone": "step"}
    return AlarmMessage(label, "2026-11-30T08:15:00+01:00", "door", "/tmp/a b.jpg", clip, data, moment)


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as server:
        yield server


# -- commands -------------------------------------------------------------------------------------------------------


def writes_arguments(target: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-c", f"import json,sys; json.dump(sys.argv[1:], open({str(target)!r}, 'w'))", *arguments]


def test_a_command_is_given_what_it_asks_for_as_single_arguments(tmp_path: Path) -> None:
    target = tmp_path / "arguments"
    action = CommandAction(writes_arguments(target, "{label}", "at {time}", "{snapshot}", "{source}", "$HOME;{}"))
    action.send(message(label="a {time}; rm -rf \n*"))
    assert json.loads(target.read_text()) == [
        "a {time}; rm -rf _*", "at 2026-11-30T08:15:00+01:00", "/tmp/a b.jpg", "door", "$HOME;{}"
    ]  # fmt: skip


def test_a_class_cannot_be_an_option(tmp_path: Path) -> None:
    target = tmp_path / "arguments"
    CommandAction(writes_arguments(target, "{label}")).send(message(label="--delete"))
    assert json.loads(target.read_text()) == ["delete"]


def test_a_command_that_wants_the_clip_waits_for_it() -> None:
    with_clip, without = CommandAction([sys.executable, "{clip}"]), CommandAction([sys.executable, "{label}"])
    moments = ("began", "ended", "clip")
    assert [with_clip.wants(message(moment=moment)) for moment in moments] == [False, False, True]
    assert [without.wants(message(moment=moment)) for moment in moments] == [True, False, False]


def test_a_command_that_fails_is_said_without_what_it_was_given() -> None:
    action = CommandAction([sys.executable, "-c", "raise SystemExit(3)", SECRET])
    with pytest.raises(AlarmError, match="3") as raised:
        action.send(message())
    assert SECRET not in str(raised.value)
    assert not raised.value.may_try_again


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    held = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(AlarmError):
        CommandAction(["sh", "-c", 'sleep 1000 > "$0" & echo x > "$0"; wait', str(tmp_path / "held")], 1).send(
            message()
        )
    assert os.read(held, 2) == b"x\n"
    assert select.select([held], [], [], PATIENCE_S)[0]
    assert os.read(held, 1) == b""  # nobody has it open any more
    os.close(held)


@pytest.mark.parametrize("arguments", [[], ["no-such-program-here"], [sys.executable, "{lable}"]])
def test_commands_that_cannot_be_run_are_refused_at_once(arguments: list[str]) -> None:
    with pytest.raises(AppError):
        CommandAction(arguments)


@pytest.mark.skipif(sys.platform != "linux", reason="notify-send")
def test_a_notification_names_class_place_and_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "notify-send"
    fake.write_text(f"#!{sys.executable}\nimport json,sys; json.dump(sys.argv[1:], open({str(tmp_path / 'a')!r}, 'w'))")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    NotifyAction().send(message())
    given = json.loads((tmp_path / "a").read_text())
    assert given[-2:] == ["person in step", "door, 08:15:00"]
    assert "--icon=/tmp/a b.jpg" in given


# -- web addresses --------------------------------------------------------------------------------------------------


def test_an_event_arrives_as_json(web: Web) -> None:
    PostAction(f"http://{web.place}/hook?key=1").send(message())
    assert web.got == [dict(message().data)]
    assert web.logins == [None]


def test_a_login_is_told_to_the_server_that_asks(web: Web) -> None:
    web.codes = [401]
    PostAction(f"http://jane:{SECRET}@{web.place}/").send(message())
    assert web.logins[0] is not None
    assert web.logins[0].startswith("Basic ")


@pytest.mark.parametrize(("code", "may_try_again"), [(500, True), (429, True), (404, False), (302, True)])
def test_an_answer_that_is_none_is_said_without_the_address(web: Web, code: int, may_try_again: bool) -> None:
    web.codes = [code]
    with pytest.raises(AlarmError) as raised:
        PostAction(f"http://jane:{SECRET}@{web.place}/{SECRET}").send(message())
    assert raised.value.may_try_again is may_try_again
    assert not any(part in str(raised.value) for part in (SECRET, web.place, "jane"))
    assert web.got == []


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions_module, "_POST_LIMIT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(AlarmError) as raised:
        PostAction(f"http://127.0.0.1:{silent.getsockname()[1]}/").send(message())
    assert raised.value.may_try_again


@pytest.mark.parametrize("password", ["half/half", "half?half", "half#half", "h@lf", "half%2Fhalf"])
def test_a_password_may_be_written_as_it_is(web: Web, password: str) -> None:
    web.codes = [401]
    PostAction(f"HTTP://jane:{password}@{web.place}/hook").send(message())
    login = base64.b64encode(f"jane:{unquote(password)}".encode()).decode()
    assert web.logins == [f"Basic {login}"]


@pytest.mark.parametrize("url", ["ftp://host/x", "host/x", "file:///etc/passwd", "http:///x"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(AppError):
        PostAction(url)


@pytest.mark.parametrize(
    "place",
    [
        "[::1", "jane:hunter2[@host/x", "jane:hunter2@host:99999/x", "jane:hunter2@host:x/y", "jane:hunter2@host:0/x",
        "jane:1/hunter2@host/x", "jane:1@hunter2/x@host/y",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("action", "scheme"), [(PostAction, "https"), (MqttAction, "mqtts")])
def test_an_address_that_cannot_be_understood_is_refused_without_repeating_it(
    action: Callable[[str], Action], scheme: str, place: str
) -> None:
    with pytest.raises(AppError) as raised:
        action(f"{scheme}://{place}")
    told = "".join(traceback.format_exception(raised.value)) + raised.value.hint
    assert not any(part in told for part in (SECRET, "jane", "99999", "::1"))


def test_an_at_sign_in_a_path_is_written_so_that_it_is_none_of_a_password(web: Web) -> None:
    PostAction(f"http://{web.place}/hook%402").send(message())
    assert len(web.got) == 1


def test_only_the_ways_that_a_rule_names_are_told(web: Web) -> None:
    delivery = Delivery([PostAction(f"http://{web.place}/")], print)
    for ways in (None, frozenset({"post", "sound"}), frozenset({"sound"}), frozenset[str]()):
        delivery.send(replace(message(label=str(ways)), ways=ways))
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
            self.delivery.send(message(number=number, moment=moment))
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
            told.delivery.send(message(number=number, moment=moment))
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
