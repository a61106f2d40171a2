"""The answer to a question about several videos, and its plain values in the format that programs read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.core.candidate_cache.store_facts import StoreFacts
from app.core.errors import AppError
from app.core.events.event import Event
from app.core.events.find import find_events
from app.core.events.followed import FollowedVideo, follow_video
from app.core.events.judgements import Judgement, judged, rejected_among
from app.core.events.question import Question
from app.core.events.scene import Scene
from app.core.events.trajectories import Trajectories
from app.core.file_types import IMAGE_SUFFIXES
from app.core.records.frame_record import plain

_CHUNK = 2**22


@dataclass(frozen=True, slots=True, eq=False)
class SourceAnswer:
    """The events of one video that were asked for.

    Attributes:
        path: The video.
        facts: Model, engine and precision that found what is in it.
        seen: Everything that was followed.
        threshold: At which events were made.
        before: Events of the videos before it; ``number`` counts on from there.
        total: Events in it, chosen or not.
        events: Those chosen.
        rejected: ``Event.id`` of those of which a person said that they are none.
        scene: With these zones, lines and masks.
    """

    path: Path
    facts: StoreFacts
    seen: Trajectories
    threshold: float
    before: int
    total: int
    events: tuple[Event, ...]
    rejected: frozenset[int] = frozenset()
    scene: Scene = field(default_factory=Scene)

    def number(self, event: Event) -> int:
        """The event's number among those of all videos, whatever was asked."""
        return self.before + event.id

    @property
    def duration_s(self) -> float:
        """Returns how long the video runs: until its last frame ends, which lasts as long as the one before it."""
        times = self.seen.pts_s
        return float(2 * times[-1] - times[-2]) if len(times) > 1 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The events of several videos that were asked for.

    Attributes:
        question: What was asked.
        sources: Each video, in the order named.
    """

    question: Question
    sources: tuple[SourceAnswer, ...]

    def each(self) -> Iterator[tuple[SourceAnswer, Event]]:
        """Every event, by video and then by time."""
        for source in self.sources:
            for event in source.events:
                yield source, event

    @property
    def counts(self) -> dict[str, int]:
        """Events by class, the most frequent first."""
        return dict(Counter(event.label for _, event in self.each()).most_common())

    @property
    def lines(self) -> dict[str, dict[str, int]]:
        """Crossings by line and direction."""
        found = Counter((crossing.line, crossing.direction) for _, event in self.each() for crossing in event.crossings)
        drawn = dict.fromkeys(line.name for source in self.sources for line in source.scene.lines)
        return {name: {way: found[name, way] for way in ("in", "out")} for name in drawn}

    def as_dict(self, hashes: Sequence[str]) -> dict[str, Any]:
        """Returns plain values for JSON.

        Args:
            hashes: The SHA-256 of each video, as ``content_sha256``.
        """
        sources = [
            {"path": str(s.path), "sha256": sha256, "duration": round(s.duration_s, 6), "model": s.facts.model}
            for s, sha256 in zip(self.sources, hashes, strict=True)
        ]
        events = [
            event_as_dict(event, source.number(event), place, event.id in source.rejected)
            for place, source in enumerate(self.sources)
            for event in source.events
        ]
        return {"sources": sources, "events": events, "counts": self.counts, "lines": self.lines}


def answer(
    videos: Sequence[tuple[Path, Path]],
    threshold_of: Callable[[StoreFacts], float],
    iou_threshold: float,
    question: Question,
    scene_of: Callable[[Path], Scene],
    check: Callable[[], None] = lambda: None,
    said: Callable[[str], Sequence[Judgement]] = lambda _: (),
) -> Answer:
    """Answers a question from kept detections.

    Args:
        videos: Each video with its complete store.
        threshold_of: The threshold for what a model found.
        iou_threshold: As for ``follow``.
        question: What is asked.
        scene_of: Zones, lines and masks of a video.
        check: Called now and then; may raise to stop.
        said: Returns what was said of a video's events, see ``JudgementStore.of``.

    Raises:
        AppError: A store cannot be used.
    """
    done: list[SourceAnswer] = []
    for path, store_path in videos:
        scene = scene_of(path)
        masks = [mask.polygon for mask in scene.masks]
        followed = follow_video(path, store_path, threshold_of, iou_threshold, masks, check)
        threshold = threshold_of(followed.facts)
        events = find_events(followed.seen, threshold, scene)
        verdicts = judged(events, followed.seen.size, said(followed.facts.source.sha256))
        before = sum(source.total for source in done)
        done.append(source_answer(followed, threshold, events, rejected_among(verdicts), question, scene, before))
    return Answer(question, tuple(done))


def source_answer(
    followed: FollowedVideo,
    threshold: float,
    events: Sequence[Event],
    rejected: frozenset[int],
    question: Question,
    scene: Scene,
    before: int = 0,
) -> SourceAnswer:
    """Answers a question from all events of one video.

    Args:
        followed: The video.
        threshold: At which the events were made.
        events: All of them.
        rejected: ``Event.id`` of those that were rejected.
        question: What is asked.
        scene: Zones, lines and masks.
        before: Events of the videos before it.
    """
    chosen = question.chosen(events, followed.facts.labels)
    facts, seen = followed.facts, followed.seen
    return SourceAnswer(followed.path, facts, seen, threshold, before, len(events), chosen, rejected, scene)


def event_as_dict(event: Event, number: int, source: int, rejected: bool = False) -> dict[str, Any]:
    """Returns plain values of one event.

    Args:
        event: The event.
        number: Its number among those of all videos.
        source: The place of its video in the list of these.
        rejected: Whether a person said that it is none.
    """
    best = event.best
    return {
        "id": number,
        "source": source,
        "label": event.label,
        "tracker_id": event.tracker_id,
        "start": round(event.start_s, 6),
        "end": round(event.end_s, 6),
        "max_score": plain(event.max_score),
        "zones": [
            {"name": visit.zone, "enter": round(visit.enter_s, 6), "leave": round(visit.leave_s, 6)}
            for visit in event.zones
        ],
        "crossings": [
            {"line": crossing.line, "time": round(crossing.time_s, 6), "direction": crossing.direction}
            for crossing in event.crossings
        ],
        "still": round(event.still_s, 6),
        "best": {
            "frame": int(event.frames[best]),
            "time": round(float(event.times_s[best]), 6),
            "box": [plain(edge) for edge in event.boxes_xyxy[best]],
        },
        "rejected": rejected,
    }


def content_sha256(path: Path, check: Callable[[], None] = lambda: None) -> str:
    """The SHA-256 of a file, as any program computes it; of a folder that of a line "HASH  NAME" for each image.

    Args:
        path: The file or folder.
        check: Called now and then; may raise to stop.

    Raises:
        AppError: It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        if path.is_dir():
            for image in sorted(path.iterdir()):
                if image.suffix.lower() in IMAGE_SUFFIXES and image.is_file():
                    digest.update(f"{content_sha256(image, check)}  {image.name}\n".encode("utf-8", "surrogateescape"))
        else:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    check()
                    digest.update(chunk)
    except OSError as error:
        raise AppError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    return digest.hexdigest()
