"""Motion between frames against scenes whose motion is known."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.core.frames import ImageBGR
from app.core.motion.boxes import moved
from app.core.motion.estimator import MotionEstimator
from app.core.motion.frame_motion import FrameMotion

SIZE = (640, 360)


def texture(seed: int, width: int = 900, height: int = 600, grain: float = 5.0) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), grain)
    spread = cv2.normalize(smooth, smooth.copy(), 20, 235, cv2.NORM_MINMAX)
    return np.asarray(spread, np.uint8)


def view(ground: npt.NDArray[np.uint8], x: float, y: float, zoom: float = 1.0) -> ImageBGR:
    """Returns the image of a camera at (x, y) above the ground."""
    matrix = np.array([[zoom, 0, -x * zoom], [0, zoom, -y * zoom]])
    return np.asarray(cv2.warpAffine(ground, matrix, SIZE, flags=cv2.INTER_LINEAR), np.uint8)


def between(first: ImageBGR, second: ImageBGR) -> FrameMotion:
    estimator = MotionEstimator()
    assert estimator.update(first) is None
    motion = estimator.update(second)
    assert motion is not None
    return motion


BOXES = np.array([[100.0, 80, 180, 200], [300, 100, 420, 180], [500, 200, 600, 330]])


@pytest.mark.parametrize("shift", [(3.0, 0.0), (-5.5, 2.25), (12.0, -9.0)])
def test_a_pan_moves_every_box_by_as_much(shift: tuple[float, float]) -> None:
    ground = texture(1)
    motion = between(view(ground, 100, 100), view(ground, 100 - shift[0], 100 - shift[1]))
    assert not motion.cut
    np.testing.assert_allclose(moved(BOXES, motion) - BOXES, np.tile([*shift, *shift], (3, 1)), atol=0.3)


@pytest.mark.parametrize("speed", [0.6, 1.0])
def test_a_slow_pan_is_no_rest(speed: float) -> None:
    ground, estimator, boxes = texture(1), MotionEstimator(), BOXES
    for step in range(61):
        motion = estimator.update(view(ground, 150 - speed * step, 100))
        if motion is not None:
            boxes = moved(boxes, motion)
    np.testing.assert_allclose(boxes[:, 0] - BOXES[:, 0], 60 * speed, atol=2.5)


def test_a_zoom_scales_every_box_about_the_same_point() -> None:
    ground = texture(2)
    motion = between(view(ground, 100, 100), view(ground, 100, 100, 1.03))
    np.testing.assert_allclose(moved(BOXES, motion), BOXES * 1.03, atol=0.8)


def test_the_motion_back_undoes_the_motion() -> None:
    ground = texture(3)
    motion = between(view(ground, 100, 100), view(ground, 94, 103, 1.02))
    np.testing.assert_allclose(moved(moved(BOXES, motion), motion.reversed()), BOXES, atol=0.2)


@pytest.mark.parametrize("pan", [(0, 0), (4, 1)])
def test_an_object_of_its_own_motion_is_followed(pan: tuple[int, int]) -> None:
    ground, coat = texture(4), texture(5, 90, 120, 3.0)

    def scene(step: int) -> ImageBGR:
        image = view(ground, 100 + pan[0] * step, 100 + pan[1] * step)
        image[100 : 100 + 120, 200 + 6 * step : 290 + 6 * step] = coat
        return image

    estimator, boxes = MotionEstimator(), np.array([[200.0, 100, 290, 220], [450, 150, 520, 250]])
    estimator.update(scene(0))
    start = boxes
    for step in range(1, 11):
        motion = estimator.update(scene(step))
        assert motion is not None
        boxes = moved(boxes, motion)
    np.testing.assert_allclose(boxes[0] - start[0], [60, 0, 60, 0], atol=3)
    np.testing.assert_allclose(boxes[1] - start[1], np.tile([-10.0 * pan[0], -10.0 * pan[1]], 2), atol=1.5)


@pytest.mark.parametrize(("noise", "light"), [(0.0, 1.0), (3.0, 1.0), (8.0, 1.0), (15.0, 1.0), (4.0, 0.1)])
def test_nothing_drifts_on_a_still_scene(noise: float, light: float) -> None:
    ground, rng = view(texture(6), 100, 100).astype(np.float64) * light, np.random.default_rng(7)
    estimator, boxes = MotionEstimator(), BOXES
    for _ in range(60):
        motion = estimator.update(np.clip(ground + rng.normal(0, noise, ground.shape), 0, 255).astype(np.uint8))
        if motion is not None:
            assert not motion.cut
            boxes = moved(boxes, motion)
    np.testing.assert_allclose(boxes, BOXES, atol=0.5)


def test_a_cut_is_one_and_a_fast_pan_is_none() -> None:
    assert between(view(texture(8), 100, 100), view(cv2.bitwise_not(texture(9, grain=2)) // 3, 50, 50)).cut
    ground = texture(8)
    assert not between(view(ground, 100, 100), view(ground, 140, 100)).cut


def test_a_cut_to_a_scene_of_the_same_colours_is_one() -> None:
    first = view(texture(8), 100, 100)
    assert between(first, np.ascontiguousarray(first[::-1, ::-1])).cut


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (16, 2000), (641, 359)])
def test_blank_and_odd_frames_do_not_move_anything(size: tuple[int, int]) -> None:
    blank = np.full((size[1], size[0], 3), 90, np.uint8)
    motion = between(blank, blank)
    boxes = np.array([[0.0, 0, size[0], size[1]]])
    np.testing.assert_array_equal(moved(boxes, motion), boxes)
    assert moved(np.empty((0, 4)), motion).shape == (0, 4)


def test_frames_of_another_size_are_a_cut() -> None:
    assert between(view(texture(1), 0, 0), texture(1)[:200, :200]).cut


def test_boxes_of_no_area_and_outside_of_the_frame_stay_finite() -> None:
    ground = texture(1)
    motion = between(view(ground, 100, 100), view(ground, 97, 100))
    odd = np.array([[50.0, 50, 50, 50], [-900, -900, -800, -800], [0, 0, 640, 360], [1e5, 1e5, 2e5, 2e5]])
    assert np.isfinite(moved(odd, motion)).all()
