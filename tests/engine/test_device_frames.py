"""Frames that lie on a device: the engine of that device takes them as they are, all others by the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from detector.detections import Candidates
from detector.errors import DeviceFailedError
from detector.model_file import ModelEntry, open_file
from detector.preprocess_torch import gathered
from detector.runtime.base import AnyFrame, DeviceFrame, ImageBGR
from detector.runtime.engine import Engine
from detector.runtime.fallback import FallbackDetector
from detector.runtime.torch_cpu import TorchCpuDetector
from detector.runtime.torch_cuda import TorchDeviceDetector
from detector.spec import PostprocessSpec
from tests.support.one_thread import one_thread
from tests.support.tiny_models import picture, random_spec, save_random

CPU = torch.device("cpu")
SIZES = ((720, 1280), (720, 1280), (100, 77), (240, 320))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module", params=[False, True], ids=["as it is", "smooth"])
def entry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelEntry:
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    spec = random_spec()
    save_random(path, replace(spec, input=replace(spec.input, smooth=request.param)))
    return open_file(path)


def never() -> ImageBGR:
    raise AssertionError("a frame came to the host")


def lying(image: ImageBGR, fetch: Callable[[], ImageBGR] = never) -> DeviceFrame:
    return DeviceFrame(torch.from_numpy(image), fetch)


def assert_equal(found: Sequence[Candidates], wanted: Sequence[Candidates]) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        for name in ("boxes_xyxy", "scores", "class_ids", "kept"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_frames_that_lie_there_give_what_uploaded_ones_give(entry: ModelEntry) -> None:
    images = [picture(*size, seed) for seed, size in enumerate(SIZES)]
    mixed: list[AnyFrame] = [lying(images[0]), lying(images[1]), images[2], lying(images[3])]
    with TorchDeviceDetector(entry, CPU, "fp32") as detector:
        wanted = detector.candidates_batch(images)
        assert_equal(detector.candidates_batch(mixed), wanted)
    assert any(len(each) for each in wanted)


def test_of_a_frame_on_another_device_the_host_gets_a_copy(entry: ModelEntry) -> None:
    image = picture()
    there = DeviceFrame(torch.empty(image.shape, dtype=torch.uint8, device="meta"), lambda: image)
    with TorchDeviceDetector(entry, CPU, "fp32") as detector:
        assert_equal(detector.candidates_batch([there]), detector.candidates_batch([image]))


def test_an_engine_of_the_processor_fetches_frames(entry: ModelEntry) -> None:
    image = picture()
    with TorchCpuDetector(entry, "fp32") as detector:
        assert_equal(detector.candidates_batch([lying(image, lambda: image)]), detector.candidates_batch([image]))


def test_when_the_device_fails_the_very_frames_go_on_by_the_processor(entry: ModelEntry) -> None:
    class Failing(TorchDeviceDetector):
        def _found(self, frames: Sequence[AnyFrame], rule: PostprocessSpec) -> list[Candidates]:
            if len(frames) > 1:
                raise DeviceFailedError("the card fell off.", "")
            return super()._found(frames, rule)

    images = [picture(seed=seed) for seed in range(2)]
    fetched: list[int] = []

    def fetch(number: int) -> ImageBGR:
        fetched.append(number)
        return images[number]

    def other() -> Engine:
        return TorchCpuDetector(entry, "fp32")

    frames = [lying(image, partial(fetch, number)) for number, image in enumerate(images)]
    with FallbackDetector(Failing(entry, CPU, "fp32"), other) as detector, other() as reference:
        found = detector.candidates_batch(frames)
        assert_equal(found, reference.candidates_batch(images))
    assert fetched == [0, 1]


def test_what_is_no_frame_is_still_refused(entry: ModelEntry) -> None:
    with TorchDeviceDetector(entry, CPU, "fp32") as detector, pytest.raises(ValueError, match="a frame is"):
        detector.candidates_batch([np.zeros((5, 5), np.uint8)])


def test_only_the_rows_that_are_read_are_gathered(entry: ModelEntry) -> None:
    with TorchDeviceDetector(entry, CPU, "fp32") as detector:
        plan = detector.device_pass.input.plan(720, 1280)
    rows = 720 if entry.spec.input.smooth else 2 * entry.spec.input.height
    assert gathered([torch.zeros((720, 1280, 3), dtype=torch.uint8)], plan).shape == (1, rows, 1280, 3)
    assert plan.uploaded_rows == rows
