"""What a person said of an event is known again at another threshold, and of no other event."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.core.candidate_cache.store import CandidateStore
from app.core.errors import AppError
from app.core.events.event import Event
from app.core.events.find import find_events
from app.core.events.judgements import JudgementStore, Verdict, judged
from app.core.events.trajectories import follow
from tests.support.kept_events import SIZE, make_analysed

REJECTED = Verdict(rejected=True)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_analysed(tmp_path_factory.mktemp("video"))


def events_at(video: Path, threshold: float) -> tuple[Event, ...]:
    with CandidateStore.open(video.with_name(video.name + ".ssdv")) as store:
        return find_events(follow(store, threshold, 0.45), threshold)


@pytest.fixture
def store(tmp_path: Path) -> JudgementStore:
    return JudgementStore(tmp_path / "data" / "judgements.sqlite")


def test_a_verdict_is_known_again_at_any_threshold(video: Path, store: JudgementStore) -> None:
    corner, walker, stander = events_at(video, 0.25)
    store.keep("v", walker, SIZE, Verdict(rejected=True, name=" Anna "))
    store.keep("v", stander, SIZE, Verdict(marked=True))
    for threshold in (0.25, 0.5, 0.6):
        found = judged(events_at(video, threshold), SIZE, store.of("v"))
        by_class = {event.label: found.get(event.id) for event in events_at(video, threshold)}
        assert by_class.pop(corner.label, None) is None
        assert by_class == {walker.label: Verdict(rejected=True, name="Anna"), stander.label: Verdict(marked=True)}
    assert judged(events_at(video, 0.95), SIZE, store.of("v")) == {}
    assert store.of("another video") == ()


def test_the_last_word_counts_and_can_be_taken_back(video: Path, store: JudgementStore) -> None:
    _, walker, stander = events_at(video, 0.25)
    store.keep_all("v", [(walker, REJECTED), (stander, REJECTED)], SIZE)
    (again, _) = events_at(video, 0.6)
    store.keep("v", again, SIZE, Verdict(marked=True))
    assert len(store.of("v")) == 2
    found = judged(events_at(video, 0.25), SIZE, store.of("v"))
    assert found == {walker.id: Verdict(marked=True), stander.id: REJECTED}
    store.keep("v", walker, SIZE, Verdict())
    assert [one.label for one in store.of("v")] == [stander.label]


def test_an_event_of_another_class_moment_or_place_is_another(video: Path, store: JudgementStore) -> None:
    _, walker, _ = events_at(video, 0.25)
    store.keep("v", walker, SIZE, REJECTED)
    said = store.of("v")
    others = (
        replace(walker, label="something else"),
        replace(walker, times_s=walker.times_s + 10),
        replace(walker, boxes_xyxy=walker.boxes_xyxy + np.float32(40)),
    )
    assert judged([walker], SIZE, said) == {walker.id: REJECTED}
    assert [judged([other], SIZE, said) for other in others] == [{}] * 3


def test_what_makes_no_sense_in_the_file_is_left_out(video: Path, store: JudgementStore, tmp_path: Path) -> None:
    _, walker, _ = events_at(video, 0.25)
    store.keep("v", walker, SIZE, REJECTED)
    with sqlite3.connect(tmp_path / "data" / "judgements.sqlite") as database:
        row = "INSERT INTO judgements VALUES (NULL, 'v', 'person', ?, ?, 0, 1, 1, 0, 1, 'x')"
        database.executemany(row, [("soon", 0.0), (1.0, float("inf"))])
    database.close()
    assert len(store.of("v")) == 1


def test_a_file_that_is_no_database_is_named_and_left_alone(store: JudgementStore, video: Path, tmp_path: Path) -> None:
    path = tmp_path / "data" / "judgements.sqlite"
    path.parent.mkdir()
    path.write_bytes(b"no database at all, but somebody's notes" * 50)
    before = path.read_bytes()
    _, walker, _ = events_at(video, 0.25)
    for use in (lambda: store.of("v"), lambda: store.keep("v", walker, SIZE, REJECTED)):
        with pytest.raises(AppError) as raised:
            use()
        assert str(path) in raised.value.hint
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_said_in_a_line(video: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    _, walker, _ = events_at(video, 0.25)
    with pytest.raises(AppError):
        JudgementStore(tmp_path / "file" / "judgements.sqlite").keep("v", walker, SIZE, REJECTED)
