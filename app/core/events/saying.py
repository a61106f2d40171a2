"""Remembers what a person says of events of many videos and live sources, wherever each belongs. Any thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.core.errors import AppError
from app.core.events.event import Event
from app.core.events.geometry import anchors_of
from app.core.events.index import EventIndex, IndexedVideo
from app.core.events.judgements import JudgementStore, Verdict
from app.core.events.kept_event import KeptEvent
from app.core.events.listing import ListedEvent
from app.core.events.live_archive import LiveArchive


@dataclass(frozen=True, slots=True)
class EventStores:
    """The places where events are remembered.

    Attributes:
        index: The list over all videos.
        archive: The events of live sources.
        judgements: What was said.
    """

    index: EventIndex
    archive: LiveArchive
    judgements: JudgementStore

    def say(self, said: Sequence[tuple[ListedEvent, Verdict]], videos: Sequence[IndexedVideo]) -> None:
        """Remembers what is said of events of the list over all videos.

        Args:
            said: The events.
            videos: Those of the list.

        Raises:
            AppError: It cannot be kept.
        """
        known = {video.path: video for video in videos}
        of_video: dict[Path, list[tuple[ListedEvent, Verdict]]] = {}
        for row, verdict in said:
            if row.video in known:
                of_video.setdefault(row.video, []).append((row, verdict))
        strange = [path.name for path in of_video if not all(known[path].frame)]
        if strange:
            raise AppError(
                f"{strange[0]} was listed by an older program, which did not note the size of its frames.",
                "Open it once; then its events can be marked, named and rejected here.",
            )
        for path, rows in of_video.items():
            video = known[path]
            events = [(_at_best(row, video.frame), verdict) for row, verdict in rows]
            self.judgements.keep_all(video.fingerprint, events, video.frame)
            self.index.say(video.fingerprint, [(row.number, verdict) for row, verdict in rows])
        live = {row.live.kept: verdict for row, verdict in said if row.live is not None}
        if live:
            self.say_live([(item, live[item.id]) for item in self.archive.of() if item.id in live])

    def say_live(self, said: Sequence[tuple[KeptEvent, Verdict]]) -> None:
        """Remembers what is said of events of live sources; raises as ``say``."""
        sessions = {item.session.key: item.session for item, _ in said}
        for key, session in sessions.items():
            events = [(item.event, verdict) for item, verdict in said if item.session.key == key]
            self.judgements.keep_all(key, events, session.size)
        self.archive.say([(item.id, verdict) for item, verdict in said if item.id])


def _at_best(row: ListedEvent, size: tuple[int, int]) -> Event:
    """The event as it was at its best, which is all that a list knows of its place."""
    boxes = np.array([row.box], np.float32)
    return Event(
        id=row.number,
        tracker_id=0,
        class_id=row.class_id,
        label=row.label,
        frames=np.zeros(1, np.int64),
        times_s=np.array([row.best_s]),
        boxes_xyxy=boxes,
        anchors=anchors_of(boxes, *size),
        scores=np.array([row.max_score], np.float32),
        best=0,
        still_s=row.still_s,
    )
