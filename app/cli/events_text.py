"""How ``events`` says its answer: a table, and counts below it. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.console import Console, table
from app.cli.times import clock

if TYPE_CHECKING:
    from app.core.events.answer import Answer
    from app.core.events.event import Event


def tell_answer(given: Answer, console: Console) -> None:
    """Say one line for each event, then how many there are, and how often each line was crossed."""
    several = len(given.sources) > 1
    head = ("id", *(("video",) if several else ()), "class", "start", "end", "lasts", "still", "score", "where")
    rows = [
        (
            str(source.number(event)),
            *((source.path.name,) if several else ()),
            event.label,
            clock(event.start_s),
            clock(event.end_s),
            f"{event.duration_s:.1f} s",
            f"{event.still_s:.1f} s",
            f"{event.max_score:.2f}",
            f"{_where(event)} (rejected)".lstrip() if event.id in source.rejected else _where(event),
        )
        for source, event in given.each()
    ]
    for line in table([head, *rows]) if rows else ():
        console.say(line)
    counted = ", ".join(f"{count} {label}" for label, count in given.counts.items()) or "none"
    total = sum(source.total for source in given.sources)
    console.say(f"{len(rows)} of {total} events: {counted}")
    for name, ways in given.lines.items():
        console.say(f"{name}: {ways['in']} in, {ways['out']} out")


def _where(event: Event) -> str:
    visits = [f"{visit.zone} {clock(visit.enter_s)}-{clock(visit.leave_s)}" for visit in event.zones]
    crossings = [f"{crossing.line} {crossing.direction} {clock(crossing.time_s)}" for crossing in event.crossings]
    return ", ".join(visits + crossings)
