"""Shows every frame at once, with boxes moved to it from the frame that the detector saw last.

Everything here happens on ``ssdv-follow``; only ``frame``, ``answer``, ``set_threshold`` and ``stop`` are called from
elsewhere. A frame that the detector itself has answered for, and that is still the newest, is shown as it answered.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from app.core.channels import LatestSlot
from app.core.events.masks import Masks, outside_masks
from app.core.frames import Frame, FrameResult, ObjectFacts
from app.core.tracking.tracker import with_unsure
from app.core.workers import Worker
from detector.detections import Candidates, DetectionFilter

if TYPE_CHECKING:  # it loads OpenCV
    from app.core.following.follower import FollowedObject, Follower

log = logging.getLogger(__name__)

_SAME_SCENE_S = 1.0  # frames further apart have a seek or a pause between them

Show = Callable[[int, FrameResult], None]


class FollowStage:
    """The following thread.

    Args:
        show: Takes (epoch, result).
        threshold: Least score of an object to follow.
        gone: Called if the thread fails: nobody shows frames here any more.
    """

    def __init__(self, show: Show, threshold: float, gone: Callable[[], None]) -> None:
        self.frames: LatestSlot[tuple[int, Frame]] = LatestSlot()
        self._answers: deque[tuple[int, FrameResult]] = deque()
        self._show = show
        self._gone = gone
        self._threshold = threshold
        self._masks: Masks = ()
        self._epoch = 0
        self._follower: Follower | None = None
        self._newest: Frame | None = None
        self._since_ns = 0  # answers to frames captured before are of another scene
        self._answer: FrameResult | None = None
        self.worker = Worker("follow", self._run, self._broken)

    def frame(self, epoch: int, frame: Frame) -> None:
        """Takes the newest frame of the source."""
        self.frames.put((epoch, frame))

    def answer(self, epoch: int, result: FrameResult) -> None:
        """Takes what the detector found in one of the frames."""
        self._answers.append((epoch, result))
        self.frames.wake()

    def set_threshold(self, threshold: float) -> None:
        """Follows objects of at least this score from now on."""
        self._threshold = threshold

    def set_masks(self, masks: Masks) -> None:
        """Follows nothing in these areas from now on."""
        self._masks = masks

    def stop(self) -> None:
        """Ends the thread soon."""
        self.worker.stop()
        self.frames.close()

    # -- on the thread ----------------------------------------------------------------------------------------------

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set() and not self.frames.closed:
            item = self.frames.take()
            if item is not None:
                self._advance(*item)
            answered = self._take_answers()
            if self._newest is not None and (item is not None or answered):
                self._show(self._epoch, self._result(self._newest))

    def _advance(self, epoch: int, frame: Frame) -> None:
        from app.core.following.follower import Follower

        if self._follower is None or epoch != self._epoch:
            self._begin(epoch, frame, Follower())
        elif not _goes_on(self._newest, frame):
            follower = Follower(self._follower.given)
            if _is_later(self._newest, frame):  # a pause, a camera that was away: who was counted was there
                follower.so_far.update(self._follower.so_far)
            self._begin(epoch, frame, follower)
        assert self._follower is not None
        self._follower.advance(frame.index, frame.image_bgr)
        self._newest = frame

    def _begin(self, epoch: int, frame: Frame, follower: Follower) -> None:
        """Another scene begins with ``frame``."""
        self._epoch, self._follower, self._answer, self._since_ns = epoch, follower, None, frame.captured_ns

    def _take_answers(self) -> bool:
        answered = False
        while self._answers and not self._is_ahead(*self._answers[0]):
            epoch, result = self._answers.popleft()
            if self._follower is None or epoch != self._epoch or result.frame.captured_ns < self._since_ns:
                continue  # of a scene that is over
            if result.candidates is None:
                continue
            if self._answer is not None and (self._answer.model, self._answer.labels) != (result.model, result.labels):
                self._follower.end_all()
            self._answer, answered = self._numbered(result, result.candidates, self._follower), True
        return answered

    def _numbered(self, result: FrameResult, candidates: Candidates, follower: Follower) -> FrameResult:
        """The answer with the numbers of its objects."""
        rows = candidates.chosen(with_unsure(DetectionFilter(self._threshold, candidates.iou_threshold)))
        rows = rows[outside_masks(candidates.boxes_xyxy[rows], (result.frame.width, result.frame.height), self._masks)]
        found = candidates.pick(rows)
        sure = len(found.above(self._threshold))
        time_s = result.frame.time_s
        numbers: list[int | None] = [None] * len(candidates)
        objects: list[ObjectFacts | None] = [None] * len(candidates)
        for row, number in zip(rows, follower.detected(result.frame.index, time_s, found, sure), strict=False):
            if number is not None:
                numbers[row], objects[row] = number, ObjectFacts(follower.first_s[number], float(time_s))
        so_far = tuple(follower.so_far[class_id] for class_id in range(len(result.labels)))
        return replace(result, numbers=tuple(numbers), objects=tuple(objects), so_far=so_far)

    def _is_ahead(self, epoch: int, result: FrameResult) -> bool:
        """Returns whether the answer is to a frame that has not arrived here yet."""
        if self._newest is None or epoch > self._epoch:
            return True
        return epoch == self._epoch and result.frame.captured_ns > self._newest.captured_ns

    def _result(self, frame: Frame) -> FrameResult:
        answer = self._answer
        if answer is None or self._follower is None:
            return FrameResult(frame, None)
        if answer.frame is frame:
            return answer
        order = sorted(self._follower.objects(), key=lambda each: -each.score)
        return replace(
            answer,
            frame=frame,
            candidates=_as_candidates(order),
            followed=True,
            numbers=tuple(each.tracker_id for each in order),
            objects=tuple(_facts(each, float(answer.frame.time_s)) for each in order),
            seen=answer,
        )

    def _broken(self, error: BaseException) -> None:
        log.error("the following thread failed", exc_info=error)
        self._gone()


def _as_candidates(objects: Sequence[FollowedObject]) -> Candidates:
    """Followed objects, best first, as the filters of the window take them."""
    boxes = np.array([each.box_xyxy for each in objects], np.float32).reshape(-1, 4)
    scores = np.array([each.score for each in objects], np.float32)
    classes = np.array([each.class_id for each in objects], np.int32)
    return Candidates(boxes, scores, classes, np.ones(len(objects), np.bool_))


def _facts(followed: FollowedObject, looked_s: float) -> ObjectFacts | None:
    """Returns the facts about an object, where the network looked last at ``looked_s``."""
    if followed.tracker_id is None:
        return None
    return ObjectFacts(followed.first_s, looked_s - followed.unseen_s, followed.unseen_s > 0)


def _goes_on(last: Frame | None, frame: Frame) -> bool:
    """Returns whether ``frame`` follows ``last`` within the same scene: no seek, loop or long pause between."""
    return last is not None and _is_later(last, frame) and frame.time_s - last.time_s < _SAME_SCENE_S


def _is_later(last: Frame | None, frame: Frame) -> bool:
    """Returns whether ``frame`` comes after ``last``, at whatever distance, with no seek or loop between."""
    if last is None or last.jumps != frame.jumps or (last.pts_s is None) is not (frame.pts_s is None):
        return False
    return frame.time_s > last.time_s and frame.index > last.index
