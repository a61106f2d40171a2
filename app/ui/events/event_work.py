"""Makes the list of events, step by step; a step whose inputs did not change is not done again.

Used by one worker after the other, never by two at once. No Qt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.core.candidate_cache.store_facts import StoreFacts
from app.core.errors import AppError
from app.core.events.event import Event
from app.core.events.find import find_events
from app.core.events.followed import FollowedVideo, follow_video
from app.core.events.judgements import JudgementStore, Verdict, judged
from app.core.events.listing import ListedEvent, ListQuery, listed, listed_event
from app.core.events.scene import Scene
from app.core.events.trajectories import FOLLOWED_FROM
from app.core.media.recorded import recorded_at, seconds_of_day
from app.core.muxing.video_options import VideoOptions
from app.core.settings import DetectionSettings, ModelSettings
from detector.detections import floor_for

Progress = Callable[[int, int | None], None]
"""Told the frames that are followed, and how many there are in all."""


class StoppedError(Exception):
    """What was wanted is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The request for a list.

    Attributes:
        video: The video.
        model: Which model's detections.
        detection: Threshold and overlap limit; its classes play no part.
        scene: Zones, lines and masks.
        query: Which events are listed.
        look: Another number: look again for kept detections.
        said: Another number: read again what was said of the events.
    """

    video: Path
    model: ModelSettings
    detection: DetectionSettings
    scene: Scene = field(default_factory=Scene)
    query: ListQuery = field(default_factory=ListQuery)
    look: int = 0
    said: int = 0

    @property
    def following(self) -> tuple[object, ...]:
        """Equal where objects need not be followed anew."""
        lowest = min(FOLLOWED_FROM, self.detection.threshold)
        return self.video, self.model, self.detection.iou, self.scene.masks, self.look, lowest


@dataclass(frozen=True, slots=True, eq=False)
class ShownList:
    """A list as the panel shows it.

    Attributes:
        rows: All events.
        listed: Those that were asked for.
        labels: Class names.
        scene: Zones and lines.
        events: All events, in the order of ``rows``.
        query: What was asked for.
        video: The video; None for a live source.
        note: What a person should know, one line; "" for nothing.
        day_s: Time of day at which the video begins, seconds; None where its file does not say.
        is_kept: What a person says of its events is kept.
    """

    rows: tuple[ListedEvent, ...]
    listed: tuple[ListedEvent, ...]
    labels: tuple[str, ...]
    scene: Scene
    events: tuple[Event, ...]
    query: ListQuery
    video: Path | None = None
    note: str = ""
    day_s: float | None = None
    is_kept: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class EventList:
    """The list, and what it was made of.

    Attributes:
        wanted: What was asked for.
        followed: The video.
        events: All its events at the threshold.
        rows: The same, as a list says them.
        listed: Those that the query asks for.
        note: What a person should know, one line; "" for nothing.
        day_s: As for ``ShownList``.
    """

    wanted: Wanted
    followed: FollowedVideo
    events: tuple[Event, ...]
    rows: tuple[ListedEvent, ...]
    listed: tuple[ListedEvent, ...]
    note: str = ""
    day_s: float | None = None

    @property
    def shown(self) -> ShownList:
        """The list as the panel shows it."""
        wanted, labels = self.wanted, self.followed.facts.labels
        listed = (self.rows, self.listed, labels, wanted.scene, self.events, wanted.query)
        return ShownList(*listed, wanted.video, self.note, self.day_s)

    @property
    def fingerprint(self) -> str:
        """The content of the video, as judgements know it."""
        return self.followed.facts.source.sha256


class EventWork:
    """Makes lists; remembers the last of each step.

    Args:
        judgements: What was said of events.
    """

    def __init__(self, judgements: JudgementStore) -> None:
        self._judgements = judgements
        self._last: EventList | None = None
        self._looked: tuple[object, ...] = ()  # for what kept detections were looked for, and what there was
        self._store: tuple[Path, StoreFacts] | None = None

    def make(self, wanted: Wanted, check: Callable[[], None], progress: Progress) -> EventList | None:
        """Returns the list; None where the video was not analysed.

        Args:
            wanted: What is asked for.
            check: Called often; raises ``StoppedError`` to stop.
            progress: Told how far following is.

        Raises:
            AppError: The kept detections cannot be used.
            StoppedError: As ``check``.
        """
        last = self._last if self._last is not None and self._last.wanted.following == wanted.following else None
        self._last = last  # what is not used again need not stay in memory meanwhile
        if last is None:
            kept = self._kept(wanted)
            if kept is None:
                return None
            last = self._follow(wanted, kept, check, progress)
        before = last.wanted
        if not last.events or (before.detection, before.scene) != (wanted.detection, wanted.scene):
            events = find_events(last.followed.seen, wanted.detection.threshold, wanted.scene)
            check()
            pts_s = last.followed.seen.pts_s
            last = replace(last, events=events, rows=tuple(listed_event(event, pts_s) for event in events))
            before = replace(before, said=-1)
        if before.said != wanted.said:
            last = self._judge(last)
        labels = last.followed.facts.labels
        found = listed(last.rows, labels, wanted.query)
        self._last = replace(last, wanted=wanted, listed=found)
        return self._last

    def _kept(self, wanted: Wanted) -> tuple[Path, StoreFacts] | None:
        """The store to answer from; looked for once."""
        floor = floor_for(wanted.detection.threshold)
        key = (wanted.video, wanted.model, wanted.look, floor)
        if self._looked != key:
            from app.core.export.analysis import analysed_before, analysis_of

            request = analysis_of(wanted.video, None, wanted.model, wanted.detection, VideoOptions())
            kept = analysed_before(request)
            self._looked, self._store = key, None if kept is None else (kept.path, kept.facts)
        return self._store

    def _follow(
        self, wanted: Wanted, kept: tuple[Path, StoreFacts], check: Callable[[], None], progress: Progress
    ) -> EventList:
        path, facts = kept
        done = 0

        def tick() -> None:
            nonlocal done
            check()
            done += 1
            progress(done, facts.expected_frames)

        masks = [mask.polygon for mask in wanted.scene.masks]
        followed = follow_video(
            wanted.video, path, lambda _: wanted.detection.threshold, wanted.detection.iou, masks, tick
        )
        recorded = recorded_at(wanted.video)
        day_s = None if recorded is None else seconds_of_day(recorded)
        return EventList(replace(wanted, said=-1), followed, (), (), (), day_s=day_s)

    def _judge(self, made: EventList) -> EventList:
        try:
            said = self._judgements.of(made.fingerprint)
        except AppError as error:
            return replace(made, note=f"{error.message} {error.hint}".strip())
        verdicts = judged(made.events, made.followed.seen.size, said)
        rows = tuple(replace(row, verdict=verdicts.get(row.number, Verdict())) for row in made.rows)
        return replace(made, rows=rows, note="")
