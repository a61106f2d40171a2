"""A case of events of several videos, out of the list over all of them. For a worker; no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.core.candidate_cache.lookup import find_cached
from app.core.candidate_cache.source_content import SourceContent
from app.core.errors import AppError
from app.core.events.answer import Answer, SourceAnswer, answer
from app.core.events.event import Event
from app.core.events.index import IndexedVideo
from app.core.events.judgements import Judgement
from app.core.events.listing import ListedEvent
from app.core.events.question import Question
from app.core.events.scene import Scene
from app.ui.events.case_work import CaseChoice

_SAME_S = 0.01


@dataclass(frozen=True, slots=True)
class AllAnswers:
    """How the events of the list are found again in the kept detections.

    Attributes:
        videos: Those of the list.
        question: What was asked.
        iou_threshold: As for ``follow``.
        scene_of: Zones, lines and masks of a video.
        said: What was said of a video's events, by its fingerprint.
    """

    videos: tuple[IndexedVideo, ...]
    question: Question
    iou_threshold: float
    scene_of: Callable[[Path], Scene]
    said: Callable[[str], Sequence[Judgement]]

    def choice(self, listed: Sequence[ListedEvent], selected: Sequence[ListedEvent]) -> CaseChoice | None:
        """Returns what a case can be made of; None where no event is of a video."""
        every, some = ([row for row in rows if row.video is not None] for rows in (listed, selected))
        if not every or every[0].video is None:
            return None

        def given(only_selected: bool, check: Callable[[], None]) -> Answer:
            return self.answer(some if only_selected else every, check)

        return CaseChoice(len(every), len(some), every[0].video.with_name("events.case"), given)

    def answer(self, rows: Sequence[ListedEvent], check: Callable[[], None]) -> Answer:
        """Returns the events in these rows as an answer.

        Args:
            rows: Of videos.
            check: Called often; may raise to stop.

        Raises:
            AppError: A video or its kept detections are gone or others, or they are of several models.
        """
        wanted: dict[Path, list[ListedEvent]] = {}
        for row in rows:
            if row.video is not None:
                wanted.setdefault(row.video, []).append(row)
        entries = {video.path: video for video in self.videos if video.path in wanted}
        models = sorted({video.model for video in entries.values()})
        if len(models) > 1:
            raise AppError(
                f"These events were found by several models: {', '.join(models)}. A case has one.",
                "Select events of videos that the same model looked at.",
            )
        sources: list[SourceAnswer] = []
        for path, video in entries.items():
            found = self._source(video, check)
            events = tuple(_same(found, row) for row in wanted[path])
            before = sum(source.total for source in sources)
            sources.append(replace(found, before=before, events=tuple(sorted(events, key=lambda event: event.id))))
        return Answer(self.question, tuple(sources))

    def _source(self, video: IndexedVideo, check: Callable[[], None]) -> SourceAnswer:
        """All events of a video, at the threshold at which they were listed."""
        store = find_cached(SourceContent(video.path), [video.path.parent], video.model)
        pair, threshold = [(video.path, store.path)], video.threshold
        everything = answer(pair, lambda _: threshold, self.iou_threshold, Question(), self.scene_of, check, self.said)
        return everything.sources[0]


def _same(source: SourceAnswer, row: ListedEvent) -> Event:
    """The event that a row of the list tells of."""
    for event in source.events:
        if event.id == row.number and event.label == row.label and abs(event.start_s - row.start_s) < _SAME_S:
            return event
    what = f"{row.label} #{row.number} of {source.path.name}"
    raise AppError(
        f"{what} is not what it was: it was analysed anew, or masks or the overlap limit changed.",
        "Open the video once: then the list is up to date.",
    )
