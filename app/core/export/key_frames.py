"""Detections of every frame from those of some: the network sees key frames, and motion carries boxes between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

from app.core.export.request import AUTO, MAX_DETECT_EVERY
from app.core.following.between import between
from app.core.frames import DecodedFrame
from app.core.motion.cuts import CutFinder
from app.core.motion.estimator import MotionEstimator
from app.core.motion.frame_motion import FrameMotion
from detector.detections import Detections

_RUNS_PER_S = 6  # what "auto" comes to: a person walks a tenth of the frame's width meanwhile
_WAITING_BYTES = 128 * 2**20  # of frames that wait for the next run of the network


class FollowedFrame(NamedTuple):
    """A frame and what is in it.

    Attributes:
        frame: The frame.
        detections: What is in it.
        followed: Motion brought them.
        after_cut: Another scene begins with it.
    """

    frame: DecodedFrame
    detections: Detections
    followed: bool
    after_cut: bool


Ask = Callable[[Sequence[Sequence[DecodedFrame]]], Sequence[Detections]]
"""Takes runs of frames, each of which ends with a key frame; returns what the network finds in the key frames."""


@dataclass(eq=False)
class _Interval:
    """The frames after one key frame, up to and including the next."""

    frames: list[DecodedFrame] = field(default_factory=list)
    motions: list[FrameMotion] = field(default_factory=list)


def resolved_interval(detect_every: int, fps: Fraction | None) -> int:
    """Returns N for "every Nth frame", where ``AUTO`` depends on the frame rate."""
    if detect_every == AUTO:
        detect_every = 1 if fps is None else int(fps / _RUNS_PER_S)
    return max(1, min(MAX_DETECT_EVERY, detect_every))


def follow_between(frames: Iterable[DecodedFrame], every: int, ask: Ask, batch: int) -> Iterator[FollowedFrame]:
    """Detections of each frame, where the network sees every Nth, the last, and those on both sides of a cut.

    Args:
        frames: In order, of one size, indices from 0.
        every: N; 1 for all of them.
        ask: Asks the network; called with all frames in order, as many runs as may be computed at once.
        batch: How many frames the detector likes to be handed at once.

    Yields:
        Every frame, in order.
    """
    if every == 1:
        yield from _of_each(frames, ask, batch)
        return
    estimator, current, waiting = MotionEstimator(), _Interval(), list[_Interval]()
    last: Detections | None = None
    at_once = 1
    for frame in frames:
        motion = estimator.update(frame.image)
        if motion is None or last is None:
            last = ask([[frame]])[0]
            yield FollowedFrame(frame, last, followed=False, after_cut=False)
            at_once = max(1, min(batch, _WAITING_BYTES // (every * 3 * math.prod(frame.size))))
            continue
        if motion.cut and current.frames:  # the last frame of a scene, and then the first one of the next
            waiting.append(current)
            current = _Interval()
        current.frames.append(frame)
        current.motions.append(motion)
        if motion.cut or frame.index % every == 0:
            waiting.append(current)
            current = _Interval()
        if len(waiting) >= at_once:
            last = yield from _answers(last, waiting, ask)
            waiting = []
    if current.frames:
        waiting.append(current)
    if waiting and last is not None:
        yield from _answers(last, waiting, ask)


def _of_each(frames: Iterable[DecodedFrame], ask: Ask, batch: int) -> Iterator[FollowedFrame]:
    """Frames that the network all sees, in batches."""
    left, finder = iter(frames), CutFinder()
    while waiting := list(islice(left, batch)):
        for frame, detections in zip(waiting, ask([[frame] for frame in waiting]), strict=True):
            yield FollowedFrame(frame, detections, followed=False, after_cut=finder.update(frame.image))


def _answers(last: Detections, intervals: Sequence[_Interval], ask: Ask) -> Generator[FollowedFrame, None, Detections]:
    """Yields the frames of whole intervals; returns the detections of the last one."""
    found = ask([interval.frames for interval in intervals])
    for interval, now in zip(intervals, found, strict=True):
        *inner, key = interval.frames
        for frame, carried in zip(inner, between(last, now, interval.motions, key.size), strict=True):
            yield FollowedFrame(frame, carried, followed=True, after_cut=False)
        yield FollowedFrame(key, now, followed=False, after_cut=interval.motions[-1].cut)
        last = now
    return last
