"""Stays in zones and crossings of lines as text, as the databases of events have them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable

from app.core.events.event import Crossing, ZoneVisit


def where_json(zones: Iterable[ZoneVisit], crossings: Iterable[Crossing]) -> str:
    """Returns them as JSON."""
    return json.dumps(
        {
            "zones": [[visit.zone, visit.enter_s, visit.leave_s] for visit in zones],
            "lines": [[crossing.line, crossing.time_s, crossing.direction] for crossing in crossings],
        }
    )


def where_of(text: str) -> tuple[tuple[ZoneVisit, ...], tuple[Crossing, ...]]:
    """Returns what ``where_json`` wrote.

    Raises:
        ValueError: It is something else; so do TypeError, KeyError and RecursionError.
    """
    where = json.loads(text)
    zones = (ZoneVisit(str(name), float(enter), float(leave)) for name, enter, leave in where["zones"])
    lines = (Crossing(str(name), float(at), "in" if way == "in" else "out") for name, at, way in where["lines"])
    return tuple(zones), tuple(lines)
