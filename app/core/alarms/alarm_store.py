"""The rules of each live source, and the ways to tell: one JSON file that only the user may read. Any thread.

Rules belong to a source, as zones do: they name zones that are drawn on it. Addresses and the command are the user's,
for all sources. They may hold passwords, so they are kept here and not among the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from app.core.alarms.rules import Rule, What
from app.core.alarms.ways import WAYS, AlarmWays
from app.core.events.scene_store import live_source
from app.core.files.json_store import JsonStore
from app.core.paths import alarms_file

MAX_RULES, MAX_SECONDS = 50, 86_400.0
_MAX_CLASSES, _MAX_TEXT, _MAX_SOURCES = 200, 2000, 200


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """A rule, and whether it counts.

    Attributes:
        rule: The rule; ``ways`` names some, or none.
        on: Whether it counts when the source is armed.
    """

    rule: Rule
    on: bool = True


class AlarmStore:
    """All of it.

    Args:
        path: The file; made when something is written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._store = JsonStore(path or alarms_file(), private=True)

    def rules_of(self, source: str) -> tuple[AlarmRule, ...]:
        """Returns the rules of a source; those that cannot be used are left out."""
        kept = _mapping(self._store.read().get("sources")).get(live_source(source))
        rules = (_rule(entry) for entry in kept[:MAX_RULES]) if isinstance(kept, list) else ()
        return tuple(rule for rule in rules if rule is not None)

    def save_rules(self, source: str, rules: tuple[AlarmRule, ...]) -> None:
        """Keeps the rules of a source.

        Raises:
            AppError: They cannot be written.
        """
        known, entries = live_source(source), [_entry(rule) for rule in rules]

        def change(value: dict[str, Any]) -> dict[str, Any]:
            others = [pair for pair in _mapping(value.get("sources")).items() if pair[0] != known]
            return {**value, "sources": dict([*others, (known, entries)][-_MAX_SOURCES:])}

        self._store.update(change)

    def ways(self) -> AlarmWays:
        """Returns what is set up."""
        kept = _mapping(self._store.read().get("ways"))
        return AlarmWays(*(_text(kept.get(name)) for name in ("command", "post", "mqtt")))

    def save_ways(self, ways: AlarmWays) -> None:
        """Keeps what is set up.

        Raises:
            AppError: It cannot be written.
        """
        entry = {"command": ways.command, "post": ways.post, "mqtt": ways.mqtt}
        self._store.update(lambda value: {**value, "ways": entry})


def _entry(kept: AlarmRule) -> dict[str, Any]:
    rule = kept.rule
    return {
        "on": kept.on,
        "what": rule.what,
        "classes": list(rule.classes),
        "zone": rule.zone,
        "for": rule.for_s,
        "every": rule.every_s,
        "clip": rule.clip,
        "snapshot": rule.snapshot,
        "ways": [way for way in WAYS if way in (rule.ways or ())],
    }


def _rule(entry: Any) -> AlarmRule | None:
    """Reads what anybody may have changed; None where it is no rule."""
    kept = _mapping(entry)
    what = next((known for known in get_args(What) if known == kept.get("what")), None)
    classes, ways = _texts(kept.get("classes")), _texts(kept.get("ways"))
    for_s, every_s = _seconds(kept.get("for")), _seconds(kept.get("every"))
    if what is None or classes is None or ways is None or for_s is None or every_s is None:
        return None
    clip, snapshot = kept.get("clip") is True, kept.get("snapshot") is True
    known = frozenset(way for way in WAYS if way in ways)
    rule = Rule(what, classes, _text(kept.get("zone")), for_s, every_s, clip, snapshot, known)
    return AlarmRule(rule, kept.get("on") is True)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= _MAX_TEXT else ""


def _texts(value: Any) -> tuple[str, ...] | None:
    is_list = isinstance(value, list) and len(value) <= _MAX_CLASSES
    return tuple(value) if is_list and all(_text(each) for each in value) else None


def _seconds(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0.0 <= value <= MAX_SECONDS else None
