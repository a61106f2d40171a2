"""On the device a frame becomes the network's input as it does on the host, whatever was uploaded of it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.preprocess import InputBuilder
from detector.preprocess_torch import DeviceInput
from detector.spec import InputSpec

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

CPU = torch.device("cpu")
RGB = InputSpec(24, 32)
BGR = InputSpec(24, 32, "bgr", (0.0, 0.0, 0.0))


def noise(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def on_device(spec: InputSpec, frames: list[Image], channels: int = 3) -> Floats:
    builder = DeviceInput(spec, CPU, torch.float32, channels)
    plan = builder.plan(*frames[0].shape[:2])
    batch = torch.from_numpy(np.stack(frames))
    if plan.upload is not None:
        batch = batch.index_select(1, plan.upload)
    assert batch.shape[1] == plan.uploaded_rows
    result: Floats = builder(batch, plan).numpy()
    return result


@settings(max_examples=60)
@given(
    st.integers(1, 150), st.integers(1, 150), st.sampled_from([RGB, BGR, InputSpec(77, 13), replace(RGB, smooth=True)])
)
def test_host_and_device_differ_by_one_grey_level_at_most(height: int, width: int, spec: InputSpec) -> None:
    frames = [noise(height, width), noise(height, width, 1)]
    found = on_device(spec, frames)
    assert found.shape == (2, 3, spec.height, spec.width)
    assert np.abs(found - InputBuilder(spec)(frames)).max() <= 1.0 + 1e-3


@pytest.mark.parametrize(("height", "width"), [(720, 1280), (1080, 1920), (480, 640), (300, 300), (200, 100)])
def test_real_sizes_are_resized_as_opencv_does(height: int, width: int) -> None:
    frame = cv2.GaussianBlur(noise(height, width), (5, 5), 0)
    wanted = cv2.resize(frame, (300, 300), interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1)
    (found,) = on_device(InputSpec(300, 300, "bgr", (0.0, 0.0, 0.0)), [np.asarray(frame, np.uint8)])
    assert np.abs(found - wanted).max() <= 1.0
    assert np.abs(found - wanted).mean() < 0.3


def test_a_frame_of_the_networks_size_stays_as_it_is() -> None:
    frame = noise(24, 32)
    assert (on_device(BGR, [frame])[0] == frame.transpose(2, 0, 1)).all()


def test_smooth_resize_is_the_same_to_a_hundredth() -> None:
    spec = replace(RGB, smooth=True)
    for frame in (noise(101, 333), noise(10, 40), noise(24, 32)):
        assert np.abs(on_device(spec, [frame]) - InputBuilder(spec)([frame])).max() < 0.01


def test_rows_that_are_not_read_are_not_uploaded() -> None:
    builder = DeviceInput(RGB, CPU, torch.float32)
    assert [builder.plan(height, 9).uploaded_rows for height in (7, 48, 49, 2000)] == [7, 48, 48, 48]
    assert DeviceInput(replace(RGB, smooth=True), CPU, torch.float32).plan(2000, 9).uploaded_rows == 2000


@pytest.mark.parametrize("spec", [RGB, replace(RGB, smooth=True)])
def test_channels_added_are_zero(spec: InputSpec) -> None:
    frames = [noise(50, 60)]
    eight, three = on_device(spec, frames, 8), on_device(spec, frames)
    assert eight.shape == (1, 8, 24, 32)
    np.testing.assert_array_equal(eight[:, :3], three)
    assert not eight[:, 3:].any()


@pytest.mark.parametrize("spec", [RGB, replace(RGB, smooth=True)])
@pytest.mark.parametrize("channels", [3, 8])
def test_the_input_is_channels_last_in_its_type(spec: InputSpec, channels: int) -> None:
    builder = DeviceInput(spec, CPU, torch.bfloat16, channels)
    batch = builder(torch.from_numpy(noise(20, 30)[None].repeat(2, axis=0)), builder.plan(20, 30))
    assert batch.dtype == torch.bfloat16
    assert batch.is_contiguous(memory_format=torch.channels_last)
