"""The list of a live source over hours, days, models and thresholds: nothing kept is lost, nothing is there twice."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from app.core.events import live_log
from app.core.events.index import EventIndex
from app.core.events.judgements import JudgementStore, Verdict
from app.core.events.listing import ListedEvent, ListQuery
from app.core.events.live_archive import LiveArchive
from app.core.events.live_log import KEPT_S, LiveLog
from app.core.events.question import Question
from app.core.events.saying import EventStores
from app.core.events.scene import Scene, Zone
from app.core.frames import FrameResult
from app.ui.events.live_work import LiveWanted, LiveWork
from detector.detections import Candidates
from tests.events.test_live_log import frame_at
from tests.support.kept_events import FPS, FRAMES, labels, seen_at

TODAY = date(2026, 5, 4)
NOON = 12 * 3600.0
ALL = LiveWanted(0.25, Scene((Zone("all", ((0, 0), (1, 0), (1, 1), (0, 1))),)), ListQuery(), 30, TODAY)
WALKER, STANDER, CORNER = range(3)


@pytest.fixture
def stores(tmp_path: Path) -> EventStores:
    names = ("events", "live", "judgements")
    index, live, judgements = (tmp_path / "data" / f"{name}.sqlite" for name in names)
    return EventStores(EventIndex(index), LiveArchive(live), JudgementStore(judgements))


def work_of(stores: EventStores, day: date = TODAY, source: str = "camera:front") -> LiveWork:
    return LiveWork(source, "Front", day, stores, threading.Lock())


def filled(log: LiveLog | None = None, since: int = 0) -> LiveLog:
    """A log of the usual film, so many seconds after noon."""
    log = log or LiveLog(Fraction(NOON), (96, 64))
    for index in range(FRAMES):
        log.take(frame_at(since + index / FPS, seen_at(index)), 0.25, 0.45)
    return log


def told(rows: tuple[ListedEvent, ...]) -> list[tuple[str, float, float]]:
    return [(row.label, round(row.start_s - NOON, 1), round(row.end_s - NOON, 1)) for row in rows]


def usual(shift: float = 0.0) -> list[tuple[str, float, float]]:
    names = labels()
    spans = ((CORNER, 0.0, 5.9), (WALKER, 0.5, 2.7), (STANDER, 3.5, 5.9))
    return [(names[one], begin + shift, end + shift) for one, begin, end in spans]


def test_what_is_older_than_an_hour_stays_in_the_list(stores: EventStores) -> None:
    work, log = work_of(stores), filled()
    assert told(work.make(log.sightings(), ALL).shown.rows) == usual()
    much_later = int(KEPT_S) + 10
    made = work.make(filled(log, much_later).sightings(), ALL)
    assert told(made.shown.rows) == usual() + usual(much_later)
    assert len(stores.archive.of()) == 6
    assert {visit.zone for row in made.shown.rows for visit in row.zones} == {"all"}


def test_one_that_lasts_longer_than_is_remembered_keeps_its_beginning(
    stores: EventStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_log, "KEPT_S", 60.0)
    work, log = work_of(stores), LiveLog(Fraction(NOON), (96, 64))
    end = 200
    for step in range(end):
        log.take(frame_at(Fraction(9, 10) * step, seen_at(0)), 0.25, 0.45)  # the third alone, always there
        if step % 50 == 49:
            made = work.make(log.sightings(), ALL)
    last_s = round(0.9 * (end - 1), 1)
    assert log.sightings().frames[0].time_s > NOON + 60
    assert told(made.shown.rows) == [(labels()[CORNER], 0.0, last_s)]
    (visit,) = made.shown.rows[0].zones
    assert (visit.enter_s - NOON, visit.leave_s - NOON) == (0.0, pytest.approx(last_s))
    assert len(stores.archive.of()) == 1


def test_a_higher_threshold_lists_less_and_loses_nothing(stores: EventStores) -> None:
    work, seen = work_of(stores), filled().sightings()
    work.make(seen, ALL)
    assert len(work.make(seen, replace(ALL, threshold=0.7)).shown.rows) == 1
    assert len(stores.archive.of()) == 3
    assert told(work.make(seen, ALL).shown.rows) == usual()
    assert len(stores.archive.of()) == 3


def test_what_goes_on_is_kept_now_and_then_and_at_the_end_as_it_is(stores: EventStores) -> None:
    work, log = work_of(stores), LiveLog(Fraction(NOON), (96, 64))
    ends = []
    for step in range(25):
        log.take(frame_at(Fraction(step, 2), seen_at(0)), 0.25, 0.45)
        if step % 2:
            work.make(log.sightings(), ALL)
            ends.append(stores.archive.of()[0].event.end_s - NOON)
    assert ends == [0.5, 0.5, 0.5, 0.5, 0.5, 5.5, 5.5, 5.5, 5.5, 5.5, 10.5, 10.5]
    work.make(log.sightings(), replace(ALL, is_last=True))
    assert [one.event.end_s - NOON for one in stores.archive.of()] == [12.0]


def test_another_model_begins_anew_and_leaves_what_was_kept(stores: EventStores) -> None:
    work, log = work_of(stores), filled()
    work.make(log.sightings(), ALL)
    empty = frame_at(Fraction(7), Candidates.empty())
    log.take(FrameResult(empty.frame, Candidates.empty(), ("other",), "other"), 0.25, 0.45)
    made = work.make(log.sightings(), ALL)
    assert sorted(told(made.shown.rows)) == sorted(usual())
    assert {item.session.model for item in made.items} == {"demo"}


def test_the_next_day_has_the_events_of_the_day_before_with_their_verdicts(stores: EventStores) -> None:
    work, seen = work_of(stores), filled().sightings()
    made = work.make(seen, ALL)
    work.say([(made.items[1], Verdict(name="Anna"))])
    assert [row.verdict.name for row in work.make(seen, ALL).shown.rows] == ["", "Anna", ""]
    tomorrow = replace(ALL, today=TODAY + timedelta(days=1))
    nothing = LiveLog(Fraction(NOON), (96, 64)).sightings()
    after = work_of(stores, tomorrow.today)
    rows = after.make(nothing, tomorrow).shown.rows
    assert sorted(told(rows)) == sorted(usual(-86_400.0))
    assert [row.verdict.name for row in rows if row.label == labels()[WALKER]] == ["Anna"]
    assert len(after.make(nothing, tomorrow).shown.listed) == 3
    today_only = replace(tomorrow, query=ListQuery(Question(from_s=1.0)))
    assert after.make(nothing, today_only).shown.listed == ()
    assert work_of(stores, tomorrow.today, "camera:back").make(nothing, tomorrow).shown.rows == ()
    late = replace(ALL, today=TODAY + timedelta(days=40))
    left = work_of(stores, late.today).make(nothing, late).shown.rows
    assert [row.verdict.name for row in left] == ["Anna"]


def test_what_cannot_be_kept_is_listed_and_said(stores: EventStores, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "live.sqlite").write_bytes(b"this is no database " * 100)
    shown = work_of(stores).make(filled().sightings(), ALL).shown
    assert told(shown.rows) == usual()
    assert not shown.is_kept
    assert "live.sqlite" in shown.note
