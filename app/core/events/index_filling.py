"""Fills the index of all events from the kept detections beside videos. Any thread; follows objects, so not quick."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.core.candidate_cache.source_content import SourceContent
from app.core.candidate_cache.store import SUFFIX, CandidateStore
from app.core.candidate_cache.store_facts import StoreFacts
from app.core.errors import AppError
from app.core.events.find import find_events
from app.core.events.followed import FollowedVideo, follow_video
from app.core.events.index import IndexedVideo
from app.core.events.judgements import NOTHING_SAID, Judgement, judged
from app.core.events.listing import ListedEvent, listed_event
from app.core.events.scene import Scene

MAX_FOLDERS = 20_000


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """The rules by which events are made for the index.

    Attributes:
        threshold_of: The threshold for what a model found.
        iou_threshold: As for ``follow``.
        scene_of: Zones, lines and masks of a video.
        said: What was said of a video's events, by its fingerprint.
    """

    threshold_of: Callable[[StoreFacts], float]
    iou_threshold: float
    scene_of: Callable[[Path], Scene]
    said: Callable[[str], Sequence[Judgement]]


def analysed_below(folder: Path, check: Callable[[], None] = lambda: None) -> Iterator[tuple[Path, Path]]:
    """Each video below ``folder`` with the newest of its complete stores.

    Args:
        folder: Where to look.
        check: Called for each folder; may raise to stop.
    """
    for number, (place, folders, names) in enumerate(os.walk(folder)):
        check()
        if number >= MAX_FOLDERS:
            return
        folders.sort()
        newest: dict[Path, tuple[int, Path]] = {}
        for name in sorted(names):
            if not name.endswith(SUFFIX):
                continue
            store = Path(place, name)
            with contextlib.suppress(AppError, OSError):
                video, changed = _video_of(store), store.stat().st_mtime_ns
                if video is not None and changed >= newest.get(video, (0, store))[0]:
                    newest[video] = changed, store
        yield from ((video, store) for video, (_, store) in newest.items())


def _video_of(store: Path) -> Path | None:
    """The video beside a complete store that the store is of; None for none."""
    with CandidateStore.open(store) as opened:
        facts, complete, sha256 = opened.facts, opened.complete, opened.source_sha256
    video = store.parent / Path(facts.source.name).name
    is_its = complete and video.is_file() and SourceContent(video).is_same_as(facts.source, sha256)
    return video if is_its else None


def indexed(
    video: Path, store: Path, settings: IndexSettings, check: Callable[[], None] = lambda: None
) -> tuple[IndexedVideo, tuple[ListedEvent, ...]]:
    """Returns what the index says of a video.

    Args:
        video: The video.
        store: Its complete store.
        settings: How its events are made.
        check: Called for each frame; may raise to stop.

    Raises:
        AppError: The store cannot be used.
    """
    scene = settings.scene_of(video)
    masks = [mask.polygon for mask in scene.masks]
    followed = follow_video(video, store, settings.threshold_of, settings.iou_threshold, masks, check)
    threshold = settings.threshold_of(followed.facts)
    events = find_events(followed.seen, threshold, scene)
    verdicts = judged(events, followed.seen.size, settings.said(followed.facts.source.sha256))
    pts_s = followed.seen.pts_s
    rows = (replace(listed_event(one, pts_s), verdict=verdicts.get(one.id, NOTHING_SAID)) for one in events)
    return entry_of(followed, threshold), tuple(rows)


def entry_of(followed: FollowedVideo, threshold: float) -> IndexedVideo:
    """Returns the entry of a video whose events were made at ``threshold``."""
    source = followed.facts.source
    model, frame = followed.facts.model, followed.seen.size
    return IndexedVideo(source.sha256, followed.path, source.size, model, threshold, frame)
