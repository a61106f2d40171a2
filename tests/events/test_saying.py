"""What is said of an event of any video or live source is kept where it belongs, and is known again there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.core.candidate_cache.source_content import SourceContent
from app.core.errors import AppError
from app.core.events.index import EventIndex, with_live
from app.core.events.index_filling import IndexSettings, indexed
from app.core.events.judgements import JudgementStore, Verdict
from app.core.events.kept_event import KeptEvent
from app.core.events.live_archive import LiveArchive
from app.core.events.saying import EventStores
from app.core.events.scene import Scene
from tests.events.test_live_archive import BACK, FRONT, event_between, picture_of
from tests.support.kept_events import keep_events, make_analysed

NAMED = Verdict(name="Anna")


@pytest.fixture
def stores(tmp_path: Path) -> EventStores:
    names = ("events", "live", "judgements")
    index, live, judgements = (tmp_path / "data" / f"{name}.sqlite" for name in names)
    return EventStores(EventIndex(index), LiveArchive(live), JudgementStore(judgements))


def settings_of(stores: EventStores) -> IndexSettings:
    return IndexSettings(lambda _: 0.25, 0.45, lambda _: Scene(), stores.judgements.of)


def test_an_event_of_a_video_is_known_again_when_the_video_is_listed_anew(stores: EventStores, tmp_path: Path) -> None:
    video = make_analysed(tmp_path)
    store = keep_events(video)
    stores.index.put(*indexed(video, store, settings_of(stores)))
    content = stores.index.read()
    stores.say([(content.events[1], NAMED)], content.videos)
    assert [row.verdict for row in stores.index.read().events] == [Verdict(), NAMED, Verdict()]
    _, rows = indexed(video, store, settings_of(stores))
    assert [row.verdict for row in rows] == [Verdict(), NAMED, Verdict()]
    stores.say([(content.events[1], Verdict())], content.videos)
    assert stores.judgements.of(SourceContent(video).key.sha256) == ()


def test_one_whose_frames_are_of_unknown_size_is_refused(stores: EventStores, tmp_path: Path) -> None:
    video = make_analysed(tmp_path)
    stores.index.put(*indexed(video, keep_events(video), settings_of(stores)))
    content = stores.index.read()
    old = [replace(one, frame=(0, 0)) for one in content.videos]
    with pytest.raises(AppError, match="older program"):
        stores.say([(content.events[0], NAMED)], old)
    assert not any(row.verdict.name for row in stores.index.read().events)


def test_an_event_of_a_live_source_is_known_again_there(stores: EventStores) -> None:
    events = [KeptEvent(FRONT, event_between(1.0, 3.0, 1)), KeptEvent(FRONT, event_between(1.0, 3.0, 2))]
    stores.archive.keep(events, picture_of)
    stores.archive.keep([KeptEvent(BACK, event_between(1.0, 3.0, 1))], picture_of)
    content = with_live(stores.index.read(), stores.archive.of())
    assert content.sources == 2
    said = next(row for row in content.events if row.live is not None and row.live.source == "Back")
    stores.say([(said, NAMED)], content.videos)
    assert [(one.session.name, one.verdict) for one in stores.archive.of() if one.verdict.name] == [("Back", NAMED)]
    assert [one.verdict for one in stores.judgements.of(BACK.key)] == [NAMED]
    assert stores.judgements.of(FRONT.key) == ()
