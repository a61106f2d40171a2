"""Makes the list of events of a live source out of what is remembered and what is kept of it. No Qt.

Workers call it, several at a time if need be.
"""

from __future__ import annotations

import math
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from app.core.errors import AppError
from app.core.events.appearances import GAP_S
from app.core.events.event import Event
from app.core.events.find import find_events
from app.core.events.judgements import NOTHING_SAID, Judgement, Verdict, judged
from app.core.events.kept_event import KeptEvent, KeptSession, is_same, joined
from app.core.events.listing import ListedEvent, ListQuery, listed
from app.core.events.live_log import LiveSightings
from app.core.events.saying import EventStores
from app.core.events.scene import Scene
from app.ui.events.event_work import ShownList

_KEPT_EVERY_S = 5.0  # an event that goes on
_JUST_S = 1.0  # an event that begins so soon after the first frame may have begun before it


@dataclass(frozen=True, slots=True)
class LiveWanted:
    """The request for a list.

    Attributes:
        threshold: Least score of what begins and ends an event.
        scene: Zones, lines and masks.
        query: Which events are listed.
        days: How many days events are kept; 0 for not at all.
        today: The present day.
        is_last: Nothing more comes of the source: all is kept as it is now.
    """

    threshold: float
    scene: Scene
    query: ListQuery
    days: int
    today: date
    is_last: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class LiveList:
    """A list, and what it was made of.

    Attributes:
        shown: The list as the panel shows it.
        items: All its events.
        seen: What is remembered.
    """

    shown: ShownList
    items: tuple[KeptEvent, ...]
    seen: LiveSightings

    def picture(self, row: ListedEvent) -> bytes | None:
        """Returns the best picture of an event that is remembered, JPEG."""
        return self.seen.picture(self.items[row.number - 1].event)


class LiveWork:
    """The events of one source from when it is opened until it is closed.

    Args:
        source: By what the source is known.
        name: Its name, for people.
        day: The day on which it is opened.
        stores: Keep events and what was said of them.
        lock: Held meanwhile: whoever comes next reads what was kept last.
    """

    def __init__(
        self,
        source: str,
        name: str,
        day: date,
        stores: EventStores,
        lock: threading.Lock,
    ) -> None:
        self._source, self._name, self._day = source, name, day
        self._stores = stores
        self._lock = lock
        self._session: KeptSession | None = None
        self._generation = 0
        self._said: tuple[Judgement, ...] = ()
        self._earlier: list[KeptEvent] = []  # those that are kept, and of which nothing is remembered
        self._read_on: date | None = None
        self._saved: dict[int, _Saved] = {}  # of the others, by ``KeptEvent.id``

    def make(self, seen: LiveSightings, wanted: LiveWanted) -> LiveList:
        """Returns the list, and keeps what is new."""
        with self._lock:
            followed = seen.trajectories()
            events = find_events(followed, max(wanted.threshold, followed.floor), wanted.scene)
            present = self._judged(self._session_of(seen), events, seen)
            note = ""
            if wanted.days:
                try:
                    self._read(wanted)
                    present = self._keep(present, seen, wanted.is_last)
                except AppError as error:
                    note = f"{error.message} {error.hint}".strip()
                self._let_go(seen)
            items = (*(self._earlier if wanted.days else ()), *present)
            return LiveList(self._shown(items, seen.labels, wanted, note), items, seen)

    def say(self, verdicts: Sequence[tuple[KeptEvent, Verdict]]) -> None:
        """Remembers what a person said of events.

        Raises:
            AppError: It cannot be kept.
        """
        with self._lock:
            self._stores.say_live(verdicts)
            by_id = {item.id: verdict for item, verdict in verdicts if item.id}
            self._earlier = [replace(one, verdict=by_id.get(one.id, one.verdict)) for one in self._earlier]
            self._read_said()

    def read_again(self) -> None:
        """Reads what was said of events elsewhere; raises as ``say``."""
        with self._lock:
            self._read_on = None
            self._read_said()

    def _read_said(self) -> None:
        if self._session is not None:
            self._said = self._stores.judgements.of(self._session.key)

    def _session_of(self, seen: LiveSightings) -> KeptSession:
        if self._session is None or self._generation != seen.generation:
            self._generation, self._said = seen.generation, ()
            self._earlier += [saved.kept for saved in self._saved.values()]
            self._saved = {}
            key = f"live/{uuid.uuid4().hex}"
            self._session = KeptSession(key, self._source, self._name, self._day, seen.model, seen.size)
        return self._session

    def _judged(self, session: KeptSession, events: Sequence[Event], seen: LiveSightings) -> list[KeptEvent]:
        verdicts = judged(events, session.size, self._said)
        return [
            KeptEvent(session, event, numbers, verdicts.get(event.id, NOTHING_SAID))
            for event, numbers in zip(events, seen.shown_as(events), strict=True)
        ]

    def _read(self, wanted: LiveWanted) -> None:
        """Reads what is kept of the source, once a day; what is too old goes."""
        if self._read_on != wanted.today:
            self._stores.judgements.forget(self._stores.archive.forget_old(wanted.days, wanted.today))
            self._earlier = [kept for kept in self._stores.archive.of(self._source) if kept.id not in self._saved]
            self._read_on = wanted.today

    def _keep(self, present: list[KeptEvent], seen: LiveSightings, is_last: bool) -> list[KeptEvent]:
        """Keeps what is other than before; returns all, with their numbers."""
        now_s = math.inf if is_last or not seen.frames else float(seen.frames[-1].time_s)
        places = _places_by_track(self._saved)
        numbers = [self._known(one, places) for one in present]
        states = [_state_of(one, now_s) for one in present]
        other = [
            place
            for place, number in enumerate(numbers)
            if number is None or self._saved[number].state != states[place]
        ]
        kept = self._stores.archive.keep([present[place] for place in other], seen.picture)
        for place, one in zip(other, kept, strict=True):
            numbers[place] = one.id
            self._saved[one.id] = _Saved(one, states[place])
        begins_s = float(seen.frames[0].time_s) if seen.frames else 0.0
        return [
            self._whole(one, self._saved[number].kept, begins_s)
            for one, number in zip(present, numbers, strict=True)
            if number is not None
        ]

    def _known(self, one: KeptEvent, places: dict[int, list[int]]) -> int | None:
        numbers = (number for track in one.event.tracks for number in places.get(track, ()))
        return next((number for number in numbers if is_same(self._saved[number].kept.event, one.event)), None)

    @staticmethod
    def _whole(one: KeptEvent, kept: KeptEvent, begins_s: float) -> KeptEvent:
        """The event as it is remembered, joined with what is kept where its beginning is remembered no more."""
        cut_off = one.event.start_s < begins_s + _JUST_S and kept.event.start_s < one.event.start_s
        return replace(one, id=kept.id, event=joined(kept.event, one.event) if cut_off else one.event)

    def _let_go(self, seen: LiveSightings) -> None:
        """Notes of which events nothing is remembered any more."""
        begins_s = float(seen.frames[0].time_s) if seen.frames else 0.0
        for number, saved in list(self._saved.items()):
            if saved.kept.event.end_s < begins_s:
                self._earlier.append(saved.kept)
                del self._saved[number]

    def _shown(self, items: Sequence[KeptEvent], labels: tuple[str, ...], wanted: LiveWanted, note: str) -> ShownList:
        every = tuple(dict.fromkeys((*labels, *(item.event.label for item in items))))
        class_of = {label: place for place, label in enumerate(every)}
        rows = tuple(item.listed(place + 1, class_of[item.event.label], self._day) for place, item in enumerate(items))
        question = wanted.query.question
        if question.from_s <= 0.0:  # nobody asked for it: also what was there on the days before
            question = replace(question, from_s=-math.inf)
        found = listed(rows, every, replace(wanted.query, question=question))
        events = tuple(item.event for item in items)
        return ShownList(
            rows, found, every, wanted.scene, events, wanted.query, note=note, is_kept=bool(wanted.days and not note)
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Saved:
    """An event that is kept and remembered; ``state`` says what it was like."""

    kept: KeptEvent
    state: tuple[object, ...]


def _state_of(one: KeptEvent, now_s: float) -> tuple[object, ...]:
    """What an event is like; while it goes on, its last moment changes it now and then only."""
    event = one.event
    end_s = event.end_s if event.end_s < now_s - GAP_S else event.end_s // _KEPT_EVERY_S
    places = (tuple((visit.zone, visit.enter_s) for visit in event.zones), event.crossings)
    return event.start_s, end_s, event.max_score, places, one.numbers, one.verdict


def _places_by_track(saved: dict[int, _Saved]) -> dict[int, list[int]]:
    places: dict[int, list[int]] = {}
    for number, one in saved.items():
        for track in one.kept.event.tracks:
            places.setdefault(track, []).append(number)
    return places
