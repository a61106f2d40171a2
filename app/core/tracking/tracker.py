"""Gives an object the same number in every frame it is seen in. One tracker a video, on the thread that writes it.

Association as in Zhang et al., "ByteTrack" (2022): what is sure is paired with the known objects first, by overlap with
where they are expected; what is unsure then only keeps alive those that found nothing. Written anew, by seconds instead
of frames. Deterministic: the same detections and times give the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import numpy as np
import numpy.typing as npt

from app.core.tracking.assignment import best_pairs
from app.core.tracking.kalman_filter import Motion
from app.core.tracking.rest import SAME_PLACE_IOU, Rest
from detector.boxes import iou
from detector.detections import DetectionFilter, Detections

_SURE_IOU = 0.2  # least overlap of a shown detection with where its object is expected
_NEW_IOU = 0.3  # with an object that was seen once so far
_UNSURE_IOU = 0.5  # of a detection below the threshold
_FORGOTTEN_S = 1.0  # an object unseen for longer comes back as another ...
_LOST_S = 30.0  # ... but for one that stood still and is found again there within this time ...
_STOOD_S = 0.5  # ... if it was there for that long
_CONFIRMED_AFTER_S = 0.15  # an object seen for less may be a flicker of the detector
_UNCONFIRMED_S = 0.2  # ... and is waited for no longer than this once it is unseen in a frame
_UNSURE_SHARE, _MIN_UNSURE = 0.4, 0.1

Indices = npt.NDArray[np.intp]


def with_unsure(shown: DetectionFilter) -> DetectionFilter:
    """``shown`` with a lower threshold: what is found by it goes to ``Tracker.update``."""
    lower = max(_MIN_UNSURE, _UNSURE_SHARE * shown.score_threshold)
    return replace(shown, score_threshold=min(shown.score_threshold, lower))


class Prediction(Protocol):
    """Says where known boxes are expected; see ``Motion`` for the one that assumes a constant velocity."""

    def __len__(self) -> int: ...
    def boxes_xyxy(self) -> npt.NDArray[np.float64]: ...
    def predict(self, seconds: float, resting: npt.NDArray[np.bool_]) -> None: ...
    def correct(self, index: Indices, boxes_xyxy: npt.NDArray[np.float64]) -> None: ...
    def add(self, boxes_xyxy: npt.NDArray[np.float64]) -> None: ...
    def keep(self, kept: npt.NDArray[np.bool_]) -> None: ...
    def hold(self, index: Indices, boxes_xyxy: npt.NDArray[np.float64]) -> None: ...


@dataclass(frozen=True, slots=True)
class TrackedObject:
    """An object the tracker knows, as of its last frame.

    Attributes:
        key: Tells it from all others of this tracker, also while it has no number.
        number: Its number; None while unconfirmed.
        class_id: Index into the model's labels.
        score: Of the last sure detection of it.
        box_xyxy: Float64[4], pixels: where it is believed to be.
        first_s: When it was first seen.
        unseen_s: Seconds since it was last seen; 0 where it was in the last frame.
    """

    key: int
    number: int | None
    class_id: int
    score: float
    box_xyxy: npt.NDArray[np.float64]
    first_s: float
    unseen_s: float


class Tracker:
    """Numbers objects, from 1 up in the order in which they are confirmed.

    An object seen in the very first frame has its number at once; a later one when it is there still a moment later and
    was seen in most frames between, so that a flicker of the detector makes no object. Classes are never mixed. An
    object that stood still when it was lost has its number again when it is found there some time later.

    Args:
        prediction: Says where objects are expected; None for a constant velocity.
        given: Numbers up to this one were given before, and are not given again.
    """

    def __init__(self, prediction: Prediction | None = None, given: int = 0) -> None:
        self._motion: Prediction = prediction if prediction is not None else Motion()
        self._score = np.empty(0)
        self._class = np.empty(0, np.int32)
        self._number = np.empty(0, np.int64)  # 0 while unconfirmed
        self._born_s = np.empty(0)
        self._seen_s = np.empty(0)
        self._missing = np.empty(0, np.bool_)  # nothing was seen of it in the last frame
        self._balance = np.empty(0, np.int64)  # frames it was seen in, less those it was not
        self._lost = np.empty(0, np.bool_)  # where it stood, it may be found again
        self._rest = Rest()
        self._now: Fraction | None = None
        self.given = given
        """The highest number so far."""
        self._birth = np.empty(0, np.int64)
        self._born = 0
        self.births = np.empty(0, np.int64)
        """Int64[N]: for each detection of the last frame its object, counted from 1 as they appeared; 0 for none."""
        self.number_of: dict[int, int] = {}
        """The number of each object that has one, by its place among all that appeared."""
        self.first_s: dict[int, float] = {}
        """When each numbered object was first seen, also before it had its number."""

    def update(self, pts_s: Fraction, detections: Detections, shown: int | None = None) -> tuple[int | None, ...]:
        """Take the next frame.

        Args:
            pts_s: Its time in seconds; one that runs backwards counts as no time at all.
            detections: What was found, best first.
            shown: How many of them, the best, are sure: those that score at least the threshold. The others, see
                ``with_unsure``, only keep objects alive. None for all.

        Returns:
            For each of the shown detections the number of its object; None while it has none.
        """
        sure = len(detections) if shown is None else shown
        first = self._now is None
        passed = Fraction(0) if self._now is None else max(pts_s - self._now, Fraction(0))
        self._now = pts_s if self._now is None else max(pts_s, self._now)
        self._motion.predict(float(passed), self._missing)
        owner = self._associate(detections, sure)
        self._correct(detections, owner, sure, float(self._now))
        self._begin(detections, owner, sure, confirmed=first)
        self.births = np.append(self._birth, 0)[owner]
        numbers = [int(self._number[index]) or None for index in owner[:sure]]
        self._forget(float(self._now))
        return tuple(numbers)

    def objects(self) -> list[TrackedObject]:
        """Returns every object that is followed, also those that the last frame did not show."""
        now_s = float(self._now or 0)
        return [
            TrackedObject(
                key=int(self._birth[i]),
                number=int(self._number[i]) or None,
                class_id=int(self._class[i]),
                score=float(self._score[i]),
                box_xyxy=box.copy(),
                first_s=float(self._born_s[i]),
                unseen_s=now_s - float(self._seen_s[i]),
            )
            for i, box in enumerate(self._motion.boxes_xyxy())
            if not self._lost[i]
        ]

    def end_all(self) -> None:
        """Forgets every object: the scene is another. Their numbers are not given again."""
        self._keep(np.zeros(len(self._motion), np.bool_))

    def forget_ended(self) -> None:
        """Drops what is kept of objects that ended, for trackers that run for weeks; numbers are not given again."""
        known, numbers = set(self._birth.tolist()), set(self._number.tolist())
        for birth in self.number_of.keys() - known:
            del self.number_of[birth]
        for number in self.first_s.keys() - numbers:
            del self.first_s[number]

    def _associate(self, detections: Detections, sure: int) -> Indices:
        """Int[N]: the object of each detection, or -1."""
        owner = np.full(len(detections), -1, np.intp)
        if not len(self._motion) or not len(detections):
            return owner
        overlap = iou(self._motion.boxes_xyxy().astype(np.float32), detections.boxes_xyxy).astype(np.float64)
        overlap[self._class[:, None] != detections.class_ids[None]] = 0.0
        is_sure = np.arange(len(detections)) < sure
        known = (self._number > 0) & ~self._lost
        self._pair(overlap, known, is_sure, _SURE_IOU, owner)
        self._pair(overlap, known & ~self._missing, ~is_sure, _UNSURE_IOU, owner)
        self._pair(overlap, self._lost, is_sure, SAME_PLACE_IOU, owner)
        self._pair(overlap, self._number == 0, is_sure, _NEW_IOU, owner)
        return owner

    @staticmethod
    def _pair(
        overlap: npt.NDArray[np.float64],
        objects: npt.NDArray[np.bool_],
        found: npt.NDArray[np.bool_],
        min_overlap: float,
        owner: Indices,
    ) -> None:
        """Pair what is still free of ``objects`` and ``found``."""
        taken = np.zeros(len(overlap), np.bool_)
        taken[owner[owner >= 0]] = True
        rows, columns = np.flatnonzero(objects & ~taken), np.flatnonzero(found & (owner < 0))
        for row, column in best_pairs(overlap[np.ix_(rows, columns)] - min_overlap):
            owner[columns[column]] = rows[row]

    def _correct(self, detections: Detections, owner: Indices, sure: int, now_s: float) -> None:
        found = np.flatnonzero(owner >= 0)
        objects = owner[found]
        boxes = detections.boxes_xyxy[found].astype(np.float64)
        self._motion.correct(objects, boxes)
        self._rest.seen(objects, boxes, now_s - self._seen_s[objects])
        self._lost[objects] = False
        self._missing[:] = True
        self._missing[objects] = False
        self._seen_s[objects] = now_s
        is_sure = found < sure
        self._score[objects[is_sure]] = detections.scores[found[is_sure]]
        self._balance += np.where(self._missing, -1, 1)
        confirmed = (now_s - self._born_s >= _CONFIRMED_AFTER_S) & (self._balance > 0)
        for index in objects:  # in the order of the detections: the best one gets the lowest number
            if self._number[index] == 0 and confirmed[index]:
                self._number[index] = self._next_number(float(self._born_s[index]), int(self._birth[index]))

    def _begin(self, detections: Detections, owner: Indices, sure: int, confirmed: bool) -> None:
        """An object for each shown detection that has none."""
        fresh = np.flatnonzero(owner[:sure] < 0)
        owner[fresh] = len(self._motion) + np.arange(len(fresh))
        boxes = detections.boxes_xyxy[fresh].astype(np.float64)
        self._motion.add(boxes)
        self._rest.add(boxes)
        self._lost = np.concatenate((self._lost, np.zeros(len(fresh), np.bool_)))
        assert self._now is not None
        now_s = float(self._now)
        births = self._born + 1 + np.arange(len(fresh))
        self._born += len(fresh)
        self._birth = np.concatenate((self._birth, births))
        self._score = np.concatenate((self._score, detections.scores[fresh].astype(np.float64)))
        numbers = [self._next_number(now_s, int(birth)) if confirmed else 0 for birth in births]
        self._class = np.concatenate((self._class, detections.class_ids[fresh]))
        self._number = np.concatenate((self._number, np.array(numbers, np.int64)))
        self._born_s = np.concatenate((self._born_s, np.full(len(fresh), now_s)))
        self._seen_s = np.concatenate((self._seen_s, np.full(len(fresh), now_s)))
        self._missing = np.concatenate((self._missing, np.zeros(len(fresh), np.bool_)))
        self._balance = np.concatenate((self._balance, np.ones(len(fresh), np.int64)))

    def _forget(self, now_s: float) -> None:
        """Drop what was not seen for too long."""
        unseen_s = now_s - self._seen_s
        patience = np.where(self._lost, _LOST_S, np.where(self._number > 0, _FORGOTTEN_S, _UNCONFIRMED_S))
        kept = ~self._missing | (unseen_s <= patience)
        stayed = np.flatnonzero(~kept & ~self._lost & (self._number > 0) & (self._seen_s - self._born_s >= _STOOD_S))
        stood = stayed[self._rest.stood(stayed)]
        if len(stood):
            self._motion.hold(stood, self._rest.last[stood])
            self._lost[stood] = kept[stood] = True
        if not kept.all():
            self._keep(kept)

    def _keep(self, kept: npt.NDArray[np.bool_]) -> None:
        self._motion.keep(kept)
        self._rest.keep(kept)
        self._score, self._lost = self._score[kept], self._lost[kept]
        self._class, self._number, self._birth = self._class[kept], self._number[kept], self._birth[kept]
        self._born_s, self._seen_s = self._born_s[kept], self._seen_s[kept]
        self._missing, self._balance = self._missing[kept], self._balance[kept]

    def _next_number(self, born_s: float, birth: int) -> int:
        self.given += 1
        self.first_s[self.given] = born_s
        self.number_of[birth] = self.given
        return self.given
