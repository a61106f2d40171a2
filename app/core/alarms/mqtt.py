"""Events for an MQTT broker, with what Home Assistant needs to find them by itself. Needs the extra ``mqtt``."""

from __future__ import annotations

import importlib.util
import json
import re
import zlib
from queue import Empty, Queue
from typing import TYPE_CHECKING
from urllib.parse import unquote

from app.core.alarms.actions import AlarmError, address_parts
from app.core.alarms.message import BEGAN, ENDED, NO_CLIP, READY, AlarmMessage
from app.core.errors import AppError

if TYPE_CHECKING:
    from paho.mqtt.client import Client
    from paho.mqtt.reasoncodes import ReasonCode

_LIMIT_S = 10.0
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_DISCOVERY = "homeassistant"
_LONGEST = 60
_STATES = {READY: "OFF", BEGAN: "ON", ENDED: "OFF"}


def is_installed() -> bool:
    """Returns whether the extra is there."""
    return importlib.util.find_spec("paho") is not None


class MqttAction:
    """Publishes each event under TOPIC/SOURCE/RULE: its state, and all of it as JSON; the state is OFF to begin with.

    Args:
        url: ``mqtt://`` or ``mqtts://``, then user:password@ if needed, host, port and topic.

    Raises:
        AppError: It is no such address, or the extra is not installed.
    """

    key = "mqtt"
    name = "The MQTT broker"

    def __init__(self, url: str) -> None:
        parts = address_parts(url, _PORTS, "MQTT brokers have addresses such as mqtt://host/topic.")
        try:
            import paho.mqtt.client  # noqa: F401 - is it there?
        except ImportError:
            raise AppError("MQTT needs the package paho-mqtt.", "Install it: pip install paho-mqtt.") from None
        assert parts.hostname is not None  # address_parts
        self._host, self._port = parts.hostname, parts.port or _PORTS[parts.scheme]
        self._is_secure = parts.scheme == "mqtts"
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._topic = unquote(parts.path).strip("/") or "ssd-viewer"
        self._announced: set[str] = set()

    def wants(self, message: AlarmMessage) -> bool:
        """See ``Action``."""
        return message.moment != NO_CLIP

    def send(self, message: AlarmMessage) -> None:
        """See ``Action``."""
        rule = str(message.data.get("rule", "event"))
        topic = f"{self._topic}/{_slug(message.source)}/{_slug(rule)}"
        publishing = [] if message.moment == READY else [(f"{topic}/event", message.as_json(), False)]
        if message.moment in _STATES:  # kept by the broker: what is left of a program that was killed is set right
            publishing.append((f"{topic}/state", _STATES[message.moment].encode(), True))
        if topic not in self._announced:
            publishing.insert(0, self._discovery(topic, message.source, rule))
        self._publish(publishing)
        self._announced.add(topic)

    def _discovery(self, topic: str, source: str, rule: str) -> tuple[str, bytes, bool]:
        unique = f"ssd_viewer_{_slug(source)}_{_slug(rule)}"
        config = {
            "name": rule,
            "unique_id": unique,
            "state_topic": f"{topic}/state",
            "json_attributes_topic": f"{topic}/event",
            "device_class": "occupancy",
            "device": {"identifiers": [f"ssd_viewer_{_slug(source)}"], "name": source, "manufacturer": "ssd-viewer"},
        }
        return f"{_DISCOVERY}/binary_sensor/{unique}/config", json.dumps(config).encode(), True

    def _publish(self, messages: list[tuple[str, bytes, bool]]) -> None:
        client = self._client()
        answers: Queue[ReasonCode] = Queue()
        client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.put(reason)
        try:
            client.connect(self._host, self._port)
            client.loop_start()
            try:
                _check_accepted(answers)
                for topic, content, retain in messages:
                    told = client.publish(topic, content, qos=1, retain=retain)
                    told.wait_for_publish(_LIMIT_S)
                    if not told.is_published():
                        raise AlarmError("The MQTT broker did not take the event in time.")
            finally:
                client.disconnect()
                client.loop_stop()
        except (OSError, ValueError, RuntimeError):
            raise AlarmError("The MQTT broker cannot be reached, or refused the event.") from None

    def _client(self) -> Client:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        from detector.system_certificates import verifying_context

        client = Client(CallbackAPIVersion.VERSION2)
        client.connect_timeout = _LIMIT_S
        if self._user:
            client.username_pw_set(self._user, self._password)
        if self._is_secure:
            client.tls_set_context(verifying_context())
        return client


def _check_accepted(answers: Queue[ReasonCode]) -> None:
    try:
        reason = answers.get(timeout=_LIMIT_S)
    except Empty:
        raise AlarmError("The MQTT broker does not answer.") from None
    if reason.is_failure:
        text = str(reason).casefold()
        raise AlarmError(f"The MQTT broker refuses to be told: {text}.", may_try_again="unavailable" in text)


def _slug(text: str) -> str:
    """Returns ``text`` as a level of a topic and as a part of Home Assistant's names, which are ASCII.

    Words with a space between them have theirs joined. Any other text has a number of its own, or "door-1" and "door 1"
    would be one, as would two zones named in Chinese. Names are the same in small letters as in large ones.
    """
    plain = re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")
    if text.isascii() and text.casefold() == plain.replace("_", " ") and len(plain) <= _LONGEST:
        return plain
    return f"{plain[: _LONGEST - 9]}_{zlib.crc32(text.encode()):08x}".lstrip("_")
