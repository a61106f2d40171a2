"""Events as plain values for JSON lines, and as messages. docs/watch.md has the format."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from app.core.alarms.message import READY, AlarmMessage
from app.core.alarms.rules import Rule, WatchEvent
from app.core.recording.reports import FileFinished
from app.core.records.frame_record import plain


def wall_time(moment_s: float) -> str:
    """Returns ISO 8601 in local time, with its offset, of a moment on the monotonic clock."""
    then = time.time() - (time.monotonic() - moment_s)
    return datetime.fromtimestamp(then).astimezone().isoformat(timespec="milliseconds")


def event_data(kind: str, source: str, event: WatchEvent) -> dict[str, Any]:
    """Returns an event, without its picture so far.

    Args:
        kind: "began" or "ended".
        source: Its name, without secrets.
        event: As it is now.
    """
    best = event.best
    return {
        "type": kind,
        "source": source,
        "id": event.id,
        "what": event.rule.what,
        "rule": event.rule.name,
        "label": event.label or None,
        "zone": event.rule.zone or None,
        "start": wall_time(event.start_s),
        "end": wall_time(event.end_s) if kind == "ended" else None,
        "seconds": round(event.end_s - event.start_s, 3),
        "tracker_ids": list(event.objects),
        "max_score": None if best is None else plain(best.score),
        "best": None if best is None else {"time": wall_time(event.best_s), "box": [plain(edge) for edge in best.box]},
        "snapshot": None,
    }


def clip_data(source: str, file: FileFinished) -> dict[str, Any]:
    """Returns a file that is whole: a clip, or a part of the recording."""
    return {
        "type": file.kind,
        "source": source,
        "path": str(file.path),
        "start": wall_time(file.began_ns / 1e9) if file.began_ns else None,
        "seconds": round(file.seconds, 3) if file.began_ns else None,
        **({"events": list(file.events)} if file.kind == "clip" else {}),
    }


def ready_message(source: str, rule: Rule) -> AlarmMessage:
    """Returns the message that watching by ``rule`` begins."""
    now = wall_time(time.monotonic())
    return AlarmMessage(rule.name, now, source, "", "", {"rule": rule.name}, READY, rule.ways)


def message_of(data: dict[str, Any], rule: Rule, awaits_clip: bool) -> AlarmMessage:
    """Returns the message that tells an event of ``rule``."""
    label = data["label"] or data["rule"]
    snapshot = data["snapshot"] or ""
    return AlarmMessage(label, data["start"], data["source"], snapshot, "", data, data["type"], rule.ways, awaits_clip)
