"""The list shows what a question answers, in the order asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.core.candidate_cache.store import CandidateStore
from app.core.events.event import Event
from app.core.events.find import find_events
from app.core.events.judgements import Verdict
from app.core.events.listing import Judged, ListQuery, Sort, listed, listed_event
from app.core.events.question import Question
from app.core.events.scene import Line, Scene, Zone
from app.core.events.trajectories import follow
from tests.support.kept_events import FPS, FRAMES, labels, make_analysed

_SCENE = Scene(
    (Zone("left half", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))),), (Line("gate", ((0.3, 0.0), (0.3, 1.0))),)
)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> tuple[Event, ...]:
    """The corner (1), the walker (2), the stander (3)."""
    video: Path = make_analysed(tmp_path_factory.mktemp("video"))
    with CandidateStore.open(video.with_name(video.name + ".ssdv")) as store:
        return find_events(follow(store, 0.25, 0.45), 0.25, _SCENE)


def numbers(events: tuple[Event, ...], query: ListQuery, verdicts: dict[int, Verdict] | None = None) -> list[int]:
    pts_s = [index / FPS for index in range(FRAMES)]
    rows = [replace(listed_event(one, pts_s), verdict=(verdicts or {}).get(one.id, Verdict())) for one in events]
    return [row.number for row in listed(rows, labels(), query)]


@pytest.mark.parametrize(
    "question",
    [
        Question(),
        Question(classes=(labels()[1],)),
        Question(zone="left half"),
        Question(zone="LEFT half", min_duration_s=1.4),
        Question(line="gate"),
        Question(line="gate", direction="in"),
        Question(line="gate", direction="out"),
        Question(direction="out"),
        Question(min_duration_s=3.0),
        Question(still_s=1.0),
        Question(min_score=0.65),
        Question(from_s=4.0),
        Question(to_s=0.3),
    ],
)
def test_a_question_has_the_same_answer_in_the_list(events: tuple[Event, ...], question: Question) -> None:
    chosen = [event.id for event in question.chosen(events, labels())]
    assert numbers(events, ListQuery(question)) == chosen
    assert numbers(events, ListQuery(question, backwards=True)) == chosen[::-1]


@pytest.mark.parametrize(
    ("sort", "order"),
    [("time", [1, 2, 3]), ("duration", [1, 3, 2]), ("score", [3, 2, 1]), ("still", [1, 3, 2])],
)
def test_the_order(events: tuple[Event, ...], sort: Sort, order: list[int]) -> None:
    assert numbers(events, ListQuery(sort=sort)) == order


def test_by_class_is_by_the_alphabet_and_then_by_time(events: tuple[Event, ...]) -> None:
    expected = [event.id for event in sorted(events, key=lambda event: (event.label, event.start_s))]
    assert numbers(events, ListQuery(sort="class")) == expected


@pytest.mark.parametrize(
    ("words", "found"),
    [("", [1, 2, 3]), ("#2", [2]), ("GATE", [2]), ("gate left", [2]), ("anna", [3]), ("anna gate", []), ("#", [])],
)
def test_every_word_of_a_search_must_be_found(events: tuple[Event, ...], words: str, found: list[int]) -> None:
    assert numbers(events, ListQuery(words=words), {3: Verdict(name="Anna")}) == found


def test_a_search_finds_classes(events: tuple[Event, ...]) -> None:
    for event in events:
        same = [other.id for other in events if event.label in other.label]
        assert numbers(events, ListQuery(words=event.label)) == same


@pytest.mark.parametrize(
    ("judged", "found"),
    [("all", [1, 2, 3]), ("marked", [1]), ("named", [3]), ("rejected", [2]), ("not rejected", [1, 3])],
)
def test_what_was_said(events: tuple[Event, ...], judged: Judged, found: list[int]) -> None:
    said = {1: Verdict(marked=True), 2: Verdict(rejected=True), 3: Verdict(name="Anna")}
    assert numbers(events, ListQuery(judged=judged), said) == found
    assert ListQuery(judged=judged).is_everything == (judged == "all")
