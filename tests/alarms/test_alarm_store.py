"""Rules and ways to tell as they are kept: whole, private, and harmless where somebody changed the file."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from app.core.alarms.alarm_store import AlarmRule, AlarmStore
from app.core.alarms.rules import Rule
from app.core.alarms.ways import AlarmWays

SECRET = "hunter2"
STREAM = f"rtsp://jane:{SECRET}@door/live"
RULES = (
    AlarmRule(Rule("seen", ("person", "dog"), "step", 3.0, 60.0, True, True, frozenset({"notify", "post"}))),
    AlarmRule(Rule("absent", (), "", 600.0, 0.0, False, False, frozenset()), on=False),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "alarms.json"


def test_each_source_has_its_rules_and_all_have_the_same_ways(file: Path) -> None:
    store, ways = AlarmStore(file), AlarmWays("play {clip}", f"https://jane:{SECRET}@web/x", "mqtt://host/topic")
    store.save_rules(STREAM, RULES)
    store.save_rules("camera:0", RULES[:1])
    store.save_ways(ways)
    again = AlarmStore(file)
    assert again.rules_of(STREAM) == RULES
    assert again.rules_of("camera:0") == RULES[:1]
    assert again.rules_of("camera:1") == ()
    assert again.ways() == ways


def test_a_stream_is_known_without_its_password_and_the_ways_are_not_shown(file: Path) -> None:
    AlarmStore(file).save_rules(STREAM, RULES)
    assert SECRET not in file.read_text()
    assert AlarmStore(file).rules_of("rtsp://jane:another@door/live") == RULES
    assert SECRET not in repr(AlarmWays(post=f"https://jane:{SECRET}@web/x"))


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files")
def test_nobody_else_may_read_it(file: Path) -> None:
    AlarmStore(file).save_ways(AlarmWays(post=f"https://jane:{SECRET}@web/x"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "change",
    [
        {"what": "heard"}, {"classes": "person"}, {"classes": [1]}, {"for": -1}, {"for": "3"}, {"every": 1e9},
        {"for": True}, {"for": 10**400}, {"for": float("nan")}, {"ways": None}, {"every": None},
    ],
)  # fmt: skip
def test_what_is_no_rule_is_left_out(file: Path, change: dict[str, object]) -> None:
    AlarmStore(file).save_rules("camera:0", RULES)
    content = json.loads(file.read_text())
    content["sources"]["camera:0"][0] |= change
    file.write_text(json.dumps(content))
    assert AlarmStore(file).rules_of("camera:0") == RULES[1:]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"sources": 1, "ways": [2]}', '{"sources": {"camera:0": {}}}'])
def test_a_file_of_something_else_says_nothing(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_text(content)
    assert AlarmStore(file).rules_of("camera:0") == ()
    assert AlarmStore(file).ways() == AlarmWays()
