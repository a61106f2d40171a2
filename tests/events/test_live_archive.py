"""Events of live sources outlive the program: they grow together, keep what was said, and stay within their bounds."""

from __future__ import annotations

import sqlite3
import stat
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import AppError
from app.core.events import live_archive
from app.core.events.event import Crossing, Event, ZoneVisit
from app.core.events.geometry import anchors_of
from app.core.events.judgements import JudgementStore, Verdict
from app.core.events.kept_event import MAX_SIGHTINGS, KeptEvent, KeptSession
from app.core.events.live_archive import LiveArchive

SIZE = (640, 480)
TODAY = date(2026, 5, 4)
FRONT = KeptSession("live/1", "camera:front", "Front", TODAY, "demo", SIZE)
BACK = KeptSession("live/2", "camera:back", "Back", TODAY, "demo", SIZE)


def event_between(start_s: float, end_s: float, *tracks: int, top: float = 0.9, top_at: float = 0.5) -> Event:
    times = np.linspace(start_s, end_s, round((end_s - start_s) * 10) + 1)
    boxes = np.stack([times % 100, np.full_like(times, 10), times % 100 + 50, np.full_like(times, 200)], 1)
    boxes = boxes.astype(np.float32)
    scores = np.full(len(times), 0.5, np.float32)
    best = round(top_at * (len(times) - 1))
    scores[best] = top
    numbers = tracks or (1,)
    columns = (np.arange(len(times)), times, boxes, anchors_of(boxes, *SIZE), scores)
    return Event(1, numbers[0], 0, "person", *columns, best, 1.0, tracks=numbers)


def picture_of(event: Event) -> bytes:
    return f"{event.start_s:g} {event.max_score:.2f}".encode()


@pytest.fixture
def archive(tmp_path: Path) -> LiveArchive:
    return LiveArchive(tmp_path / "data" / "live.sqlite")


def test_an_event_comes_back_as_it_was_with_few_of_its_sightings(archive: LiveArchive, tmp_path: Path) -> None:
    visits, crossings = (ZoneVisit("door", 1.5, 90.0),), (Crossing("gate", 3.0, "out"),)
    event = replace(event_between(1.0, 100.0, 4, 9), zones=visits, crossings=crossings)
    (kept,) = archive.keep([KeptEvent(FRONT, event, (7, 8), Verdict(True, False, "Anna"))], picture_of)
    (read,) = archive.of("camera:front")
    assert (read.session.name, read.session.day, read.session.size) == ("Front", TODAY, SIZE)
    assert (read.numbers, read.verdict, read.id) == ((7, 8), Verdict(True, False, "Anna"), kept.id)
    assert (read.event.tracks, read.event.zones, read.event.crossings) == ((4, 9), visits, crossings)
    assert (read.event.start_s, read.event.end_s, read.event.still_s) == (1.0, 100.0, 1.0)
    assert read.event.max_score == event.max_score
    assert read.event.times_s[read.event.best] == event.times_s[event.best]
    assert len(read.event.times_s) <= MAX_SIGHTINGS
    places = np.searchsorted(event.times_s, read.event.times_s)
    assert (event.boxes_xyxy[places] == read.event.boxes_xyxy).all()
    assert (event.anchors[places] == read.event.anchors).all()
    assert archive.picture(kept.id) == b"1 0.90"
    assert archive.picture(999) is None
    assert archive.of("camera:back") == ()
    assert stat.S_IMODE((tmp_path / "data" / "live.sqlite").stat().st_mode) == 0o600


def test_an_event_that_grows_is_one_and_keeps_its_best_picture(archive: LiveArchive) -> None:
    archive.keep([KeptEvent(FRONT, event_between(1.0, 5.0, 3, top=0.8), (2,))], picture_of)
    (kept,) = archive.keep([KeptEvent(FRONT, event_between(1.0, 9.0, 3, top=0.95), (2, 6))], picture_of)
    assert archive.picture(kept.id) == b"1 0.95"
    late = replace(event_between(4.0, 12.0, 3, top=0.7), zones=(ZoneVisit("door", 4.0, 11.0),))
    (kept,) = archive.keep([KeptEvent(FRONT, late, (6,))], picture_of)
    (read,) = archive.of()
    assert (read.event.start_s, read.event.end_s, read.numbers) == (1.0, 12.0, (2, 6))
    assert read.event.max_score == np.float32(0.95)
    assert archive.picture(read.id) == b"1 0.95"
    assert (np.diff(read.event.times_s) >= 0).all()


def test_a_stay_whose_beginning_is_forgotten_goes_on(archive: LiveArchive) -> None:
    first = replace(event_between(0.0, 10.0), zones=(ZoneVisit("door", 2.0, 10.0), ZoneVisit("yard", 1.0, 3.0)))
    then = replace(event_between(6.0, 14.0), zones=(ZoneVisit("door", 6.0, 13.0), ZoneVisit("yard", 12.0, 14.0)))
    archive.keep([KeptEvent(FRONT, first)], picture_of)
    archive.keep([KeptEvent(FRONT, then)], picture_of)
    (read,) = archive.of()
    stays = (ZoneVisit("yard", 1.0, 3.0), ZoneVisit("door", 2.0, 13.0), ZoneVisit("yard", 12.0, 14.0))
    assert read.event.zones == stays


def test_others_stay_others(archive: LiveArchive) -> None:
    events = [event_between(1.0, 3.0, 1), event_between(1.0, 3.0, 2), event_between(5.0, 6.0, 1)]
    archive.keep([KeptEvent(FRONT, event) for event in events], picture_of)
    archive.keep([KeptEvent(BACK, event_between(1.0, 3.0, 1))], picture_of)
    assert len(archive.of("camera:front")) == 3
    assert len(archive.of()) == 4
    first = archive.of("camera:back")[0]
    archive.say([(first.id, Verdict(rejected=True))])
    assert [one.verdict.rejected for one in archive.of()] == [one.id == first.id for one in archive.of()]


def test_what_is_old_goes_unless_it_was_marked_or_named(archive: LiveArchive) -> None:
    old = replace(FRONT, key="live/old", day=TODAY - timedelta(days=40))
    gone = replace(BACK, day=TODAY - timedelta(days=31))
    said = (Verdict(marked=True), Verdict(name="Anna"), Verdict(rejected=True), Verdict())
    archive.keep([KeptEvent(old, event_between(1.0, 3.0, 1 + n), verdict=v) for n, v in enumerate(said)], picture_of)
    archive.keep([KeptEvent(gone, event_between(1.0, 3.0))], picture_of)
    archive.keep([KeptEvent(FRONT, event_between(1.0, 3.0))], picture_of)
    assert archive.forget_old(30, TODAY) == ("live/2",)
    assert [(one.session.key, one.verdict.name) for one in archive.of()] == [
        ("live/old", ""),
        ("live/old", "Anna"),
        ("live/1", ""),
    ]
    assert set(archive.forget_old(0, TODAY)) == {"live/old", "live/1"}
    assert archive.of() == ()


def test_where_there_are_too_many_the_oldest_go_and_what_was_marked_goes_last(
    archive: LiveArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [
        KeptEvent(FRONT, event_between(float(n), n + 0.5, n), verdict=Verdict(marked=n == 1)) for n in range(1, 6)
    ]
    archive.keep(events, picture_of)
    monkeypatch.setattr(live_archive, "MOST_EVENTS", 3)
    archive.forget_old(30, TODAY)
    assert [one.event.start_s for one in archive.of()] == [1.0, 4.0, 5.0]
    monkeypatch.setattr(live_archive, "MOST_BYTES", 100)
    archive.forget_old(30, TODAY)
    assert archive.of() == ()


def test_a_damaged_file_says_so_and_a_damaged_row_is_passed_by(archive: LiveArchive, tmp_path: Path) -> None:
    archive.keep([KeptEvent(FRONT, event_between(float(n), n + 1.0, n + 1)) for n in range(3)], picture_of)
    path = tmp_path / "data" / "live.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("UPDATE events SET sightings = x'00' WHERE id = 1")
        database.execute("UPDATE events SET tracks = 'no' WHERE id = 2")
    database.close()
    assert [one.id for one in archive.of()] == [3]
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(AppError, match="cannot be kept or read"):
        archive.keep([KeptEvent(FRONT, event_between(0.0, 1.0))], picture_of)
    with pytest.raises(AppError):
        archive.of()


def test_judgements_of_what_is_gone_are_forgotten(tmp_path: Path) -> None:
    store = JudgementStore(tmp_path / "judgements.sqlite")
    store.forget(["live/1"])
    for key in ("live/1", "live/2"):
        store.keep(key, event_between(0.0, 1.0), SIZE, Verdict(marked=True))
    store.forget(["live/1"])
    assert (len(store.of("live/1")), len(store.of("live/2"))) == (0, 1)
