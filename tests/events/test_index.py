"""The index of all events: what is put in comes out, it is made anew from kept detections, and finds what was moved."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from app.core.errors import AppError
from app.core.events.event import Crossing, ZoneVisit
from app.core.events.index import EventIndex, IndexContent, IndexedVideo, find_moved
from app.core.events.index_filling import IndexSettings, analysed_below, indexed
from app.core.events.judgements import Verdict
from app.core.events.listing import ListedEvent, ListQuery, listed
from app.core.events.question import Question
from app.core.events.scene import Scene
from tests.support.kept_events import labels, make_analysed

A, B = Path("/films/a.mp4"), Path("/films/b.mp4")
_SETTINGS = IndexSettings(lambda _: 0.25, 0.45, lambda _: Scene(), lambda _: ())


def event(number: int, label: str = "car", **more: object) -> ListedEvent:
    made = ListedEvent(number, 0, label, number / 3, number + 0.5, 0.75, 0.1, Fraction(number, 7), (1.5, 2, 30, 40))
    return replace(made, **more)  # type: ignore[arg-type]


def video(path: Path, fingerprint: str = "") -> IndexedVideo:
    return IndexedVideo(fingerprint or path.name, path, 1000, "demo", 0.25, (640, 480))


@pytest.fixture
def index(tmp_path: Path) -> EventIndex:
    return EventIndex(tmp_path / "data" / "events.sqlite")


def test_all_that_is_put_in_comes_out_by_video_and_time(index: EventIndex) -> None:
    assert index.read() == IndexContent()
    told = event(
        2,
        "dog",
        zones=(ZoneVisit("the <door>", 0.5, 1.25),),
        crossings=(Crossing("gate", 1.0, "out"), Crossing("gate", 2.0, "in")),
        verdict=Verdict(marked=True, rejected=True, name="Anna"),
    )
    index.put(video(B), [event(1)])
    index.put(video(A), [event(1), told])
    content = index.read()
    assert content.videos == (video(A), video(B))
    assert content.labels == ("car", "dog")
    expected = (event(1, video=A), replace(told, class_id=1, video=A), event(1, video=B))
    assert content.events == expected
    query = ListQuery(Question(classes=("dog",), line="gate", direction="out"), words="anna a.mp4")
    assert listed(content.events, content.labels, query) == expected[1:2]


def test_a_video_is_put_in_once_whatever_it_is_called(index: EventIndex) -> None:
    index.put(video(A, "content 1"), [event(1), event(2)])
    index.put(video(B, "content 1"), [event(3)])
    assert (index.read().videos, len(index.read().events)) == ((video(B, "content 1"),), 1)
    index.put(video(B, "content 2"), [])  # recorded again
    assert (index.read().videos, index.read().events) == ((video(B, "content 2"),), ())
    index.move("content 2", A)
    assert index.read().videos == (video(A, "content 2"),)


@pytest.mark.parametrize("fault", ["no database", "another version", "nonsense in it"])
def test_a_damaged_index_is_empty_and_made_anew(index: EventIndex, tmp_path: Path, fault: str) -> None:
    path = tmp_path / "data" / "events.sqlite"
    index.put(video(A), [event(1)])
    if fault == "no database":
        path.write_bytes(b"no database" * 500)
    else:
        change = {"another version": "PRAGMA user_version = 9", "nonsense in it": "UPDATE events SET \"where\" = '[]'"}
        database = sqlite3.connect(path)
        database.execute(change[fault])
        database.commit()
        database.close()
    assert index.read() == IndexContent()
    index.put(video(A), [event(1)])
    assert index.read().events == (event(1, video=A),)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "events.sqlite").mkdir()
    with pytest.raises(AppError) as raised:
        EventIndex(tmp_path / "events.sqlite").put(video(A), [])
    assert "events.sqlite" in raised.value.hint
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AppError):
        EventIndex(tmp_path / "file" / "events.sqlite").put(video(A), [])


def test_it_is_filled_from_the_kept_detections_of_a_folder(index: EventIndex, tmp_path: Path) -> None:
    (tmp_path / "films" / "deep").mkdir(parents=True)
    first, second = make_analysed(tmp_path / "films"), make_analysed(tmp_path / "films" / "deep", "b.mp4")
    (tmp_path / "films" / "note.ssdv").write_bytes(b"none of ours")
    shutil.copy(tmp_path / "films" / "street.mp4.ssdv", tmp_path / "films" / "deep" / "street.mp4.ssdv")  # no video
    found = list(analysed_below(tmp_path / "films"))
    assert [path for path, _ in found] == [first, second]
    for one, store in found:
        index.put(*indexed(one, store, _SETTINGS))
    content = index.read()
    # Both have the same content, so they are one video, where it was seen last.
    assert [entry.path for entry in content.videos] == [second]
    corner, walker, stander = labels()[2], labels()[0], labels()[1]
    assert [one.label for one in content.events] == [corner, walker, stander]


def test_a_video_that_was_moved_is_found_by_its_content(tmp_path: Path) -> None:
    source = make_analysed(tmp_path)
    (store,) = [store for path, store in analysed_below(tmp_path) if path == source]
    entry, _ = indexed(source, store, _SETTINGS)
    elsewhere = tmp_path / "archive"
    elsewhere.mkdir()
    assert find_moved(entry, [elsewhere]) is None
    (elsewhere / "street.mp4").write_bytes(b"\0" * entry.size)  # of that size and name, and another
    moved = source.rename(elsewhere / "renamed.mp4")
    assert find_moved(entry, [tmp_path, elsewhere]) == moved


def test_an_index_of_before_stays_and_lacks_the_size_of_frames_only(index: EventIndex, tmp_path: Path) -> None:
    index.put(video(A), [event(1)])
    with sqlite3.connect(tmp_path / "data" / "events.sqlite") as database:
        for column in ("width", "height"):
            database.execute(f"ALTER TABLE videos DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 1")
    database.close()
    content = index.read()
    assert content.videos == (replace(video(A), frame=(0, 0)),)
    assert content.events == (event(1, video=A),)
    index.put(video(A), [event(1)])
    index.say("a.mp4", [(1, Verdict(name="Anna"))])
    content = index.read()
    assert content.videos == (video(A),)
    assert content.events == (event(1, video=A, verdict=Verdict(name="Anna")),)
