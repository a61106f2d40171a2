"""An event of a live source as it is kept: with fewer sightings, and joined with what was kept of it before. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np

from app.core.events.event import Event, ZoneVisit
from app.core.events.geometry import anchors_of
from app.core.events.judgements import NOTHING_SAID, Verdict
from app.core.events.listing import ListedEvent, LiveFacts

MAX_SIGHTINGS = 120
_SIGHTING = np.dtype([("frame", "<i8"), ("time", "<f8"), ("box", "<f4", 4), ("score", "<f4")])
_PACKED = ("frames", "times_s", "boxes_xyxy", "scores")
_COLUMNS = (*_PACKED, "anchors")
_BEGIN_S = 1.0  # a stay that begins so soon after the first sighting may have begun before it


@dataclass(frozen=True, slots=True, eq=False)
class KeptSession:
    """From when a live source is opened until it is closed, or shows another size of frames, or another model looks.

    Attributes:
        key: Stands for it among judgements, as the fingerprint of a video does.
        source: By what the source is known: its id, or its address without what is secret in it.
        name: The source's name, for people.
        day: From whose midnight times count.
        model: Whose detections they are.
        size: (width, height) of the frames, pixels.
    """

    key: str
    source: str
    name: str
    day: date
    model: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class KeptEvent:
    """An event of a live source.

    Attributes:
        session: Where it is of.
        event: At most ``MAX_SIGHTINGS`` of it, among them the first, the last and the best.
        numbers: Numbers that its object had on the picture.
        verdict: What was said of it.
        id: Its number among all that are kept; 0 while it is not.
    """

    session: KeptSession
    event: Event
    numbers: tuple[int, ...] = ()
    verdict: Verdict = NOTHING_SAID
    id: int = 0

    def listed(self, number: int, class_id: int, day: date, source: str = "") -> ListedEvent:
        """Returns what a list says of it.

        Args:
            number: Its number in the list.
            class_id: Of its class, among the labels of the list.
            day: From whose midnight the list's times count.
            source: As for ``LiveFacts``.
        """
        event, shift = self.event, (self.session.day - day).days * 86_400
        x1, y1, x2, y2 = event.boxes_xyxy[event.best].tolist()
        return ListedEvent(
            number=number,
            class_id=class_id,
            label=event.label,
            start_s=event.start_s + shift,
            end_s=event.end_s + shift,
            max_score=event.max_score,
            still_s=event.still_s,
            best_pts_s=Fraction(float(event.times_s[event.best])) + shift,
            box=(x1, y1, x2, y2),
            zones=tuple(replace(v, enter_s=v.enter_s + shift, leave_s=v.leave_s + shift) for v in event.zones),
            crossings=tuple(replace(crossing, time_s=crossing.time_s + shift) for crossing in event.crossings),
            verdict=self.verdict,
            live=LiveFacts(day, self.numbers, self.id, source),
        )


def thinned(event: Event) -> Event:
    """Returns ``event`` with at most ``MAX_SIGHTINGS`` sightings."""
    count = len(event.times_s)
    if count <= MAX_SIGHTINGS:
        return event
    rows = np.unique(np.append(np.linspace(0, count - 1, MAX_SIGHTINGS - 1).round().astype(np.int64), event.best))
    return replace(event, **_sightings({name: getattr(event, name)[rows] for name in _COLUMNS}))


def joined(before: Event, event: Event) -> Event:
    """Returns what was kept of an event before and what is told of it now as one.

    By now its beginning may be forgotten, or another threshold tell of less or more of it.
    """
    beyond = (before.times_s < event.start_s) | (before.times_s > event.end_s)
    beyond[before.best] |= before.max_score > event.max_score
    both = {name: np.concatenate((getattr(before, name)[beyond], getattr(event, name))) for name in _COLUMNS}
    order = np.argsort(both["times_s"], kind="stable")
    return thinned(
        replace(
            event,
            **_sightings({name: column[order] for name, column in both.items()}),
            tracker_id=before.tracker_id,
            still_s=max(before.still_s, event.still_s),
            zones=_stays(before, event),
            crossings=(*(one for one in before.crossings if one.time_s < event.start_s), *event.crossings),
            tracks=tuple(dict.fromkeys((*before.tracks, *event.tracks))),
        )
    )


def _sightings(columns: dict[str, Any]) -> dict[str, Any]:
    """Columns with the best of their rows."""
    return {**columns, "best": int(columns["scores"].argmax())}


def _stays(before: Event, event: Event) -> tuple[ZoneVisit, ...]:
    """The stays in zones of both; one that goes on where the other begins is one stay."""
    kept = [visit for visit in before.zones if visit.enter_s < event.start_s]
    for visit in event.zones:
        goes_on = [
            place
            for place, one in enumerate(kept)
            if one.zone == visit.zone
            and one.leave_s >= visit.enter_s - _BEGIN_S
            and visit.enter_s < event.start_s + _BEGIN_S
        ]
        if goes_on:
            kept[goes_on[-1]] = replace(kept[goes_on[-1]], leave_s=max(kept[goes_on[-1]].leave_s, visit.leave_s))
        else:
            kept.append(visit)
    return tuple(sorted(kept, key=lambda visit: (visit.enter_s, visit.zone)))


def is_same(one: Event, other: Event) -> bool:
    """Returns whether two events of a session tell of one object at one time."""
    if one.label != other.label or not set(one.tracks) & set(other.tracks):
        return False
    return one.start_s <= other.end_s and other.start_s <= one.end_s


def pack_sightings(event: Event) -> bytes:
    """Returns the sightings of an event as bytes."""
    rows = np.zeros(len(event.times_s), _SIGHTING)
    for name, column in zip(_SIGHTING.names or (), _PACKED, strict=True):
        rows[name] = getattr(event, column)
    return rows.tobytes()


def unpack_sightings(packed: bytes, size: tuple[int, int]) -> dict[str, Any]:
    """Returns the fields of ``Event`` that ``pack_sightings`` packed.

    Args:
        packed: The bytes, which anybody may have changed.
        size: (width, height) of the frames, pixels.

    Raises:
        ValueError: They make no sense.
    """
    rows = np.frombuffer(packed, _SIGHTING)
    numbers = np.concatenate([rows["time"], rows["box"].ravel(), rows["score"]])
    if not 0 < len(rows) <= MAX_SIGHTINGS or not np.isfinite(numbers).all() or (np.diff(rows["time"]) < 0).any():
        raise ValueError("the sightings make no sense")
    columns = {column: rows[name].copy() for name, column in zip(_SIGHTING.names or (), _PACKED, strict=True)}
    return _sightings({**columns, "anchors": anchors_of(columns["boxes_xyxy"], *size)})
