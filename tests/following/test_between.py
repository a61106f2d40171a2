"""Detections between two key frames."""

from __future__ import annotations

import numpy as np

from app.core.following.between import between
from app.core.motion.frame_motion import STILL, FrameMotion, cut
from detector.detections import Detections

SIZE = (640, 360)


def pan(x: float) -> FrameMotion:
    camera = STILL.copy()
    camera[0, 2] = x
    return FrameMotion(np.empty((0, 2)), np.empty((0, 2)), np.empty((0, 2, 2)), camera, 0.1)


def found(*rows: tuple[float, float, int]) -> Detections:
    """Squares of 100 pixels: (left edge, score, class)."""
    boxes = np.array([[x, 100, x + 100, 200] for x, _, _ in rows], np.float32).reshape(-1, 4)
    return Detections(
        boxes, np.array([score for _, score, _ in rows], np.float32), np.array([c for _, _, c in rows], np.int32)
    )


def lefts(detections: Detections) -> list[float]:
    return [round(float(box[0]), 3) for box in detections.boxes_xyxy]


def test_a_box_goes_with_the_motion_and_its_score_from_one_end_to_the_other() -> None:
    inner = between(found((100, 0.9, 0)), found((140, 0.5, 0)), [pan(10)] * 4, SIZE)
    assert [lefts(each) for each in inner] == [[110.0], [120.0], [130.0]]
    np.testing.assert_allclose([each.scores[0] for each in inner], [0.8, 0.7, 0.6], atol=1e-6)


def test_what_the_ends_disagree_on_is_blended() -> None:
    inner = between(found((100, 0.9, 0)), found((148, 0.9, 0)), [pan(10)] * 4, SIZE)
    assert [lefts(each) for each in inner] == [[112.0], [124.0], [136.0]]


def test_classes_are_never_mixed_and_what_vanishes_fades() -> None:
    inner = between(found((100, 0.9, 0)), found((100, 0.9, 1)), [pan(0)] * 2, SIZE)
    assert sorted(inner[0].class_ids.tolist()) == [0, 1]
    assert (inner[0].scores < 0.5).all(), "neither is surely there"
    early, _, late = between(found((100, 0.9, 0)), Detections.empty(), [pan(0)] * 4, SIZE)
    assert early.scores[0] > 0.5 > late.scores[0]


def test_nothing_is_carried_across_a_cut() -> None:
    before, after = between(found((100, 0.9, 0)), found((400, 0.8, 0)), [pan(0), cut(), pan(0)], SIZE)
    assert (lefts(before), lefts(after)) == ([100.0], [400.0])


def test_what_leaves_the_frame_is_gone_and_the_rest_is_clipped() -> None:
    inner = between(found((500, 0.9, 0)), Detections.empty(), [pan(40)] * 8, SIZE)
    assert inner[1].boxes_xyxy[0].tolist() == [580, 100, 640, 200]
    assert [len(each) for each in inner] == [1, 1, 0, 0, 0, 0, 0]


def test_no_frames_between_and_nothing_found() -> None:
    assert between(found((1, 0.9, 0)), found((1, 0.9, 0)), [pan(0)], SIZE) == []
    assert [len(each) for each in between(Detections.empty(), Detections.empty(), [pan(1)] * 3, SIZE)] == [0, 0]
