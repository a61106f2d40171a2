"""The engine of GPUs, as far as it goes without one: the same code on the CPU; and what happens when a GPU fails."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from detector.detections import Candidates
from detector.errors import DetectorError, DeviceFailedError
from detector.model_file import ModelEntry, open_file
from detector.runtime import device_pass, torch_cuda
from detector.runtime.base import ImageBGR
from detector.runtime.engine import Engine
from detector.runtime.fallback import FallbackDetector
from detector.runtime.torch_cpu import TorchCpuDetector
from detector.runtime.torch_cuda import TorchDeviceDetector
from detector.spec import PostprocessSpec
from tests.support.one_thread import one_thread
from tests.support.tiny_models import picture, random_spec, save_random

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> ModelEntry:
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    save_random(path, random_spec("ultraface-slim"))
    return open_file(path)


@pytest.fixture
def device(entry: ModelEntry) -> Iterator[TorchDeviceDetector]:
    with TorchDeviceDetector(entry, CPU, "fp32") as detector:
        yield detector


def assert_same(found: Sequence[Candidates], wanted: Sequence[Candidates]) -> None:
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-4)
        np.testing.assert_allclose(ours.boxes_xyxy, theirs.boxes_xyxy, atol=0.05)
        np.testing.assert_array_equal(ours.kept, theirs.kept)


# -- the way of a batch ------------------------------------------------------------------------------------------------


def test_long_lists_and_sizes_in_any_order_come_back_in_order(
    device: TorchDeviceDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_chunk", 2)  # a real one is far longer
    sizes = [(240, 320)] * 3 + [(100, 77)] + [(240, 320)] * 2 + [(700, 500)]
    frames = [picture(*size, seed) for seed, size in enumerate(sizes)]
    assert [len(chunk) for chunk in device._chunks(frames)] == [2, 1, 1, 2, 1]
    assert_same(device.candidates_batch(frames), [device.candidates_batch([frame])[0] for frame in frames])


def test_more_candidates_than_the_short_way_takes_are_all_found(
    entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TorchCpuDetector(entry, "fp32") as reference:
        wanted = reference.candidates_batch([picture()])
    assert len(wanted[0]) > 40
    small = lambda *a, **k: original(*a, **k, capacity=40)  # noqa: E731 - read once, right here
    original = device_pass.postprocess_fixed
    monkeypatch.setattr(device_pass, "postprocess_fixed", small)
    monkeypatch.setattr(device_pass, "result_shape", lambda *_: (41, 7))
    unpack = torch_cuda.unpack
    monkeypatch.setattr(torch_cuda, "unpack", lambda rows, iou: unpack(rows, iou, 40))
    with TorchDeviceDetector(entry, CPU, "fp32") as detector:
        assert_same(detector.candidates_batch([picture()]), wanted)


def test_whoever_listens_hears_every_stage(device: TorchDeviceDetector) -> None:
    heard: list[str] = []
    device.on_stage = heard.append
    device.candidates_batch([picture()])
    assert heard == ["preprocess", "network", "postprocess", "copy"]


def switches_of_cudnn() -> tuple[bool, int, bool]:
    cudnn = torch.backends.cudnn
    return cudnn.benchmark, cudnn.benchmark_limit, cudnn.allow_tf32


def test_cudnn_tries_algorithms_from_the_first_call_and_its_switches_are_put_back(entry: ModelEntry) -> None:
    before = switches_of_cudnn()
    inside: list[tuple[bool, int, bool]] = []
    with TorchDeviceDetector(entry, CPU, "fp32") as device:
        device.on_stage = lambda stage: inside.append(switches_of_cudnn()) if stage == "network" else None
        device.detect(picture())
        device.detect_batch([picture()] * 3)  # a shape never seen: nothing may fix its algorithms untried
    assert inside == [(True, 32, False)] * 2
    assert switches_of_cudnn() == before


def test_what_is_no_frame_is_refused(device: TorchDeviceDetector) -> None:
    with pytest.raises(ValueError, match="a frame is"):
        device.detect(np.zeros((5, 5), np.uint8))


def test_closing_leaves_nothing(entry: ModelEntry) -> None:
    detector = TorchDeviceDetector(entry, CPU, "fp32")
    detector.candidates_batch([picture(), picture(100, 100)])
    plan = detector._plan(240, 320)  # all that a closed engine must let go of, by name
    held = [
        weakref.ref(each)
        for each in (detector.device_pass, detector.device_pass.network, detector._uploads, plan.values)
    ]
    held += [weakref.ref(each) for each in (detector._fetched, next(detector.device_pass.network.parameters()))]
    del plan
    detector.close()
    assert [ref() for ref in held] == [None] * len(held)  # at once: a GPU's memory waits for no collector
    gone = weakref.ref(detector)
    del detector
    gc.collect()
    assert gone() is None


# -- when a device fails -----------------------------------------------------------------------------------------------


class Failing:
    """In a network's place: fails as long as there are more frames than it has room for.

    Args:
        network: Answers otherwise.
        room: Frames.
        error: What it raises.
    """

    def __init__(self, network: Any, room: int, error: Exception) -> None:
        self.network, self.room, self.error = network, room, error
        self.asked: list[int] = []

    def __call__(self, images: torch.Tensor) -> Any:
        self.asked.append(len(images))
        if len(images) > self.room:
            raise self.error
        return self.network(images)


def full() -> Exception:
    return torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_too_little_memory_for_a_batch_is_enough_for_half(device: TorchDeviceDetector) -> None:
    frames = [picture(seed=seed) for seed in range(8)]
    wanted = device.candidates_batch(frames)
    device.preferred_batch = 32
    failing: Any = Failing(device.device_pass.network, 2, full())
    device.device_pass.network = failing
    assert_same(device.candidates_batch(frames), wanted)
    batches = [count for count in failing.asked if count > 1]
    assert batches == [8, 8, 4, 2, 2, 2, 2]  # at first everything else is dropped
    assert device.preferred_batch == 2
    assert device.notes == ("cpu is short of memory: 2 frames at a time.",)
    assert_same(device.candidates_batch(frames), wanted)
    assert [count for count in failing.asked if count > 1][7:] == [2] * 4  # and so it stays


class Other(Engine):
    """The engine that takes over; finds nothing."""

    def __init__(self, entry: ModelEntry) -> None:
        super().__init__(entry.spec, "other", "cpu", "fp32", ("The other's note.",))
        self.frames = 0

    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        self.frames += len(frames)
        return [Candidates.empty() for _ in frames]

    def _raw(self, frame: ImageBGR) -> Any:
        return "the other's"

    def _release(self) -> None:
        pass


LOST = torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors might be late")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (full(), "gpu has too little free memory for random. Running on the CPU since."),
        (LOST, "gpu failed: CUDA error: unspecified launch failure. Running on the CPU since."),
    ],
)
def test_the_cpu_takes_over_and_keeps_the_frame(entry: ModelEntry, error: Exception, told: str) -> None:
    first = TorchDeviceDetector(entry, CPU, "fp32", ["Noted before."])
    first.device, first.preferred_batch = "gpu", 8
    other = Other(entry)
    with FallbackDetector(first, lambda: other) as detector:
        assert (detector.device, detector.preferred_batch, detector.notes) == ("gpu", 8, ("Noted before.",))
        assert len(detector.candidates_batch([picture()])[0]) > 0
        first.device_pass.network = Failing(None, 0, error)  # type: ignore[assignment]  # in its place
        assert [len(found) for found in detector.candidates_batch([picture()] * 3)] == [0] * 3
        assert other.frames == 3
        assert (detector.engine, detector.device, detector.preferred_batch) == ("other", "cpu", 1)
        assert detector.notes == ("Noted before.", told, "The other's note.")
        with pytest.raises(DetectorError, match="closed already"):
            first.detect(picture())
        assert detector.raw(picture()) == "the other's"
        detector.detect(picture())
        assert other.frames == 4
    with pytest.raises(DetectorError, match="closed already"):
        other.detect(picture())


def test_a_smaller_batch_is_told_by_the_wrapper_too(entry: ModelEntry) -> None:
    first = TorchDeviceDetector(entry, CPU, "fp32")
    first.preferred_batch = 8
    with FallbackDetector(first, lambda: pytest.fail("no need of another")) as detector:
        first.device_pass.network = Failing(first.device_pass.network, 1, full())  # type: ignore[assignment]  # in its place
        detector.candidates_batch([picture()] * 2)
        assert detector.preferred_batch == 1
        assert detector.notes == ("cpu is short of memory: 1 frames at a time.",)


def test_where_nothing_takes_over_the_failure_is_told(entry: ModelEntry) -> None:
    def nothing() -> Engine:
        raise DetectorError("No CPU either.")

    first = TorchDeviceDetector(entry, CPU, "fp32")
    with FallbackDetector(first, nothing) as detector:
        first.device_pass.network = Failing(None, 0, full())  # type: ignore[assignment]  # in its place
        with pytest.raises(DeviceFailedError, match="too little free memory"):
            detector.detect(picture())


def test_a_second_failure_is_not_caught_again(entry: ModelEntry) -> None:
    class Fails(Other):
        def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
            raise DeviceFailedError("It failed.")

    with FallbackDetector(Fails(entry), lambda: Fails(entry)) as detector:
        for _ in range(2):
            with pytest.raises(DeviceFailedError):
                detector.detect(picture())


def test_stages_are_heard_through_the_wrapper(entry: ModelEntry) -> None:
    with FallbackDetector(TorchDeviceDetector(entry, CPU, "fp32"), lambda: Other(entry)) as detector:
        heard: list[str] = []
        detector.on_stage = heard.append
        detector.detect(picture())
        assert heard[0] == "preprocess"


def test_faults_of_ours_are_no_failures_of_the_cpu(device: TorchDeviceDetector) -> None:
    device.device_pass.network = Failing(None, 0, RuntimeError("shapes do not fit"))  # type: ignore[assignment]  # likewise
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        device.detect(picture())


def test_a_device_that_is_not_there_is_explained(entry: ModelEntry, tmp_path: Path) -> None:
    for name in ("cuda", "xpu", "mps"):
        if getattr(torch, name).is_available():
            continue
        with pytest.raises(DetectorError, match="cannot run random"):
            TorchDeviceDetector(entry, torch.device(name, 0), "fp16")
