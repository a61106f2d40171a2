"""Rules and events in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.core.alarms.rules import Rule
from app.core.alarms.ways import WAYS
from app.ui.widgets.quantity_text import clock

WAY_NAMES = {
    "notify": "Notification",
    "sound": "Sound",
    "command": "Command",
    "post": "Web address",
    "mqtt": "MQTT",
}
"""What each way to tell is called."""


def rule_text(rule: Rule) -> str:
    """Returns text such as "person in step, for 3 s" or "No person for 10 min"."""
    objects = " or ".join(rule.classes) or "anything"
    where = f" in {rule.zone}" if rule.zone else ""
    lasting = f" for {time_text(rule.for_s)}" if rule.for_s else ""
    words = {
        "seen": f"{objects}{where}{lasting}",
        "absent": f"no {objects}{where}{lasting}",
        "gone": f"source gone{lasting}",
    }[rule.what]
    return words[0].upper() + words[1:]


def deeds_text(rule: Rule) -> str:
    """Returns what a rule does, such as "Clip, picture, sound · at most every 5 min"."""
    kept = [word for word, is_kept in (("clip", rule.keeps_clips), ("picture", rule.snapshot)) if is_kept]
    told = [WAY_NAMES[way].lower() if way != "mqtt" else "MQTT" for way in WAYS if way in (rule.ways or ())]
    words = ", ".join([*kept, *told]) or "only listed"
    often = f" · at most every {time_text(rule.every_s)}" if rule.every_s else ""
    return words[0].upper() + words[1:] + often


def time_text(seconds: float) -> str:
    """Returns text such as "3 s", "10 min", "1.5 h"."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size and seconds % (size / 2) == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def event_text(event: Mapping[str, Any], clip: bool, whole: bool = True) -> str:
    """Returns two lines about an event, as of the lines of ``watch``.

    Args:
        event: Of the type "began" or "ended".
        clip: Whether its clip is there.
        whole: Whether nothing of it is missing.
    """
    began = datetime.fromisoformat(event["start"]).strftime("%H:%M:%S")
    what = event["label"] or event["rule"]
    where = f" in {event['zone']}" if event["zone"] and event["label"] else ""
    lasted = f"lasted {clock(event['seconds'])}" if event["type"] == "ended" else "goes on"
    kept = ("clip" if whole else "part of a clip") if clip else "" if whole else "no clip"
    return "\n".join((f"{began}  {what}{where}", "  ·  ".join(filter(None, (lasted, kept)))))
