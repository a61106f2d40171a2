"""Which ways there are to tell of events, and what they need to be told."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass, field

from app.core.alarms.actions import Action, CommandAction, NotifyAction, PostAction
from app.core.alarms.mqtt import MqttAction
from app.core.alarms.sound import SoundAction
from app.core.errors import AppError

WAYS = ("notify", "sound", "command", "post", "mqtt")
"""``Action.key`` of all there are."""
NAMED = ("command", "post", "mqtt")
"""Those that cannot be used before a person has named a program or an address."""


@dataclass(frozen=True, slots=True)
class AlarmWays:
    """Ways to tell that a person has named, "" for none; with passwords perhaps, so never shown by itself.

    Attributes:
        command: A program and its arguments, in one line.
        post: A web address.
        mqtt: A broker's address.
    """

    command: str = field(default="", repr=False)
    post: str = field(default="", repr=False)
    mqtt: str = field(default="", repr=False)

    def has(self, way: str) -> bool:
        """Returns whether all that this way needs is named."""
        return way not in NAMED or bool(getattr(self, way))


def action_of(way: str, ways: AlarmWays) -> Action:
    """Makes one way to tell.

    Raises:
        AppError: A program, address or placeholder cannot be used.
    """
    if way == "command":
        return CommandAction(_split(ways.command))
    if way == "post":
        return PostAction(ways.post)
    if way == "mqtt":
        return MqttAction(ways.mqtt)
    return SoundAction() if way == "sound" else NotifyAction()


def actions_of_ways(wanted: Collection[str], ways: AlarmWays) -> list[Action]:
    """Makes the ways to tell that are wanted; raises as ``action_of``."""
    return [action_of(way, ways) for way in WAYS if way in wanted]


def _split(command: str) -> list[str]:
    """Splits a line as a shell does, but none runs."""
    try:
        return shlex.split(command)
    except ValueError:
        raise AppError("A quotation mark in the command is not closed.", "Close it.") from None
