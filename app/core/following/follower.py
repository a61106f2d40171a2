"""Boxes on every frame, though the network sees only some and answers late.

Each frame's motion moves what is shown. A detection, when it comes, belongs to a frame some time ago: objects are
matched there, then carried through the motions since to the newest frame, and what is shown eases towards them within a
few frames instead of jumping.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from app.core.following.flow_prediction import FlowPrediction
from app.core.following.motion_history import MotionHistory
from app.core.frames import ImageBGR
from app.core.motion.boxes import moved
from app.core.motion.estimator import MotionEstimator
from app.core.motion.similarity import Floats
from app.core.tracking.tracker import TrackedObject, Tracker
from detector.detections import Detections

_EASE = 0.6  # of the way to where an object is known to be, a frame
_MIN_INSIDE = 0.25  # share of its box inside the frame


@dataclass(frozen=True, slots=True)
class FollowedObject:
    """An object in the newest frame.

    Attributes:
        box_xyxy: Its box in pixels of the frame.
        score: Of the last sure detection of it.
        class_id: Of the model's labels.
        tracker_id: Its number; None while it may be a flicker of the detector.
        unseen_s: Seconds since the network last saw it; 0 where it did in its last run.
        first_s: When it was first seen, in the source's seconds.
    """

    box_xyxy: tuple[float, float, float, float]
    score: float
    class_id: int
    tracker_id: int | None
    unseen_s: float
    first_s: float


class Follower:
    """Follows the objects of one source. Every call comes from one thread.

    The order of calls: ``advance`` with every frame; ``detected`` whenever the network has answered for one of them.

    Args:
        given: Numbers up to this one were given before, and are not given again.
    """

    def __init__(self, given: int = 0) -> None:
        self._estimator = MotionEstimator()
        self._history = MotionHistory()
        self._prediction = FlowPrediction(self._history)
        self._tracker = Tracker(self._prediction, given)
        self._counted = given
        self.so_far: Counter[int] = Counter()
        """How many different objects had a number so far, by class."""
        self._known: dict[int, TrackedObject] = {}  # by key, as of the frame the network saw last
        self._goal: dict[int, Floats] = {}  # by key: Float64[4], where it is in the newest frame
        self._shown: dict[int, Floats] = {}  # by key: Float64[4], where it is drawn
        self._newest: int | None = None
        self._size = (0, 0)

    def advance(self, index: int, image_bgr: ImageBGR) -> None:
        """Takes the next frame and moves what is shown with it.

        Args:
            index: Of the frame; one that does not follow the last one means a seek, and nothing is followed across it.
            image_bgr: UInt8[H, W, 3].
        """
        if self._newest is not None and index <= self._newest:
            self._start_anew()
        self._size = (image_bgr.shape[1], image_bgr.shape[0])
        motion = self._estimator.update(image_bgr)
        self._newest = index
        if motion is None:
            return
        self._history.add(index, motion)
        if motion.cut:
            self._forget()
            return
        for places in (self._goal, self._shown):
            boxes = moved(np.array(list(places.values())).reshape(-1, 4), motion)
            places.update(zip(places, boxes, strict=True))
        for key, goal in self._goal.items():
            self._shown[key] += _EASE * (goal - self._shown[key])

    @property
    def given(self) -> int:
        """The highest number that an object had so far."""
        return self._tracker.given

    @property
    def first_s(self) -> Mapping[int, float]:
        """Returns when each numbered object that is known was first seen, also before it had its number."""
        return self._tracker.first_s

    def detected(
        self, index: int, time_s: Fraction, detections: Detections, shown: int | None = None
    ) -> tuple[int | None, ...]:
        """Takes what the network found in a frame that ``advance`` was given.

        Args:
            index: Of that frame.
            time_s: Its time.
            detections: Best first, see ``Tracker.update``.
            shown: How many of them are sure.

        Returns:
            For each of the sure detections the number of its object, None while it has none; nothing where they came
            too late.
        """
        if self._newest is None or index > self._newest:
            return ()  # a seek or another source came between
        if not self._prediction.go_to(index):
            self._tracker.end_all()
        numbers = self._tracker.update(time_s, detections, shown)
        self._tracker.forget_ended()
        known = self._tracker.objects()
        self.so_far.update(each.class_id for each in known if each.number is not None and each.number > self._counted)
        self._counted = self._tracker.given
        places = np.array([each.box_xyxy for each in known]).reshape(-1, 4)
        carried = self._history.carry(places, index, self._newest)
        if carried is None:
            self._forget()
            return numbers
        self._known = {each.key: each for each in known}
        self._goal = {each.key: box for each, box in zip(known, carried, strict=True)}
        self._shown = {key: self._shown.get(key, goal).copy() for key, goal in self._goal.items()}
        return numbers

    def objects(self) -> tuple[FollowedObject, ...]:
        """Returns the objects in the newest frame, those longest known first."""
        return tuple(
            FollowedObject(
                box_xyxy=(float(box[0]), float(box[1]), float(box[2]), float(box[3])),
                score=known.score,
                class_id=known.class_id,
                tracker_id=known.number,
                unseen_s=known.unseen_s,
                first_s=known.first_s,
            )
            for key, known in self._known.items()
            if (box := self._in_frame(self._shown[key])) is not None
        )

    def end_all(self) -> None:
        """Forgets every object, and the count of them: another model sees others."""
        self._forget()
        self.so_far.clear()
        self._tracker.end_all()

    def _in_frame(self, box: Floats) -> Floats | None:
        """Clips a box; None for one that has left the frame."""
        clipped = np.clip(box, 0, np.tile(np.array(self._size, np.float64), 2))
        inside = np.prod(clipped[2:] - clipped[:2]) > _MIN_INSIDE * np.prod(box[2:] - box[:2])
        return clipped if inside else None

    def _forget(self) -> None:
        """Shows nothing until the network has seen the new scene."""
        self._known, self._goal, self._shown = {}, {}, {}

    def _start_anew(self) -> None:
        self._forget()
        self._tracker.end_all()
        self._estimator = MotionEstimator()
        self._history.clear()
