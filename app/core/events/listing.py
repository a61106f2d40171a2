"""The list of events as a person looks at it: filtered, searched and sorted. Pure; quick enough for every key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from fractions import Fraction
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from app.core.events.event import Crossing, Event, ZoneVisit
from app.core.events.judgements import NOTHING_SAID, Box, Verdict
from app.core.events.question import Question
from detector.class_names import chosen_ids, is_found_by

Sort = Literal["time", "duration", "still", "score", "class"]
Judged = Literal["all", "marked", "named", "rejected", "not rejected"]


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """Facts that a list adds to an event of a live source.

    Attributes:
        day: From whose midnight its times count; they are below zero on the days before.
        numbers: Numbers that its object had on the picture.
        kept: Its number among the kept events of live sources; 0 while it is not kept.
        source: The source's name, where there are several.
    """

    day: date
    numbers: tuple[int, ...] = ()
    kept: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """A row of a list of events; attributes as for ``Event``.

    Attributes:
        number: Its number among the events of its video, ``Event.id``.
        best_pts_s: Exact time of its best frame.
        box: Where it was then: x1, y1, x2, y2, pixels.
        verdict: What was said of it.
        video: The video, where there are several.
        live: What else is known of an event of a live source; None for one of a video.
    """

    number: int
    class_id: int
    label: str
    start_s: float
    end_s: float
    max_score: float
    still_s: float
    best_pts_s: Fraction
    box: Box
    zones: tuple[ZoneVisit, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    verdict: Verdict = NOTHING_SAID
    video: Path | None = None
    live: LiveFacts | None = None

    @property
    def shown_as(self) -> tuple[int, ...]:
        """The numbers by which people know it: of a live source those on the picture, which may be none."""
        return (self.number,) if self.live is None else self.live.numbers

    @property
    def wall_span(self) -> tuple[float, float] | None:
        """Its beginning and end, seconds since 1970; None for an event of a video."""
        if self.live is None:
            return None
        midnight_s = datetime.combine(self.live.day, time()).timestamp()
        return midnight_s + self.start_s, midnight_s + self.end_s

    @property
    def best_s(self) -> float:
        """Time of its best frame, seconds."""
        return float(self.best_pts_s)

    @property
    def duration_s(self) -> float:
        """Returns how long it lasted, seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which events are listed, and how.

    Attributes:
        question: What must be true of them.
        judged: What must have been said of them.
        words: Each of these words must be in the class, the name, a zone or line, or be "#NUMBER".
        sort: By what; longest, stillest and best first.
        backwards: The other way round.
    """

    question: Question = field(default_factory=Question)
    judged: Judged = "all"
    words: str = ""
    sort: Sort = "time"
    backwards: bool = False

    @property
    def is_everything(self) -> bool:
        """Returns whether no event is left out."""
        return self.question == Question() and self.judged == "all" and not self.words.strip()


def listed_event(event: Event, pts_s: Sequence[Fraction]) -> ListedEvent:
    """Returns what a list says of ``event``, in a video whose frames have these times."""
    x1, y1, x2, y2 = event.boxes_xyxy[event.best].tolist()
    return ListedEvent(
        event.id,
        event.class_id,
        event.label,
        event.start_s,
        event.end_s,
        event.max_score,
        event.still_s,
        pts_s[int(event.frames[event.best])],
        (x1, y1, x2, y2),
        event.zones,
        event.crossings,
    )


def listed(events: Sequence[ListedEvent], labels: Sequence[str], query: ListQuery) -> tuple[ListedEvent, ...]:
    """Returns the events that ``query`` asks for, in its order.

    Args:
        events: All events, by video and then in the order in which they begin.
        labels: Class names.
        query: What is wanted.
    """
    ids = chosen_ids(query.question.classes, tuple(labels))
    words = [(word, frozenset(label for label in labels if is_found_by(word, label))) for word in query.words.split()]
    said = _JUDGED[query.judged]
    found = [
        event
        for event in events
        if query.question.fits(event, ids) and said(event.verdict) and (not words or _has(event, words))
    ]
    key, descends = _SORTS[query.sort]
    if query.sort != "time":
        found.sort(key=key, reverse=descends)
    if query.backwards:
        found.reverse()
    return tuple(found)


_JUDGED: Mapping[Judged, Callable[[Verdict], bool]] = {
    "all": lambda verdict: True,
    "marked": lambda verdict: verdict.marked,
    "named": lambda verdict: bool(verdict.name),
    "rejected": lambda verdict: verdict.rejected,
    "not rejected": lambda verdict: not verdict.rejected,
}
_SORTS: Mapping[Sort, tuple[Callable[[ListedEvent], Any], bool]] = {
    "time": (attrgetter("start_s"), False),
    "duration": (attrgetter("duration_s"), True),
    "still": (attrgetter("still_s"), True),
    "score": (attrgetter("max_score"), True),
    "class": (attrgetter("label"), False),
}


def _has(event: ListedEvent, words: Sequence[tuple[str, Collection[str]]]) -> bool:
    """Returns whether each word, given with the labels that it finds, is in what is known of the event."""
    names = [event.verdict.name.casefold(), *(visit.zone.casefold() for visit in event.zones)]
    names += [crossing.line.casefold() for crossing in event.crossings]
    names += [event.video.name.casefold()] if event.video is not None else []
    names += [event.live.source.casefold()] if event.live is not None else []
    numbers = {f"#{number}" for number in event.shown_as}
    return all(
        event.label in found or word in numbers or any(word.casefold() in name for name in names)
        for word, found in words
    )
