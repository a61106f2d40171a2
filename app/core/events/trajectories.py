"""Follows objects through the kept detections of a whole video, once: every question about events starts from there.

Tracking takes a tenth of a millisecond a frame; threshold, classes, zones and lines then act on the result alone. So
tracking goes down to a low score, whatever the threshold. Ignore masks act before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_format import StoredFrame
from app.core.errors import AppError
from app.core.events.geometry import Point, Points, anchors_of
from app.core.events.masks import unmasked
from app.core.tracking.tracker import Tracker
from detector.detections import DetectionFilter, Detections
from detector.errors import Remedy

FOLLOWED_FROM = 0.1
"""Least score of what is followed, unless an even lower threshold is asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Trajectories:
    """Every sighting of every object, by object and then by time.

    Attributes:
        labels: Class names.
        size: (width, height) of the upright frames, pixels.
        pts_s: Time of every frame of the video, exact seconds from the first.
        floor: Least score that was followed.
        tracks: Int64[N], the object's number in the tracking.
        class_ids: Int32[N].
        frames: Int64[N], index of the frame.
        times_s: Float64[N], its time; never falls.
        boxes_xyxy: Float32[N, 4], pixels.
        anchors: Float64[N, 2], see ``anchors_of``.
        scores: Float32[N].
        cuts: Frames with which another scene begins, rising: no object goes on there.
    """

    labels: Sequence[str]
    size: tuple[int, int]
    pts_s: tuple[Fraction, ...]
    floor: float
    tracks: npt.NDArray[np.int64]
    class_ids: npt.NDArray[np.int32]
    frames: npt.NDArray[np.int64]
    times_s: npt.NDArray[np.float64]
    boxes_xyxy: npt.NDArray[np.float32]
    anchors: Points
    scores: npt.NDArray[np.float32]
    cuts: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.tracks)

    @property
    def duration_s(self) -> float:
        """Time of the last frame; 0 without frames."""
        return float(self.pts_s[-1]) if self.pts_s else 0.0


def follow(
    store: CandidateStore,
    threshold: float,
    iou_threshold: float,
    masks: Sequence[Sequence[Point]] = (),
    check: Callable[[], None] = lambda: None,
) -> Trajectories:
    """Follows the objects of a complete store.

    Args:
        store: The kept detections.
        threshold: The lowest that will be asked for; events of higher ones come from the same trajectories.
        iou_threshold: Of boxes of one class that overlap more, the best is kept.
        masks: Polygons in which nothing is found: a detection is ignored when the middle of its box lies in one.
        check: Called for each frame; may raise to stop.

    Raises:
        AppError: The store does not reach down so far, or is damaged.
    """
    floor = min(FOLLOWED_FROM, threshold)
    if store.facts.floor > floor:
        raise AppError(
            f"The kept detections of {store.facts.source.name} reach down to a score of {store.facts.floor:g} only.",
            "Ask for a higher threshold, or analyse the video again with the lower one.",
            Remedy("threshold", value=f"{threshold:g}", command="analyse"),
        )
    wanted = DetectionFilter(floor, iou_threshold)
    return follow_frames(store, store.facts.labels, wanted, masks, check, store.facts.detect_every, store.cuts)


def follow_frames(
    frames: Iterable[StoredFrame],
    labels: Sequence[str],
    wanted: DetectionFilter,
    masks: Sequence[Sequence[Point]] = (),
    check: Callable[[], None] = lambda: None,
    detect_every: int = 1,
    cuts: Sequence[int] = (),
) -> Trajectories:
    """Follows objects like ``follow``, through any frames.

    Args:
        frames: In the order they are shown.
        labels: Class names.
        wanted: Which candidates are followed.
        masks: As for ``follow``.
        check: As for ``follow``.
        detect_every: N: only every Nth frame, the last and those beside a cut were seen by the network; objects are
            followed through these.
        cuts: As for ``Trajectories``.
    """
    tracker, pts, new_scenes = Tracker(), list[Fraction](), frozenset(cuts)
    rows = Sightings()
    size, now = (1, 1), Fraction(0)
    for index, (frame, is_last) in enumerate(_with_last(frames)):
        check()
        pts.append(frame.pts_s)
        if index in new_scenes:
            tracker.end_all()
        if index % detect_every and not is_last and not len(frame.candidates):
            continue  # not seen by the network
        size = size if index else (frame.width, frame.height)
        found = unmasked(frame.candidates.detections(wanted), (frame.width, frame.height), masks)
        tracker.update(frame.pts_s, found)
        now = max(now, frame.pts_s)  # a clock that jumps back stands still, as for the tracker
        if len(found):
            anchors = anchors_of(found.boxes_xyxy, frame.width, frame.height)
            rows.add(index, float(now), found, tracker.births, anchors)
    seen = rows.trajectories(tracker.number_of, labels, size, tuple(pts), wanted.score_threshold)
    return replace(seen, cuts=tuple(cuts))


def _with_last(frames: Iterable[StoredFrame]) -> Iterator[tuple[StoredFrame, bool]]:
    """Each frame, and whether it is the last."""
    waiting: StoredFrame | None = None
    for frame in frames:
        if waiting is not None:
            yield waiting, False
        waiting = frame
    if waiting is not None:
        yield waiting, True


class Sightings:
    """Sightings as they come, frame by frame."""

    def __init__(self) -> None:
        self._frames: list[tuple[int, float, int]] = []
        self._births: list[npt.NDArray[np.int64]] = []
        self._anchors: list[Points] = []
        self._found: list[Detections] = []

    def add(self, index: int, time_s: float, found: Detections, births: npt.NDArray[np.int64], anchors: Points) -> None:
        """Takes the sightings of a frame, which has some."""
        self._frames.append((index, time_s, len(found)))
        self._births.append(births)
        self._anchors.append(anchors)
        self._found.append(found)

    def trajectories(
        self,
        number_of: dict[int, int],
        labels: Sequence[str],
        size: tuple[int, int],
        pts_s: tuple[Fraction, ...],
        floor: float,
    ) -> Trajectories:
        """Returns the sightings of all objects that were confirmed, sorted."""
        none = Detections.empty()
        births = np.concatenate([np.empty(0, np.int64), *self._births])
        numbers = np.zeros(int(births.max(initial=0)) + 1, np.int64)
        numbers[list(number_of)] = list(number_of.values())
        tracks = numbers[births]
        counts = [count for _, _, count in self._frames]
        frames = np.repeat(np.array([index for index, _, _ in self._frames], np.int64), counts)
        times = np.repeat(np.array([time_s for _, time_s, _ in self._frames], np.float64), counts)
        order = np.lexsort((frames, tracks))
        order = order[tracks[order] > 0]
        found = [none, *self._found]
        return Trajectories(
            labels=labels,
            size=size,
            pts_s=pts_s,
            floor=floor,
            tracks=tracks[order],
            class_ids=np.concatenate([one.class_ids for one in found])[order],
            frames=frames[order],
            times_s=times[order],
            boxes_xyxy=np.concatenate([one.boxes_xyxy for one in found])[order],
            anchors=np.concatenate([np.empty((0, 2)), *self._anchors])[order],
            scores=np.concatenate([one.scores for one in found])[order],
        )
