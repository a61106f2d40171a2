"""Cuts are noticed alike by those who follow the motion and those who do not."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from app.core.frames import ImageBGR
from app.core.motion.cuts import CutFinder
from app.core.motion.estimator import MotionEstimator
from tests.motion.test_motion import texture, view
from tools.fixtures.coded_images import coded_image


def cuts_of(frames: Sequence[ImageBGR]) -> list[int]:
    """The cuts, which both ways of finding them agree about."""
    finder, estimator = CutFinder(), MotionEstimator()
    cuts = [index for index, frame in enumerate(frames) if finder.update(frame)]
    motions = [estimator.update(frame) for frame in frames]
    assert cuts == [index for index, motion in enumerate(motions) if motion is not None and motion.cut]
    return cuts


def shot(seed: int, frames: int, noise: float = 0.0) -> list[ImageBGR]:
    """A camera that pans, with noise."""
    rng, ground = np.random.default_rng(seed), texture(seed)
    images = [view(ground, 100 + 3 * step, 100 - step) for step in range(frames)]
    return [np.clip(image + rng.normal(0, noise, image.shape), 0, 255).astype(np.uint8) for image in images]


@pytest.mark.parametrize("noise", [0.0, 6.0])
def test_each_cut_is_noticed_in_its_first_frame_and_nothing_else_is(noise: float) -> None:
    assert cuts_of([*shot(1, 5, noise), *shot(2, 4, noise), *shot(3, 1, noise), *shot(1, 3, noise)]) == [5, 9, 10]


def test_a_still_scene_a_dim_light_and_something_large_that_passes_are_no_cuts() -> None:
    still = view(texture(4), 100, 100)
    dimmed = [np.asarray(cv2.convertScaleAbs(still, alpha=1 - 0.04 * step), np.uint8) for step in range(12)]
    passing = []
    for step in range(10):
        image = still.copy()
        image[40:320, 50 * step : 50 * step + 200] = texture(5, 200, 280)[:, : max(0, min(200, 640 - 50 * step))]
        passing.append(image)
    assert cuts_of([still] * 3 + dimmed) == []
    assert cuts_of(passing) == []


def test_frames_of_one_colour_and_of_a_few_pixels_come_to_no_harm() -> None:
    black, tiny = np.zeros((360, 640, 3), np.uint8), np.zeros((1, 2, 3), np.uint8)
    assert cuts_of([black, black, tiny, tiny, black]) == [2, 4]  # another size is another scene
    assert cuts_of([]) == []


def test_plain_shapes_that_jump_on_a_plain_ground_are_no_cuts() -> None:
    assert cuts_of([coded_image(index, (320, 240)) for index in range(12)]) == []
