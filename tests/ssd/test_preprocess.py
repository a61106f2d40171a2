"""A frame becomes network input: the right size, order and scale, as OpenCV and PIL make it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from detector.preprocess import InputBuilder
from detector.spec import InputSpec

RGB = InputSpec(24, 32)
BGR = InputSpec(24, 32, "bgr", (0.0, 0.0, 0.0))


def noise(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_numbers_of_one_colour() -> None:
    frame = np.empty((10, 10, 3), np.uint8)
    frame[:] = (10, 20, 30)  # blue, green, red
    spec = InputSpec(24, 32, "rgb", (1.0, 2.0, 3.0), (2.0, 4.0, 8.0))
    image = InputBuilder(spec)([frame])[0]
    assert image.shape == (3, 24, 32)
    assert image[:, 0, 0].tolist() == [29 / 2, 18 / 4, 7 / 8]
    assert InputBuilder(BGR)([frame])[0, :, 5, 5].tolist() == [10, 20, 30]


def test_the_image_is_warped_not_letterboxed() -> None:
    frame = np.zeros((480, 640, 3), np.uint8)
    frame[:, 320:] = 255
    image = InputBuilder(BGR)([frame])[0]
    assert (image[:, :, :15] == 0).all()
    assert (image[:, :, 17:] == 255).all()


def test_resize_is_plain_bilinear_without_smoothing() -> None:
    frame = noise(100, 90)
    wanted = cv2.resize(frame, (32, 24), interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1)
    assert (InputBuilder(BGR)([frame])[0] == wanted).all()
    smoothed = cv2.resize(frame, (32, 24), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)
    assert np.abs(smoothed - wanted.astype(float)).max() > 10


@pytest.mark.parametrize(("height", "width"), [(100, 90), (480, 640), (24, 32), (25, 33), (7, 200), (1, 1), (9, 5)])
def test_smooth_resize_is_that_of_pil(height: int, width: int) -> None:
    frame = noise(height, width)
    wanted = np.asarray(PIL.Image.fromarray(frame).resize((32, 24), PIL.Image.Resampling.BILINEAR), np.float64)
    found = InputBuilder(replace(BGR, smooth=True))([frame])[0].transpose(1, 2, 0)
    assert np.abs(found - wanted).max() <= 1.0 + 1e-3  # PIL rounds to whole grey levels, twice


def test_frames_of_different_sizes_make_one_batch() -> None:
    frames = [noise(20, 30), noise(50, 40, 1), noise(1, 1, 2)]
    builder = InputBuilder(RGB)
    for row, frame in zip(builder(frames).copy(), frames, strict=True):
        np.testing.assert_allclose(row, builder([frame])[0], atol=1e-4)


def test_a_smaller_batch_after_a_larger_one_is_its_own() -> None:
    builder = InputBuilder(RGB)
    builder([noise(20, 30, s) for s in range(3)])
    assert builder([noise(20, 30)]).shape == (1, 3, 24, 32)


def test_read_only_and_strided_frames_are_taken() -> None:
    frame = noise(40, 60)[:, ::-1]
    frame.flags.writeable = False
    np.testing.assert_array_equal(InputBuilder(RGB)([frame]), InputBuilder(RGB)([frame.copy()]))


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 5), (5, 5, 4)])
def test_what_is_no_frame_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a frame is"):
        InputBuilder(RGB)([np.zeros(shape, np.uint8)])
