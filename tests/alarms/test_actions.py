"""Ways to tell as they arrive: at a program, at a web server; and what is said where they do not."""

from __future__ import annotations

import base64
import json
import os
import select
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from app.core.alarms import actions as actions_module
from app.core.alarms.actions import Action, AlarmError, CommandAction, NotifyAction, PostAction
from app.core.alarms.message import AlarmMessage
from app.core.alarms.mqtt import MqttAction
from app.core.errors import AppError
from tests.support.web_hook import Web

PATIENCE_S = 60.0
SECRET = "hunter2"


def message(label: str = "person", moment: str = "began") -> AlarmMessage:
    data = {"type": moment, "id": 1, "label": label, "rule": "person in door", "zone": "step"}
    return AlarmMessage(label, "2026-11-30T08:15:00+01:00", "door", "/tmp/a b.jpg", "", data, moment)


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


@pytest.mark.parametrize(
    ("argument", "awaits_clip", "wanted"),
    [
        ("{clip}", True, ["clip", "no clip"]),
        ("{clip}", False, ["began"]),
        ("{label}", True, ["began"]),
        ("{label}", False, ["began"]),
    ],
)
def test_a_command_that_takes_the_clip_waits_where_there_may_be_one(
    argument: str, awaits_clip: bool, wanted: list[str]
) -> None:
    action = CommandAction([sys.executable, argument])
    moments = ("ready", "began", "ended", "clip", "no clip")
    messages = [replace(message(moment=moment), awaits_clip=awaits_clip) for moment in moments]
    assert [each.moment for each in messages if action.wants(each)] == wanted


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
