"""The content of an alarm. Immutable; made on the thread that watches, sent from others."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.core.errors import AppError

PLACEHOLDERS = ("label", "time", "clip", "snapshot", "source")
READY, BEGAN, ENDED, CLIP, NO_CLIP = "ready", "began", "ended", "clip", "no clip"
_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class AlarmMessage:
    """One thing to tell.

    Attributes:
        label: Class of the object; the rule's name where there is none.
        time: When it began, ISO 8601 with the offset from UTC.
        source: Where, without secrets.
        snapshot: Path of the picture; "" for none.
        clip: Path of the clip; "" while there is none.
        data: The event as JSON has it.
        moment: ``BEGAN``, ``ENDED`` or ``CLIP``. ``READY`` when watching begins, for ways that keep a state;
            ``NO_CLIP`` when none will be, for ways that wait for it.
        ways: By which ways it is told, by ``Action.key``; None for all there are.
        awaits_clip: Whether ``CLIP`` or ``NO_CLIP`` follows.
    """

    label: str
    time: str
    source: str
    snapshot: str
    clip: str
    data: Mapping[str, Any]
    moment: str
    ways: frozenset[str] | None = None
    awaits_clip: bool = False

    @property
    def event(self) -> tuple[str, object]:
        """Returns what all messages of one event have in common, and no others."""
        return self.source, self.data.get("id")

    @property
    def headline(self) -> str:
        """Returns what is there, and in which zone if the rule names one."""
        zone = self.data.get("zone")
        return f"{self.label} in {zone}" if zone and self.data.get("label") else self.label

    @property
    def where_and_when(self) -> str:
        """Returns the source, and the time of day at which it began."""
        return f"{self.source}, {datetime.fromisoformat(self.time):%H:%M:%S}"

    def with_clip(self, clip: str) -> AlarmMessage:
        """Returns the same, told again now that the clip is whole."""
        return replace(self, clip=clip, data={**self.data, "type": CLIP, "clip": clip}, moment=CLIP)

    def without_clip(self) -> AlarmMessage:
        """Returns the same, told now that there will be no clip."""
        return replace(self, moment=NO_CLIP)

    def as_json(self) -> bytes:
        """Returns the event as one object."""
        return json.dumps(self.data, ensure_ascii=False, allow_nan=False).encode()

    def filled(self, arguments: Sequence[str]) -> list[str]:
        """Returns ``arguments`` with their placeholders replaced, once: what a value says is never looked at again."""
        values = {"label": self.label, "time": self.time, "clip": self.clip, "snapshot": self.snapshot}
        values["source"] = self.source
        return [_PLACEHOLDER.sub(lambda found: _harmless(values[found[1]]), argument) for argument in arguments]


def check_placeholders(arguments: Sequence[str]) -> None:
    """Refuses placeholders that there are not.

    Raises:
        AppError: Names one, and those there are.
    """
    for argument in arguments:
        for found in _PLACEHOLDER.finditer(argument):
            if found[1] not in PLACEHOLDERS:
                known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
                raise AppError(f"There is no placeholder {found[0]}.", f"There are: {known}.")


def _harmless(value: str) -> str:
    """A class may be called anything: no option of the command, and nothing that cannot be an argument."""
    return "".join(letter if letter.isprintable() else "_" for letter in value).lstrip("-")
