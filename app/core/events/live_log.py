"""The objects of a live source as it runs, told in the words of events: of the last hour, in bounded memory.

One thread takes frames; what it hands out is immutable. Whatever the network found is followed as in a stored video, so
that ``find_events`` tells when objects came and went, their zones, lines and standstills; they end at cuts. Times count
from midnight of the day on which the source was opened.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from app.core.events.event import Event
from app.core.events.geometry import Points, anchors_of
from app.core.events.masks import Masks, outside_masks
from app.core.events.trajectories import FOLLOWED_FROM, Sightings, Trajectories
from app.core.frames import FrameResult, ImageBGRA
from app.core.sources.picture_crop import picture_of
from app.core.tracking.tracker import Tracker
from detector.detections import DetectionFilter, Detections

if TYPE_CHECKING:  # it loads OpenCV
    from app.core.motion.cuts import CutFinder

KEPT_S = 3600.0
"""So much is remembered."""
MAX_PICTURES = 1000
_MOST_FRAMES = 40_000
_LEAST_S = Fraction(9, 100)  # between two frames that are remembered
_BETTER = 0.02  # by so much the score must rise for a new picture
_QUALITY = 85  # of JPEG
_TIDY_EVERY = 1000  # frames that are remembered no more


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """The detections of a frame.

    Attributes:
        time_s: When.
        found: The detections.
        births: Int64[N], as ``Tracker.births``.
        anchors: Float64[N, 2], see ``anchors_of``.
        is_cut: Another scene begins with it.
    """

    time_s: Fraction
    found: Detections
    births: npt.NDArray[np.int64]
    anchors: Points
    is_cut: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class LiveSightings:
    """All that is remembered at one moment.

    Attributes:
        frames: What was found, by time.
        number_of: As ``Tracker.number_of``.
        labels: Class names.
        model: Name of the model.
        size: (width, height) of the frames, pixels.
        generation: Another one where model or size of the frames changed: objects are numbered anew.
        numbers: Numbers on the picture (``FrameResult.numbers``) that the object of each birth had, in their order.
        pictures: The best score of the object of each birth, and its picture then, JPEG.
    """

    frames: tuple[SeenFrame, ...]
    number_of: Mapping[int, int]
    labels: tuple[str, ...]
    model: str
    size: tuple[int, int]
    generation: int
    numbers: Mapping[int, tuple[int, ...]]
    pictures: Mapping[int, tuple[float, bytes]]

    def shown_as(self, events: Sequence[Event]) -> tuple[tuple[int, ...], ...]:
        """Returns, for each of these events, the numbers that its object had on the picture; none where it had none."""
        by_track = {self.number_of.get(birth, 0): numbers for birth, numbers in self.numbers.items()}
        shown = ([number for track in event.tracks for number in by_track.get(track, ())] for event in events)
        return tuple(tuple(dict.fromkeys(numbers)) for numbers in shown)

    def picture(self, event: Event) -> bytes | None:
        """Returns the best picture of an event's object, JPEG; None where there is none any more."""
        births = [birth for birth, number in self.number_of.items() if number in event.tracks]
        found = [self.pictures[birth] for birth in births if birth in self.pictures]
        return max(found)[1] if found else None

    def trajectories(self) -> Trajectories:
        """Returns the same as columns, as ``follow`` does of a stored video."""
        sightings, last = Sightings(), 0
        for index, frame in enumerate(self.frames):
            if len(frame.found):
                sightings.add(index, float(frame.time_s), frame.found, frame.births, frame.anchors)
                last = max(last, int(frame.births.max()))
        numbers = {birth: number for birth, number in self.number_of.items() if birth <= last}
        times = tuple(frame.time_s for frame in self.frames)
        seen = sightings.trajectories(numbers, self.labels, self.size, times, FOLLOWED_FROM)
        return replace(seen, cuts=tuple(index for index, frame in enumerate(self.frames) if index and frame.is_cut))


class LiveLog:
    """The objects of one source.

    Args:
        begins_s: Time of day of the first frame, seconds.
        picture_size: (width, height) of the pictures, pixels.
    """

    def __init__(self, begins_s: Fraction, picture_size: tuple[int, int]) -> None:
        self._begins_s, self._picture_size = begins_s, picture_size
        self._first_s: Fraction | None = None
        self._tracker = Tracker()
        self._frames: deque[SeenFrame] = deque(maxlen=_MOST_FRAMES)
        self._labels: tuple[str, ...] = ()
        self._model, self._size = "", (1, 1)
        self._numbers: dict[int, tuple[int, ...]] = {}
        self._best: OrderedDict[int, tuple[float, bytes]] = OrderedDict()
        self._generation = self._popped = 0
        self._seen: FrameResult | None = None
        self._cuts: CutFinder | None = None
        self._cut = False  # since the last frame that is remembered

    def take(self, result: FrameResult, threshold: float, iou_threshold: float, masks: Masks = ()) -> None:
        """Takes a frame: what the network found in it, or in the earlier one from which its boxes come.

        Args:
            result: The frame and what was found in it.
            threshold: Least score of an object that gets a picture.
            iou_threshold: Of boxes of one class that overlap more, the best is kept.
            masks: Where nothing counts.
        """
        seen = result.seen if result.followed else result
        if seen is None or seen.candidates is None or seen is self._seen:
            return
        self._seen = seen
        size = (seen.frame.width, seen.frame.height)
        if seen.labels != self._labels or size != self._size:
            self._begin(seen, size)
        self._first_s = seen.frame.time_s if self._first_s is None else self._first_s
        now_s = self._begins_s + seen.frame.time_s - self._first_s
        rows = seen.candidates.chosen(DetectionFilter(FOLLOWED_FROM, iou_threshold))
        rows = rows[outside_masks(seen.candidates.boxes_xyxy[rows], size, masks)]
        found = seen.candidates.pick(rows)
        if self._finds_cut(seen):
            self._tracker.end_all()
            self._cut = True
        self._tracker.update(now_s, found)
        self._take_numbers([seen.numbers[row] for row in rows.tolist()] if seen.numbers else [])
        if self._frames and now_s - self._frames[-1].time_s < _LEAST_S:
            return
        anchors = anchors_of(found.boxes_xyxy, *size)
        self._frames.append(SeenFrame(now_s, found, self._tracker.births, anchors, self._cut))
        self._cut = False
        while self._frames[0].time_s < now_s - Fraction(KEPT_S):
            self._frames.popleft()
            self._popped += 1
        if self._popped >= _TIDY_EVERY:
            self._forget_gone()
        self._take_pictures(seen.frame.image_bgra, found.above(threshold))

    def sightings(self) -> LiveSightings:
        """Returns all that is remembered now."""
        numbers, shown, pictures = dict(self._tracker.number_of), dict(self._numbers), dict(self._best)
        about = (self._labels, self._model, self._size, self._generation)
        return LiveSightings(tuple(self._frames), numbers, *about, shown, pictures)

    def _finds_cut(self, seen: FrameResult) -> bool:
        if self._cuts is None:
            from app.core.motion.cuts import CutFinder

            self._cuts = CutFinder()
        return self._cuts.update(seen.frame.image_bgr)

    def _begin(self, seen: FrameResult, size: tuple[int, int]) -> None:
        """Another model, or another size of frames: what was seen before cannot be told together with it."""
        self._labels, self._model, self._size = seen.labels, seen.model, size
        self._generation += 1
        self._tracker = Tracker()
        self._frames.clear()
        self._numbers.clear()
        self._best.clear()

    def _take_numbers(self, numbers: list[int | None]) -> None:
        """Notes which numbers the objects of the last frame have on the picture."""
        for birth, number in zip(self._tracker.births.tolist(), numbers, strict=False):
            known = self._numbers.get(birth, ())
            if birth and number is not None and number not in known:
                self._numbers[birth] = (*known, number)

    def _forget_gone(self) -> None:
        """Forgets the numbers of objects of which no frame is remembered: a camera may run for weeks."""
        self._popped = 0
        remembered = set(np.concatenate([frame.births for frame in self._frames]).tolist())
        tracker = self._tracker
        for birth in tracker.number_of.keys() - remembered:
            tracker.first_s.pop(tracker.number_of.pop(birth), None)
        for birth in self._numbers.keys() - remembered:
            del self._numbers[birth]

    def _take_pictures(self, image: ImageBGRA, shown: Detections) -> None:
        for birth, score, box in zip(
            self._tracker.births.tolist(), shown.scores.tolist(), shown.boxes_xyxy.tolist(), strict=False
        ):
            known = self._best.get(birth)
            if birth and (known is None or score >= known[0] + _BETTER):
                x1, y1, x2, y2 = box
                self._best[birth] = score, _jpeg(picture_of(image, (x1, y1, x2, y2), self._picture_size))
                self._best.move_to_end(birth)
        while len(self._best) > MAX_PICTURES:
            self._best.popitem(last=False)


def _jpeg(image: ImageBGRA) -> bytes:
    import cv2

    _, packed = cv2.imencode(".jpg", image[..., :3], (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
    return packed.tobytes()
