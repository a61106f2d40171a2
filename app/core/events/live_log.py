"""The objects of a live source as it runs, told in the words of events: of the last hour, in bounded memory.

One thread takes frames; what it hands out is immutable. Whatever the network found is followed as in a stored video, so
that ``find_events`` tells when objects came and went, their zones, lines and standstills. Times count from midnight of
the day on which the source was opened.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from app.core.events.geometry import Points, anchors_of
from app.core.events.masks import Masks, unmasked
from app.core.events.trajectories import FOLLOWED_FROM, Sightings, Trajectories
from app.core.frames import FrameResult, ImageBGRA
from app.core.sources.picture_crop import picture_of
from app.core.tracking.tracker import Tracker
from detector.detections import DetectionFilter, Detections

KEPT_S = 3600.0
"""So much is remembered."""
MAX_PICTURES = 1000
_MOST_FRAMES = 40_000
_LEAST_S = Fraction(9, 100)  # between two frames that are remembered
_BETTER = 0.02  # by so much the score must rise for a new picture


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """The detections of a frame.

    Attributes:
        time_s: When.
        found: The detections.
        births: Int64[N], as ``Tracker.births``.
        anchors: Float64[N, 2], see ``anchors_of``.
    """

    time_s: Fraction
    found: Detections
    births: npt.NDArray[np.int64]
    anchors: Points


@dataclass(frozen=True, slots=True, eq=False)
class LiveSightings:
    """All that is remembered at one moment.

    Attributes:
        frames: What was found, by time.
        number_of: As ``Tracker.number_of``.
        labels: Class names.
        size: (width, height) of the frames, pixels.
    """

    frames: tuple[SeenFrame, ...]
    number_of: Mapping[int, int]
    labels: tuple[str, ...]
    size: tuple[int, int]

    def trajectories(self) -> Trajectories:
        """Returns the same as columns, as ``follow`` does of a stored video."""
        sightings, last = Sightings(), 0
        for index, frame in enumerate(self.frames):
            if len(frame.found):
                sightings.add(index, float(frame.time_s), frame.found, frame.births, frame.anchors)
                last = max(last, int(frame.births.max()))
        numbers = {birth: number for birth, number in self.number_of.items() if birth <= last}
        times = tuple(frame.time_s for frame in self.frames)
        return sightings.trajectories(numbers, self.labels, self.size, times, FOLLOWED_FROM)


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
        self._size = (1, 1)
        self._best: OrderedDict[int, tuple[float, ImageBGRA]] = OrderedDict()

    def take(self, result: FrameResult, threshold: float, iou_threshold: float, masks: Masks = ()) -> None:
        """Takes a frame in which the network has looked; others are left out.

        Args:
            result: The frame and what was found in it.
            threshold: Least score of an object that gets a picture.
            iou_threshold: Of boxes of one class that overlap more, the best is kept.
            masks: Where nothing counts.
        """
        if result.candidates is None or result.followed:
            return
        frame = result.frame
        size = (frame.width, frame.height)
        if result.labels != self._labels or size != self._size:
            self._begin(result.labels, size)
        self._first_s = frame.time_s if self._first_s is None else self._first_s
        now_s = self._begins_s + frame.time_s - self._first_s
        found = unmasked(result.candidates.detections(DetectionFilter(FOLLOWED_FROM, iou_threshold)), size, masks)
        self._tracker.update(now_s, found)
        if self._frames and now_s - self._frames[-1].time_s < _LEAST_S:
            return
        anchors = anchors_of(found.boxes_xyxy, *size)
        self._frames.append(SeenFrame(now_s, found, self._tracker.births, anchors))
        while self._frames[0].time_s < now_s - Fraction(KEPT_S):
            self._frames.popleft()
        self._take_pictures(frame.image_bgra, found.above(threshold))

    def sightings(self) -> LiveSightings:
        """Returns all that is remembered now."""
        return LiveSightings(tuple(self._frames), dict(self._tracker.number_of), self._labels, self._size)

    def picture(self, tracker_id: int) -> ImageBGRA | None:
        """Returns the best picture of an object, by its number; None where there is none any more."""
        births = (birth for birth, number in self._tracker.number_of.items() if number == tracker_id)
        best = self._best.get(next(births, 0))
        return None if best is None else best[1]

    def _begin(self, labels: tuple[str, ...], size: tuple[int, int]) -> None:
        """Another model, or another size of frames: what was seen before cannot be told together with it."""
        self._labels, self._size = labels, size
        self._tracker = Tracker()
        self._frames.clear()
        self._best.clear()

    def _take_pictures(self, image: ImageBGRA, shown: Detections) -> None:
        for row, (score, box) in enumerate(zip(shown.scores.tolist(), shown.boxes_xyxy.tolist(), strict=True)):
            birth = int(self._tracker.births[row])
            known = self._best.get(birth)
            if birth and (known is None or score >= known[0] + _BETTER):
                x1, y1, x2, y2 = box
                self._best[birth] = score, picture_of(image, (x1, y1, x2, y2), self._picture_size)
                self._best.move_to_end(birth)
        while len(self._best) > MAX_PICTURES:
            self._best.popitem(last=False)
