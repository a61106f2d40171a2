"""Chooses among events: which class, zone, line, how long, when. Pure; docs/events.md says what each choice means."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from app.core.events.event import Crossing, Direction, Event, ZoneVisit
from detector.class_names import chosen_ids


class AskedEvent(Protocol):
    """The properties that a question looks at; attributes as for ``Event``."""

    @property
    def class_id(self) -> int: ...
    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...
    @property
    def max_score(self) -> float: ...
    @property
    def still_s(self) -> float: ...
    @property
    def zones(self) -> tuple[ZoneVisit, ...]: ...
    @property
    def crossings(self) -> tuple[Crossing, ...]: ...


@dataclass(frozen=True, slots=True)
class Question:
    """Conditions on an event; everything that is set must be true of it.

    Attributes:
        classes: One of these; empty for all.
        zone: It stayed in this zone; "" for anywhere.
        line: It crossed this line; "" for any or none.
        direction: It crossed the line, or one of the lines, this way; None for either.
        min_duration_s: It was there for so long; where a zone is asked for, in one stay in it.
        still_s: It stood still for so long.
        from_s: It was there, in the zone, or crossed then or later.
        to_s: ... then or earlier.
        min_score: Its best score is at least this.
    """

    classes: tuple[str, ...] = ()
    zone: str = ""
    line: str = ""
    direction: Direction | None = None
    min_duration_s: float = 0.0
    still_s: float = 0.0
    from_s: float = 0.0
    to_s: float = math.inf
    min_score: float = 0.0

    def chosen(self, events: Iterable[Event], labels: Sequence[str]) -> tuple[Event, ...]:
        """Returns the events that fit, each with those crossings alone that were asked for."""
        ids = chosen_ids(self.classes, tuple(labels))
        fitting = (event for event in events if self.fits(event, ids))
        return tuple(replace(event, crossings=self._crossings(event)) for event in fitting)

    def fits(self, event: AskedEvent, ids: Collection[int]) -> bool:
        """Tells whether all that is set is true of an event.

        Args:
            event: The event.
            ids: ``chosen_ids`` of the classes, among the labels of the event's model.
        """
        if self.classes and event.class_id not in ids:
            return False
        if event.max_score < self.min_score or event.still_s < self.still_s:
            return False
        if (self.line or self.direction) and not self._crossings(event):
            return False
        spans = [(event.start_s, event.end_s)]
        if self.zone:
            spans = [(v.enter_s, v.leave_s) for v in event.zones if v.zone.casefold() == self.zone.casefold()]
        return any(
            end - start >= self.min_duration_s and start <= self.to_s and end >= self.from_s for start, end in spans
        )

    def _crossings(self, event: AskedEvent) -> tuple[Crossing, ...]:
        return tuple(
            crossing
            for crossing in event.crossings
            if (not self.line or crossing.line.casefold() == self.line.casefold())
            and self.direction in (None, crossing.direction)
            and self.from_s <= crossing.time_s <= self.to_s
        )
