"""Events at an MQTT broker: one of the test's own, and Mosquitto where it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import Queue

import pytest

pytest.importorskip("paho.mqtt.client", reason="the extra mqtt is not installed")

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from app.core.alarms.actions import AlarmError, PostAction
from app.core.alarms.message import BEGAN, CLIP, ENDED, NO_CLIP, READY, AlarmMessage
from app.core.alarms.mqtt import MqttAction
from app.core.alarms.rules import Rule
from app.core.watching.event_data import ready_message
from tests.support.mqtt_broker import MqttBroker
from tools.watch_hour.cameras import free_port

PATIENCE_S = 60.0
SECRET = "hunter2"
BASE = "home/cams/door/person_in_door"


def message(moment: str = "began", rule: str = "person in door") -> AlarmMessage:
    data = {"event": moment, "label": "person", "rule": rule}
    return AlarmMessage("person", "2026-11-30T08:15:00+01:00", "door", "", "", data, moment)


def action_for(port: int, password: str = SECRET) -> MqttAction:
    return MqttAction(f"mqtt://jane:{password}@127.0.0.1:{port}/home/cams")


def test_a_broker_is_told_where_to_find_it_and_what_it_is() -> None:
    with MqttBroker() as broker:
        action = action_for(broker.port)
        action.send(message())
        action.send(message("ended"))
    topics = [topic for topic, _, _ in broker.published]
    config = "homeassistant/binary_sensor/ssd_viewer_door_person_in_door/config"
    assert topics == [config, f"{BASE}/event", f"{BASE}/state", f"{BASE}/event", f"{BASE}/state"]
    assert [content for topic, content, _ in broker.published if topic.endswith("state")] == [b"ON", b"OFF"]
    announced = json.loads(broker.published[0][1])
    assert (announced["state_topic"], announced["json_attributes_topic"]) == (f"{BASE}/state", f"{BASE}/event")
    assert broker.published[0][2]
    assert json.loads(broker.published[1][1])["label"] == "person"
    assert all(SECRET.encode() in login for login in broker.logins)


def test_before_anything_happens_the_broker_knows_that_nothing_does() -> None:
    with MqttBroker() as broker:
        action = action_for(broker.port)
        action.send(ready_message("door", Rule(classes=("person",), zone="door")))
        action.send(message())
    told = [(topic.removeprefix(f"{BASE}/"), content, retained) for topic, content, retained in broker.published[1:]]
    assert [told[0], told[2]] == [("state", b"OFF", True), ("state", b"ON", True)]
    assert [topic for topic, _, _ in told] == ["state", "event", "state"]
    assert not PostAction("http://127.0.0.1/").wants(message(READY))
    assert [action.wants(message(moment)) for moment in (READY, BEGAN, ENDED, CLIP, NO_CLIP)] == [True] * 4 + [False]


def test_names_that_ascii_cannot_tell_apart_have_topics_of_their_own() -> None:
    names = ("person in 前门", "person in 后门", "person in x", "person in " + 70 * "x", "person in " + 70 * "x" + "y")
    with MqttBroker() as broker:
        for name in names:
            action_for(broker.port).send(message(rule=name))
    topics = {topic for topic, _, _ in broker.published if topic.endswith("/state")}
    assert len(topics) == len(names)
    assert all(topic.isascii() and len(topic) < 100 for topic in topics)
    assert "home/cams/door/person_in_x/state" in topics


@pytest.mark.parametrize(
    "names",
    [
        ("rtsp://cam/live/1", "rtsp://cam/live-1", "rtsp://cam/live.1", "rtsp cam live 1"),
        ("door 1", "door_1", "door-1", "door  1", "door 1 ", "door. 1"),
        ("***", "_", ""),
    ],
)
def test_names_that_signs_alone_tell_apart_have_topics_of_their_own(names: tuple[str, ...]) -> None:
    with MqttBroker() as broker:
        action = action_for(broker.port)
        for name in names:
            action.send(replace(message(READY, rule=name), source=name))
    configs = [json.loads(content) for topic, content, _ in broker.published if topic.startswith("homeassistant/")]
    assert len({config["unique_id"] for config in configs}) == len(names)
    assert len({config["device"]["identifiers"][0] for config in configs}) == len(names)
    levels = [config["state_topic"].removeprefix("home/cams/").split("/") for config in configs]
    assert len({level[0] for level in levels}) == len({level[1] for level in levels}) == len(names)


@pytest.mark.parametrize("name", ["Person or dog in Front Door 2", "camera HD Pro Webcam C920", "no person"])
def test_names_of_plain_words_are_topics_as_they_are(name: str) -> None:
    with MqttBroker() as broker:
        action_for(broker.port).send(message(READY, rule=name))
    assert broker.published[-1][0] == f"home/cams/door/{name.lower().replace(' ', '_')}/state"


def test_a_password_may_be_written_as_it_is() -> None:
    with MqttBroker() as broker:
        MqttAction(f"mqtt://jane:{SECRET}/#@127.0.0.1:{broker.port}/home/cams%402").send(message(READY))
    assert f"{SECRET}/#".encode() in broker.logins[0]
    assert broker.published[-1][0] == "home/cams@2/door/person_in_door/state"


@pytest.mark.parametrize(("answer", "may_try_again"), [(3, True), (4, False), (5, False)])
def test_a_broker_that_refuses_is_said(answer: int, may_try_again: bool) -> None:
    with MqttBroker(answer) as broker, pytest.raises(AlarmError, match="refuses") as raised:
        action_for(broker.port).send(message())
    assert raised.value.may_try_again is may_try_again
    assert not any(part in str(raised.value) for part in (SECRET, "127.0.0.1", "jane"))


def test_a_broker_that_is_not_there_is_said_without_the_address() -> None:
    with pytest.raises(AlarmError) as raised:
        action_for(1).send(message())
    assert not any(part in str(raised.value) for part in (SECRET, "127.0.0.1", "jane"))


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[int]:
    """The port of Mosquitto, which knows one user."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin")
    if program is None:
        pytest.skip("Mosquitto is not installed")
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", users, "jane", SECRET], check=True, capture_output=True)
    users.chmod(0o644)
    tmp_path.chmod(0o755)
    port = free_port()
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {users}\nuser root\n")
    with subprocess.Popen([program, "-c", settings], stderr=subprocess.PIPE, text=True) as broker:
        assert broker.stderr is not None
        assert any("running" in line for line in broker.stderr)
        yield port
        broker.terminate()


def test_mosquitto_keeps_the_state_and_passes_the_event_on(mosquitto: int) -> None:
    listener = Client(CallbackAPIVersion.VERSION2)
    listener.username_pw_set("jane", SECRET)
    heard: Queue[tuple[str, bytes, bool]] = Queue()
    subscribed: Queue[int] = Queue()
    listener.on_message = lambda _client, _data, told: heard.put((told.topic, told.payload, told.retain))
    listener.on_subscribe = lambda _client, _data, number, _codes, _properties: subscribed.put(number)
    action = action_for(mosquitto)
    action.send(message(READY))
    listener.connect("127.0.0.1", mosquitto)
    listener.loop_start()
    try:
        listener.subscribe(f"{BASE}/#", 1)
        subscribed.get(timeout=PATIENCE_S)
        assert heard.get(timeout=PATIENCE_S) == (f"{BASE}/state", b"OFF", True)  # kept since before it listened
        action.send(message())
        topic, content, _ = heard.get(timeout=PATIENCE_S)
        assert (topic, json.loads(content)["label"]) == (f"{BASE}/event", "person")
        assert heard.get(timeout=PATIENCE_S) == (f"{BASE}/state", b"ON", False)
    finally:
        listener.disconnect()
        listener.loop_stop()


def test_mosquitto_refuses_a_wrong_password_at_once(mosquitto: int) -> None:
    with pytest.raises(AlarmError, match="not authorized") as raised:
        action_for(mosquitto, "wrong").send(message())
    assert not raised.value.may_try_again
