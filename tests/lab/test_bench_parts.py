"""What a measurement is made of: weights out of thin air, frames, baselines with the same weights, peaks, memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from app.core.errors import AppError
from app.core.frames import ImageBGR
from app.lab.bench import lineup, onnx_models, peaks
from app.lab.bench import machine as machine_module
from app.lab.bench.baselines import BASELINES, check_baseline, open_baseline
from app.lab.bench.benchmark import untested_notes
from app.lab.bench.contestant_agreement import agreement
from app.lab.bench.machine import Machine, this_machine
from app.lab.bench.memory import MemoryMeter
from app.lab.bench.random_weights import LOADS, background_bias, write_random
from app.lab.bench.sample_frames import drawn_frames, video_frames
from app.lab.bench.stages import timer_for
from detector.default_boxes import default_boxes
from detector.detections import Detections
from detector.errors import Remedy
from detector.model_file import ModelEntry, open_file
from detector.postprocess import postprocess
from detector.registry import MODELS
from detector.runtime.torch_cpu import TorchCpuDetector
from detector.spec import ModelSpec, PostprocessSpec
from tests.support.media import make_video
from tests.support.one_thread import one_thread
from tests.support.quick_peaks import use_quick_peaks
from tests.support.small_rival import shrink_faster_rcnn
from tools.fixtures.coded_images import read_frame_index

SMALL = replace(MODELS["ultraface-slim-320"], labels=tuple("abcdefghij"))
SMALL_BOXES = 4420
# Two classes: the rest of the network is that of 80.
SSD300 = replace(MODELS["ssd300-vgg16-coco"], labels=("a", "b"))
SSDLITE = replace(MODELS["ssdlite320-mobilenetv3-coco"], labels=("a", "b"))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Nothing here is timed, and on a busy computer torch's threads wait for each other longer than they work."""
    with one_thread():
        yield


@pytest.fixture(scope="module")
def frames() -> list[ImageBGR]:
    return drawn_frames(4, (360, 640))


@pytest.mark.parametrize("spec", [SMALL, SSDLITE], ids=lambda spec: spec.architecture)
def test_random_weights_find_about_as_much_as_they_should(
    spec: ModelSpec, frames: list[ImageBGR], tmp_path: Path
) -> None:
    files = write_random(spec, frames, tmp_path, list(LOADS))
    most = len(spec.labels) * spec.postprocess.top_k
    for load, path in files.items():
        with TorchCpuDetector(open_file(path), "fp32") as detector:
            found = [len(each) for each in detector.candidates_batch(frames)]
        wanted = min(LOADS[load], most)
        assert np.mean(found) == pytest.approx(wanted, rel=0.15, abs=1), load
    assert list(files) == ["empty", "typical", "worst"]


def test_random_weights_are_the_same_every_time(frames: list[ImageBGR], tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    once = write_random(SMALL, frames, tmp_path, ["typical"])["typical"]
    again = write_random(SMALL, frames, tmp_path / "again", ["typical"])["typical"]
    assert once.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("target", [0, 1, 40, 400])
def test_the_background_is_set_so_that_so_many_candidates_remain(target: int) -> None:
    draw = np.random.default_rng(target)
    locs = draw.normal(0, 1, (3, SMALL_BOXES, 4)).astype(np.float32)
    logits = draw.normal(0, 3, (3, SMALL_BOXES, 6)).astype(np.float32)
    rule = PostprocessSpec(score_floor=0.05, top_k=10_000)
    logits[..., 0] += np.float32(background_bias(logits, rule, target))
    assert SMALL.config is not None
    found = postprocess(locs, logits, default_boxes(SMALL.config), rule, [(100, 100)] * 3)
    assert abs(sum(len(each) for each in found) - 3 * target) <= 1


def test_drawn_frames_are_of_720p_and_all_different() -> None:
    drawn = drawn_frames(3)
    assert {frame.shape for frame in drawn} == {(720, 1280, 3)}
    assert len({frame.tobytes() for frame in drawn}) == 3
    assert all(np.array_equal(a, b) for a, b in zip(drawn, drawn_frames(3), strict=True))


def test_frames_of_a_video_are_its_first(tmp_path: Path) -> None:
    video = make_video(tmp_path / "v.mp4", 6)
    assert [read_frame_index(frame) for frame in video_frames(video, 4)] == [0, 1, 2, 3]
    assert len(video_frames(video, 99)) == 6
    with pytest.raises(AppError, match="no such file"):
        video_frames(tmp_path / "missing.mp4")


@pytest.mark.parametrize("spec", [SSD300, SSDLITE], ids=lambda spec: spec.architecture)
def test_torchvision_with_the_same_weights_finds_the_same(
    spec: ModelSpec, frames: list[ImageBGR], tmp_path: Path
) -> None:
    entry = open_file(write_random(spec, frames[:1], tmp_path, ["typical"])["typical"])
    theirs = open_baseline("torchvision", entry, "cpu")
    with TorchCpuDetector(entry, "fp32") as ours:
        found = ours.detect_batch(frames[:1])
    expected = theirs.run(frames[:1])
    assert min(len(found[0]), len(expected[0])) > 20
    assert agreement(found, expected) > 0.95
    theirs.close()


def test_torchvision_given_other_colours_finds_something_else(frames: list[ImageBGR], tmp_path: Path) -> None:
    entry = open_file(write_random(SSDLITE, frames[:1], tmp_path, ["typical"])["typical"])
    theirs = open_baseline("torchvision", entry, "cpu")
    swapped = [np.ascontiguousarray(frames[0][..., ::-1])]
    assert agreement(theirs.run(frames[:1]), theirs.run(swapped)) < 0.9
    stages = theirs.stages(frames[:1])
    assert list(stages) == ["preprocess", "network", "postprocess"]
    assert all(time > 0 for time in stages.values())
    theirs.close()


@pytest.mark.parametrize("name", ["onnxruntime", "opencv-dnn"])
def test_our_network_run_by_others_finds_the_same(name: str, frames: list[ImageBGR], tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="writing ONNX needs it")
    entry = open_file(write_random(SMALL, frames, tmp_path, ["typical"])["typical"])
    theirs = open_baseline(name, entry, "cpu")
    with TorchCpuDetector(entry, "fp32") as ours:
        found = ours.detect_batch(frames[:2])
    expected = theirs.run(frames[:2])
    assert min(len(each) for each in found) > 20
    assert agreement(found, expected) > 0.99
    assert list(theirs.stages(frames[:1])) == ["preprocess", "network", "postprocess"]
    assert theirs.name == f"{name} cpu fp32"
    theirs.close()
    with pytest.raises(AppError) as caught:
        open_baseline(name, entry, "cuda:0")
    assert caught.value.remedies == (Remedy("device", "cpu"),)


def test_a_network_opencv_cannot_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_nonsense(_entry: ModelEntry, folder: Path) -> Path:
        (folder / "network.onnx").write_bytes(b"no network")
        return folder / "network.onnx"

    monkeypatch.setattr(onnx_models, "write_onnx", write_nonsense)
    before = cv2.utils.logging.getLogLevel()
    with pytest.raises(AppError) as caught:
        onnx_models.open_opencv(ModelEntry("x", SMALL, None, False), "cpu")
    assert caught.value.remedies == (Remedy("versus", "opencv-dnn", omit=True),)
    assert cv2.utils.logging.getLogLevel() == before


def test_what_is_missing_for_a_comparison_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_models, "find_spec", lambda name: None if name.startswith("onnx") else object())
    with pytest.raises(AppError, match="onnxruntime, onnx and onnxscript are not installed"):
        check_baseline("onnxruntime", SMALL)
    with pytest.raises(AppError, match="onnx and onnxscript are not installed"):
        check_baseline("opencv-dnn", SMALL)
    monkeypatch.undo()
    with pytest.raises(AppError, match="brings its own network"):
        check_baseline("opencv-dnn", replace(SMALL, architecture="graph", config=None))


def test_faster_rcnn_runs_and_tells_its_stages(frames: list[ImageBGR], monkeypatch: pytest.MonkeyPatch) -> None:
    shrink_faster_rcnn(monkeypatch)
    rival = open_baseline("fasterrcnn", ModelEntry("x", SSDLITE, None, False), "cpu")
    assert rival.name == "fasterrcnn cpu fp32"
    found = rival.run(frames[:1])
    assert isinstance(found[0], Detections)
    assert list(rival.stages(frames[:1])) == ["preprocess", "backbone", "proposals", "heads", "postprocess"]
    rival.close()


def test_torchvision_is_only_compared_with_what_it_has() -> None:
    for name in ("ssd512-vgg16-coco", "ssd300-vgg16-voc", "ultraface-slim-320", "ssdlite320-mobilenetv2-voc"):
        with pytest.raises(AppError, match=name) as caught:
            check_baseline("torchvision", MODELS[name])
        assert caught.value.remedies == (Remedy("versus", "fasterrcnn"),)
        check_baseline("fasterrcnn", MODELS[name])
    with pytest.raises(AppError) as caught:
        check_baseline("torchvision", replace(SSD300, width=0.5))
    assert caught.value.remedies == (Remedy("versus", "fasterrcnn"),)
    check_baseline("torchvision", SSD300)
    check_baseline("torchvision", SSDLITE)
    assert [name for name, each in BASELINES.items() if not each.shares_weights] == ["litert", "fasterrcnn"]


def test_the_work_of_a_network_is_that_of_the_published_counts() -> None:
    # 34.858 and 0.583 x 10^9 multiply-adds with 91 classes, as torchvision's documentation has them.
    ninety = tuple(str(number) for number in range(90))
    for name, published in (("ssd300-vgg16-coco", 34.858), ("ssdlite320-mobilenetv3-coco", 0.583)):
        flops = peaks.network_flops(replace(MODELS[name], labels=ninety))
        assert flops is not None
        assert flops / 2e9 == pytest.approx(published, rel=0.01)
    assert peaks.network_flops(replace(SMALL, architecture="graph", config=None)) is None


def test_peaks_are_measured_where_the_format_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    use_quick_peaks(monkeypatch)
    for precision in ("fp32", "bf16"):
        peak = peaks.measured_peak("cpu", precision)
        assert peak is not None
        assert peak > 0
    before = torch.backends.cudnn.allow_tf32
    assert peaks.measured_peak("cpu", "fp16") is None
    assert peaks.measured_peak("cpu", "tf32") is None
    assert peaks.measured_peak("cpu", "auto") is None
    assert torch.backends.cudnn.allow_tf32 == before


def test_memory_taken_shows_where_the_system_tells() -> None:
    meter = MemoryMeter("cpu")
    meter.settle()
    before = meter.peak_mib()
    if before is None:
        pytest.skip("this system does not tell a process's peak memory")
    with mmap.mmap(-1, 64 * 2**20) as block:
        block.write(b"x" * len(block))
        after = meter.peak_mib()
    assert after is not None
    assert after - before > 60


def test_the_computer_is_described() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.packages["torch"]
    assert machine.cpu in machine.text()
    assert "busy (30% of" in replace(machine, busy=0.3).warning()
    assert Machine("cpu", 2, "Linux", {}, None).warning() == ""
    assert replace(machine, busy=0.02).warning() == ""


def test_what_others_do_is_measured_and_not_what_we_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(["cpu  100 5 40 800 20 1 2 3 0 0\ncpu0 1 1", "cpu  120 5 45 870 23 1 2 5 0 0\ncpu0 1 1"])
    proc = tmp_path / "stat"

    def look(_seconds: float = 0) -> None:
        proc.write_text(next(ticks))

    monkeypatch.setattr(machine_module, "PROCESSORS", proc)
    monkeypatch.setattr(machine_module.time, "sleep", look)
    look()
    assert this_machine().busy == pytest.approx((20 + 5 + 2) / (20 + 5 + 70 + 3 + 2))
    proc.unlink()
    monkeypatch.setattr(machine_module.time, "sleep", lambda _seconds: None)
    assert this_machine().busy is None


@pytest.mark.parametrize(("device", "maker"), [("mps", "Apple"), ("xpu", "Intel")])
def test_gpus_of_other_makers_are_measured_where_they_are_and_labelled(
    monkeypatch: pytest.MonkeyPatch, device: str, maker: str
) -> None:
    module = getattr(torch, device)
    for other in ("mps", "xpu"):
        monkeypatch.setattr(getattr(torch, other), "is_available", lambda: False)
    with pytest.raises(AppError, match=rf"{device}.*{maker}") as caught:
        lineup.places([device])
    assert caught.value.remedies == (Remedy("device", omit=True),)
    assert device not in lineup.places(["all"])
    monkeypatch.setattr(module, "is_available", lambda: True)
    assert lineup.places([device, "all"]) == (device, *lineup.places(["cpu", "all"])[:-1])
    assert device not in lineup.places(["auto"])
    assert untested_notes(["cpu", device]) == [f"{maker} GPUs are untested: judge their figures with care."]
    waits: list[str] = []
    monkeypatch.setattr(module, "synchronize", lambda: waits.append(device))
    timer = timer_for(device)
    timer.start()
    timer.mark("network")
    assert list(timer.read()) == ["network"]
    assert waits == [device]
    monkeypatch.setattr(module, "max_memory_allocated", lambda _: 3 * 2**20, raising=False)
    monkeypatch.setattr(module, "memory_allocated", lambda _: 2**20, raising=False)
    assert MemoryMeter(device).peak_mib() == 2
    monkeypatch.delattr(module, "max_memory_allocated")
    assert MemoryMeter(device).peak_mib() is None
