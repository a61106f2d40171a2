"""The drawn scenes: a seed names a scene, boxes are the tight bounds of what shows, and every shape can be told."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detector.boxes import iou
from tools.demo.motion import MovingScene
from tools.demo.samples import FRESH, scenes
from tools.demo.scenes import Scene, SceneOptions, coverage, draw_scene, visible_box
from tools.demo.shapes import CLASSES, Pose, area, outlines

seeds = st.integers(0, 2**40)
few = settings(max_examples=25, deadline=None)


def tight_bounds(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The definition, row by row."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def assert_boxes_are_tight(scene: Scene, owners: list[int]) -> None:
    expected = [tight_bounds(scene.owner == owner) for owner in owners]
    np.testing.assert_array_equal(scene.boxes_xyxy, np.asarray(expected, np.float32).reshape(-1, 4))


def test_a_seed_names_a_scene() -> None:
    first, again, other = (next(scenes(number, 1)) for number in (FRESH, FRESH, FRESH + 1))
    np.testing.assert_array_equal(first.image_bgr, again.image_bgr)
    np.testing.assert_array_equal(first.boxes_xyxy, again.boxes_xyxy)
    np.testing.assert_array_equal(first.class_ids, again.class_ids)
    assert not np.array_equal(first.image_bgr, other.image_bgr)


@few
@given(seeds)
def test_boxes_are_the_tight_bounds_of_what_shows(seed: int) -> None:
    scene = draw_scene(np.random.default_rng(seed))
    assert scene.image_bgr.shape == (300, 300, 3)
    assert scene.image_bgr.dtype == np.uint8
    assert scene.boxes_xyxy.dtype == np.float32
    assert scene.class_ids.dtype == np.int32
    assert_boxes_are_tight(scene, list(range(1, len(scene.class_ids) + 1)))


@few
@given(seeds)
@example(381)  # a later shape hides part of an earlier one, whose box then overlaps another one more
def test_no_two_boxes_would_suppress_each_other(seed: int) -> None:
    options = SceneOptions(count=(8, 8))
    boxes = draw_scene(np.random.default_rng(seed), options).boxes_xyxy
    overlaps = iou(boxes, boxes)
    np.fill_diagonal(overlaps, 0)
    assert overlaps.max(initial=0) <= options.max_iou + 1e-6


def test_a_nearly_hidden_shape_is_not_drawn() -> None:
    """With shapes as large as this, most places would hide another; what is drawn still shows enough of itself."""
    options = SceneOptions(count=(8, 8), sizes=(120.0, 120.0), stretch=(1.0, 1.0))
    smallest = area(outlines("arrow", Pose((150, 150), 120.0, 0.0)))  # upright, it fills most of its bounds
    for number in range(20):
        scene = draw_scene(np.random.default_rng(number), options)
        visible = np.bincount(scene.owner.ravel(), minlength=len(scene.class_ids) + 1)[1:]
        assert len(visible) > 0
        assert visible.min() > 0.5 * (1 - options.max_hidden) * smallest


def test_every_class_appears() -> None:
    seen = np.concatenate([scene.class_ids for scene in scenes(FRESH, 60)])
    assert set(seen.tolist()) == set(range(len(CLASSES)))


def test_a_camera_frame_holds_shapes_of_the_same_size_for_the_network() -> None:
    options = SceneOptions.for_frame((640, 480))
    assert draw_scene(np.random.default_rng(5), options).image_bgr.shape == (480, 640, 3)
    warp = math.sqrt(300 / 640 * 300 / 480)
    assert [size * warp for size in options.sizes] == pytest.approx(SceneOptions().sizes)


@few
@given(st.sampled_from(CLASSES), st.floats(24, 200), st.floats(0, 2 * math.pi), st.floats(0.56, 1.25), st.floats(0, 1))
def test_outlines_follow_their_pose(name: str, size: float, angle: float, stretch: float, shift: float) -> None:
    pose = Pose(centre=(250 + shift, 250 - shift), size=size, angle=angle, stretch=stretch)
    contours = outlines(name, pose)
    low, high = contours[0].min(axis=0), contours[0].max(axis=0)
    assert (low + high) / 2 == pytest.approx(pose.centre)
    assert math.sqrt(float(np.prod(high - low))) == pytest.approx(size)
    mask = coverage(contours, (500, 500)) >= 128
    np.testing.assert_allclose(visible_box(mask), [*low, *high], atol=1.6)  # sharp tips cover less than half a pixel
    large = coverage(tuple(contour * 8 for contour in contours), (4000, 4000)) >= 128
    truth = large.reshape(500, 8, 500, 8).mean(axis=(1, 3))  # each pixel's covered share
    assert mask[truth == 1].all()
    reach = cv2.dilate((truth > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert not mask[~reach].any()  # cv2's soft edges lie outside the line, by less than a pixel
    assert abs(truth.sum() - area(contours)) < 0.02 * area(contours) + 12


def test_a_ring_has_a_hole_and_a_circle_has_none() -> None:
    pose = Pose(centre=(50.0, 50.0), size=60.0)
    assert coverage(outlines("circle", pose), (100, 100))[50, 50] == 255
    assert coverage(outlines("ring", pose), (100, 100))[50, 50] == 0


def test_a_stretched_scene_looks_like_a_warped_frame() -> None:
    contour = outlines("square", Pose((0.0, 0.0), 90.0, 0.0, stretch=0.75))[0]
    width, height = contour.max(axis=0) - contour.min(axis=0)
    assert width / height == pytest.approx(0.75)


def test_moving_scene_is_a_function_of_time() -> None:
    clip = MovingScene(3, (320, 240), (0, 3, 5))
    later = clip.frame(4.0)
    np.testing.assert_array_equal(clip.frame(0.0).image_bgr, MovingScene(3, (320, 240), (0, 3, 5)).frame(0.0).image_bgr)
    np.testing.assert_array_equal(clip.frame(4.0).image_bgr, later.image_bgr)
    assert not np.array_equal(clip.frame(0.0).image_bgr, later.image_bgr)


@few
@given(st.integers(0, 1000), st.floats(0, 60))
def test_moving_shapes_stay_in_the_frame_and_move_smoothly(seed: int, time_s: float) -> None:
    size = (320, 240)
    clip = MovingScene(seed, size, (1, 6))
    now, soon = clip.frame(time_s), clip.frame(time_s + 1 / 30)
    for scene in (now, soon):
        shown = [(1, 6).index(class_id) + 1 for class_id in scene.class_ids]
        assert_boxes_are_tight(scene, shown)
    for mover in clip.movers:
        a, b = (np.asarray(mover.pose(t, size).centre) for t in (time_s, time_s + 1 / 30))
        assert np.linalg.norm(a - b) <= 0.22 * size[1] / 30 + 1e-6
        assert np.all(a >= 0)
        assert np.all(a <= size)


def test_a_covered_moving_shape_is_not_in_the_truth() -> None:
    clip = MovingScene(0, (320, 240), (0, 0))
    clip.movers = [clip.movers[0], clip.movers[0]]  # the second lies exactly on the first
    scene = clip.frame(1.0)
    assert len(scene.class_ids) == 1
    assert_boxes_are_tight(scene, [2])
