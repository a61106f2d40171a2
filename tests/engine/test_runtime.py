"""Engines: they agree with one another, close cleanly, and say so when they are not what was asked for."""

from __future__ import annotations

import ast
import builtins
import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

import detector.runtime.open as open_module
from detector.detections import Candidates, DetectionFilter
from detector.errors import DetectorError, Remedy
from detector.library import ModelLibrary
from detector.model_file import ModelEntry, open_file
from detector.runtime import cuda_support, device_pass, devices, engines, openvino_runtime, torch_cuda
from detector.runtime.base import Detector
from detector.runtime.cuda_support import is_covered, why_not_cuda
from detector.runtime.openvino import OpenVinoDetector
from detector.runtime.precision import gpu_precision, plain_precision
from detector.runtime.torch_cpu import TorchCpuDetector, has_native_bf16
from detector.runtime.torch_cuda import TorchDeviceDetector
from detector.safetensors_file import Arrays
from detector.spec import ModelSpec
from detector.weights import load_arrays
from tests.support.tiny_models import picture, random_spec, save_random

Opener = Callable[[ModelEntry], Detector]
CPU = torch.device("cpu")
ENGINES: dict[str, Opener] = {
    "torch_cpu": lambda entry: TorchCpuDetector(entry, "fp32"),
    "openvino": lambda entry: OpenVinoDetector(entry, "fp32"),
    "torch_cuda": lambda entry: TorchDeviceDetector(entry, CPU, "fp32"),  # the same code on another device
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Small networks gain nothing from threads, and wait for one another where the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> ModelEntry:
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    save_random(path, random_spec("ultraface-rfb"))
    return open_file(path)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, entry: ModelEntry) -> Iterator[Detector]:
    with ENGINES[request.param](entry) as detector:
        yield detector


def assert_agree(ours: Candidates, theirs: Candidates, *, pixels: float, score: float, floor: float) -> None:
    """Every candidate clear of the floor, or of where the best ones were cut, has its twin on the other side."""
    floor = max(floor, float(ours.scores[-1]), float(theirs.scores[-1]))
    for a, b in ((ours, theirs), (theirs, ours)):
        clear = int(np.count_nonzero(a.scores > floor + score))
        assert clear > 20
        for box, value in zip(a.boxes_xyxy[:clear], a.scores[:clear], strict=True):
            off = np.maximum(np.abs(b.boxes_xyxy - box).max(axis=1) / pixels, np.abs(b.scores - value) / score)
            assert off.min() <= 1, (box, value)


def test_every_engine_gives_the_same_candidates(engine: Detector, entry: ModelEntry) -> None:
    frame = picture()  # the network's own size: resizing, the one step that may differ by a grey level, does nothing
    with TorchCpuDetector(entry, "fp32") as reference:
        wanted = reference.candidates_batch([frame])[0]
    found = engine.candidates_batch([frame])[0]
    assert_agree(found, wanted, pixels=0.01, score=1e-4, floor=entry.spec.postprocess.score_floor)


# Random weights in a network this deep amplify rounding: torch's own float32 is 0.004 from its float64 there.
@pytest.mark.parametrize(
    ("architecture", "pixels", "score"),
    [("ssd-vgg16", 0.01, 1e-4), ("ssdlite320-mobilenetv3", 2.0, 0.02), ("ssd-mobilenetv1-tf", 0.05, 1e-3)],
)
def test_the_engines_agree_on_the_other_networks(
    tmp_path: Path, architecture: str, pixels: float, score: float
) -> None:
    save_random(tmp_path / "x.safetensors", random_spec(architecture))
    entry = open_file(tmp_path / "x.safetensors")
    frame = picture(entry.spec.input.height, entry.spec.input.width)
    found = []
    for opener in ENGINES.values():
        with opener(entry) as detector:
            found += detector.candidates_batch([frame])
    for other in found[1:]:
        assert_agree(other, found[0], pixels=pixels, score=score, floor=entry.spec.postprocess.score_floor)


def test_a_batch_equals_its_frames_one_by_one(engine: Detector) -> None:
    frames = [picture(seed=1), picture(100, 77, 2), picture(seed=3)]
    wanted = DetectionFilter(0.4, 0.3)
    together = engine.detect_batch(frames, wanted)
    for found, frame in zip(together, frames, strict=True):
        alone = engine.detect(frame, wanted)
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-4)
        np.testing.assert_allclose(found.boxes_xyxy, alone.boxes_xyxy, atol=0.05)
    same = engine.detect_batch([frames[0], frames[2]], wanted)
    np.testing.assert_allclose(same[1].scores, together[2].scores, atol=1e-4)
    assert engine.detect_batch([], wanted) == []
    assert (engine.detect(picture(1, 1)).boxes_xyxy < 3).all()  # pixels of a frame that has one


def test_without_a_filter_the_models_own_rule_applies(engine: Detector) -> None:
    frame, rule = picture(), engine.spec.postprocess
    by_rule = engine.detect(frame, DetectionFilter(rule.score_floor, rule.iou_threshold, None, rule.max_detections))
    found = engine.detect(frame)
    assert len(found) > 5
    np.testing.assert_array_equal(found.boxes_xyxy, by_rule.boxes_xyxy)


def test_another_limit_is_applied_where_the_network_ran(engine: Detector) -> None:
    frame = picture()
    (loose,) = engine.candidates_batch([frame], 0.8)
    (strict,) = engine.candidates_batch([frame], 0.1)
    assert loose.kept is not None
    assert strict.kept is not None
    assert loose.iou_threshold == pytest.approx(0.8)
    assert loose.kept.sum() > strict.kept.sum() > 0


def test_what_nobody_asks_for_is_left_out_and_the_rest_is_the_same(engine: Detector) -> None:
    frame = picture()
    (everything,) = engine.candidates_batch([frame])
    for rank in (len(everything) // 2, 5, len(everything) - 1):  # also down again
        least = float(everything.scores[rank])
        (some,) = engine.candidates_batch([frame], None, least)
        count = np.count_nonzero(everything.scores >= everything.scores[rank])
        for mine, theirs in (
            (some.boxes_xyxy, everything.boxes_xyxy),
            (some.scores, everything.scores),
            (some.class_ids, everything.class_ids),
            (some.kept, everything.kept),
        ):
            assert mine is not None
            assert theirs is not None
            np.testing.assert_array_equal(mine, theirs[:count])


@pytest.mark.parametrize("name", ENGINES)
def test_a_closed_detector_says_so(name: str, entry: ModelEntry) -> None:
    with ENGINES[name](entry) as detector:
        assert detector.engine == ("torch_cpu" if name == "torch_cuda" else name)
        detector.close()
    detector.close()
    with pytest.raises(DetectorError, match="closed already"):
        detector.detect(picture())


@pytest.mark.parametrize("name", ["torch_cpu", "torch_cuda"])
def test_a_closed_detector_frees_its_network(name: str, entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    import detector.runtime.network as network_module

    networks: list[weakref.ref[torch.nn.Module]] = []
    weights: list[weakref.ref[torch.Tensor]] = []
    original = network_module.load_network

    def load(model: ModelEntry) -> torch.nn.Module:
        network = original(model)
        networks.append(weakref.ref(network))
        weights.append(weakref.ref(next(network.parameters())))
        return network

    for module in ("network", "torch_cpu", "device_pass"):
        monkeypatch.setattr(f"detector.runtime.{module}.load_network", load)
    rounds = 10
    for _ in range(rounds):
        detector = ENGINES[name](entry)
        detector.detect(picture(60, 80))
        detector.close()
    gc.collect()
    assert len(networks) == rounds
    assert [ref() for ref in networks] == [None] * rounds
    assert [ref() for ref in weights] == [None] * rounds


def test_closing_openvinos_frees_the_weights(entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    weights: list[weakref.ref[Any]] = []

    def load(path: Path, spec: ModelSpec) -> Arrays:
        arrays = load_arrays(path, spec)
        weights.extend(weakref.ref(array) for array in arrays.values())
        return arrays

    monkeypatch.setattr("detector.runtime.openvino_graph.load_arrays", load)
    detector = OpenVinoDetector(entry, "fp32")
    detector.detect(picture(60, 80))
    detector.close()
    gc.collect()
    assert weights
    assert [ref() for ref in weights] == [None] * len(weights)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_on_the_device_path_stays_close(entry: ModelEntry, precision: str) -> None:
    frame = picture()
    with TorchCpuDetector(entry, "fp32") as exact, TorchDeviceDetector(entry, CPU, precision) as half:
        (wanted,), (found,) = exact.candidates_batch([frame]), half.candidates_batch([frame])
    assert_agree(found, wanted, pixels=4.0, score=0.05, floor=entry.spec.postprocess.score_floor)


@pytest.mark.skipif(not has_native_bf16(), reason="this CPU has no bfloat16 of its own")
@pytest.mark.parametrize("kind", [TorchCpuDetector, OpenVinoDetector])
def test_bf16_on_the_cpu_stays_close(entry: ModelEntry, kind: Callable[[ModelEntry, str], Detector]) -> None:
    frame = picture()
    with TorchCpuDetector(entry, "fp32") as exact, kind(entry, "bf16") as half:
        (wanted,), (found,) = exact.candidates_batch([frame]), half.candidates_batch([frame])
    assert_agree(found, wanted, pixels=4.0, score=0.05, floor=entry.spec.postprocess.score_floor)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_real_gpu_agrees(entry: ModelEntry) -> None:
    frame = picture()
    with TorchCpuDetector(entry, "fp32") as exact, open_module.open_detector(entry, "cuda", "fp32") as gpu:
        assert gpu.engine == "torch_cuda"
        (wanted,), (found,) = exact.candidates_batch([frame]), gpu.candidates_batch([frame])
    assert_agree(found, wanted, pixels=0.5, score=0.01, floor=entry.spec.postprocess.score_floor)


def test_out_of_memory_is_explained(entry: ModelEntry) -> None:
    with TorchDeviceDetector(entry, CPU, "fp32") as detector:

        def full(_images: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory.")

        detector.device_pass.network.forward = full
        with pytest.raises(DetectorError, match="too little free memory for random") as caught:
            detector.detect(picture())
        assert caught.value.remedies == (Remedy("device", "cpu"),)


def test_closing_works_on_a_gpu_that_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "empty_cache", _fail("CUDA error: an illegal memory access was encountered"))
    cuda_support.empty_cache(torch.device("cuda", 0))  # raises nothing


def test_a_device_that_fails_while_opening_is_given_everything_back(
    entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[list[str]] = []
    original = TorchDeviceDetector._release  # nothing is left to ask of an engine that failed to open

    def release(detector: TorchDeviceDetector) -> None:
        original(detector)
        released.append([name for name in vars(detector) if name in ("device_pass", "_uploads", "_plan")])

    monkeypatch.setattr(TorchDeviceDetector, "_release", release)
    for error in (torch.OutOfMemoryError("full"), RuntimeError("no kernel image")):
        monkeypatch.setattr(device_pass, "postprocess_fixed", mock.Mock(side_effect=error))
        with pytest.raises(DetectorError):
            TorchDeviceDetector(entry, CPU, "fp32")
    assert released == [[], []]


def test_a_gpu_that_fails_is_explained(entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    with TorchDeviceDetector(entry, CPU, "fp32") as detector:
        fault = torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors might be late")
        monkeypatch.setattr(device_pass, "postprocess_fixed", mock.Mock(side_effect=fault))
        with pytest.raises(DetectorError, match=r"^cpu failed: CUDA error: unspecified launch failure\. Start"):
            detector.detect(picture())


@pytest.mark.parametrize("error", [ImportError("No module named 'torch'"), OSError("libcublasLt.so.13: not found")])
def test_a_torch_that_does_not_load_is_explained(
    entry: ModelEntry, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    original = builtins.__import__

    def importing(name: str, *rest: Any) -> Any:
        if name == "torch":
            raise error
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", importing)
    open_module.open_detector(entry).close()  # OpenVINO has no use for it
    monkeypatch.setattr(openvino_runtime, "is_installed", lambda: False)
    with pytest.raises(DetectorError, match="PyTorch is not installed or does not load"):
        open_module.open_detector(entry)


@pytest.mark.parametrize(
    ("capability", "architectures", "covered"),
    [
        ((9, 0), ["sm_80", "sm_90"], True),
        ((8, 6), ["sm_80", "sm_90"], True),  # binary code runs on later minor versions
        ((8, 0), ["sm_86"], False),
        ((7, 5), ["sm_80", "sm_90"], False),
        ((12, 0), ["sm_80", "sm_90"], False),
        ((12, 0), ["sm_90", "compute_90"], True),  # PTX is compiled for anything newer
        ((6, 1), ["compute_70"], False),
        ((9, 0), ["sm_90a"], True),
        ((9, 1), ["sm_90a"], False),
        ((9, 0), [], False),
        ((9, 0), ["native"], False),
    ],
)
def test_which_gpus_a_build_covers(capability: tuple[int, int], architectures: list[str], covered: bool) -> None:
    assert is_covered(capability, architectures) is covered


class _Cuda:
    """A pretended CUDA in place of torch's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        monkeypatch.setattr(devices, "has_nvidia_gpu", lambda: True)
        self.set("is_available", lambda: True)
        self.set("device_count", lambda: 1)
        self.set("get_device_name", lambda _device: "Pretend GPU")
        self.set("get_device_capability", lambda _device: (5, 0))
        self.set("get_arch_list", lambda: ["sm_50"])

    def set(self, name: str, value: Any) -> None:
        self._patch.setattr(torch.cuda, name, value)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> _Cuda:
    if torch.cuda.is_available():
        pytest.skip("a real GPU is here; the pretended one would be mixed up with it")
    return _Cuda(monkeypatch)


def _fail(message: str) -> Callable[..., Any]:
    def raising(*_args: Any) -> Any:
        raise RuntimeError(message)

    return raising


def test_a_gpu_is_tried_before_it_is_trusted(cuda: _Cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not_cuda(0) != ""  # the tiny kernel finds no GPU behind the pretence
    cuda.set("get_arch_list", lambda: ["sm_90"])
    assert why_not_cuda(0) == "this PyTorch has no code for the GPU's compute capability 5.0"
    assert why_not_cuda(3) == "there is no GPU number 3"
    cuda.set("device_count", _fail("driver version is insufficient\nmore"))
    assert why_not_cuda(0) == "driver version is insufficient"
    cuda.set("is_available", lambda: False)
    assert why_not_cuda(0) == "no NVIDIA GPU with a working driver was found"


def test_a_gpu_that_cannot_be_used_gives_way_to_the_cpu(
    cuda: _Cuda, entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda_support, "why_not_cuda", lambda _index: "it is on fire")
    for device in ("auto", "cuda", "cuda:0"):
        with open_module.open_detector(entry, device) as detector:
            assert detector.device == "cpu"
            assert detector.notes == ("The GPU is not used: it is on fire. Running on the CPU.",)
            assert len(detector.detect(picture())) > 0


def test_a_gpu_that_fails_while_opening_gives_way_too(
    cuda: _Cuda, entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda_support, "why_not_cuda", lambda _index: "")
    with open_module.open_detector(entry, "cuda") as detector:  # nothing stands behind the pretended device
        assert detector.device == "cpu"
        (note,) = detector.notes
        assert note.startswith("The GPU is not used: cuda:0")
        assert note.endswith("Running on the CPU.")


def test_gpu_precisions() -> None:
    assert gpu_precision("auto", has_bf16=False) == ("fp16", ())
    assert gpu_precision("fp32", has_bf16=False) == ("fp32", ())
    assert gpu_precision("bf16", has_bf16=True) == ("bf16", ())
    for asked in ("bf16", "int8"):
        precision, notes = gpu_precision(asked, has_bf16=False)
        assert (precision, len(notes)) == ("fp16", 1)


def test_no_gpu_is_no_news_unless_one_was_asked_for(entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with open_module.open_detector(entry) as detector:
        assert (detector.engine, detector.precision, detector.notes) == ("openvino", "fp32", ())
    with open_module.open_detector(entry, "cuda:1") as detector:
        assert detector.notes == (
            "The GPU is not used: no NVIDIA GPU with a working driver was found. Running on the CPU.",
        )


@pytest.mark.parametrize(("device", "maker"), [("mps", "Apple"), ("xpu", "Intel")])
def test_gpus_of_other_makers_are_labelled_or_replaced(
    entry: ModelEntry, monkeypatch: pytest.MonkeyPatch, device: str, maker: str
) -> None:
    monkeypatch.setattr(getattr(torch, device), "is_available", lambda: False)
    with open_module.open_detector(entry, device) as detector:
        assert detector.device == "cpu"
        assert f"{maker} GPU is not used" in detector.notes[0]
    monkeypatch.setattr(getattr(torch, device), "is_available", lambda: True)
    monkeypatch.setattr(torch_cuda, "TorchDeviceDetector", lambda *asked: SimpleNamespace(asked=asked))
    (row,) = (row for row in engines.ENGINES if row.title == f"The {maker} GPU")
    opened: Any = row.open(entry, engines.EngineRequest(device, "auto"))
    assert opened.asked == (entry, torch.device(device), "fp16", (f"{maker} GPUs are untested.",))


def test_a_gpu_that_fails_later_gives_way_to_the_cpu(entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    pretended = engines.EngineRow(
        "The GPU",
        "Running on the CPU",
        needs_torch=True,
        takes=lambda _spec, device: device == "auto",
        why_not=lambda _spec, _request: None,
        open=lambda entry, _request: TorchDeviceDetector(entry, CPU, "fp32"),
        may_fail=True,
    )
    monkeypatch.setattr(open_module, "ENGINES", (pretended, *engines.ENGINES))
    with open_module.open_detector(entry, precision="fp16") as detector:
        assert detector.engine == "torch_cpu"  # the same code in a GPU's stead
        fault = torch.AcceleratorError("CUDA error: device lost")
        monkeypatch.setattr(device_pass, "postprocess_fixed", mock.Mock(side_effect=fault))
        assert len(detector.detect(picture())) > 0
        assert (detector.engine, detector.precision) == ("openvino", "fp32")
        assert detector.notes == ("cpu failed: CUDA error: device lost. Running on the CPU since.",)


def test_a_cpu_that_openvino_cannot_use_is_torchs(entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    class Core:
        get_property = staticmethod(_fail("Device with CPU name is not registered"))

    monkeypatch.setattr(openvino_runtime.load_openvino(), "Core", Core)
    with open_module.open_detector(entry, "cpu") as detector:
        assert detector.engine == "torch_cpu"
        assert detector.notes == ("OpenVINO is not used: OpenVINO cannot use this CPU. Running by torch.",)


def test_without_openvino_torch_serves(entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_runtime, "is_installed", lambda: False)
    with open_module.open_detector(entry, "cpu") as detector:
        assert (detector.engine, detector.notes) == ("torch_cpu", ())


def test_openvino_that_fails_gives_way_with_its_reason(entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> Any:
        raise DetectorError("OpenVINO is not installed or does not load.", "hint")

    monkeypatch.setattr(openvino_runtime, "load_openvino", failing)
    with open_module.open_detector(entry, "cpu") as detector:
        assert detector.engine == "torch_cpu"
        assert detector.notes == (
            "OpenVINO is not used: OpenVINO is not installed or does not load. Running by torch.",
        )


def test_bf16_only_where_it_is_native(entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_runtime, "cpu_capabilities", lambda _core: frozenset({"FP32", "INT8"}))
    with open_module.open_detector(entry, "cpu", "bf16") as detector:
        assert detector.precision == "fp32"
        assert "does not compute bf16 itself" in detector.notes[0]
    monkeypatch.setattr(openvino_runtime, "cpu_capabilities", lambda _core: frozenset({"FP32", "BF16"}))
    monkeypatch.setattr(openvino_runtime, "compile_for_latency", lambda *_args: pytest.fail("not compiled here"))
    assert plain_precision("bf16", True) == ("bf16", ())
    assert plain_precision("auto", True) == ("fp32", ())


@pytest.mark.parametrize(
    ("device", "precision", "message"),
    [
        ("tpu", "auto", "There is no device 'tpu'"),
        ("cuda:x", "auto", "There is no device"),
        ("cpu", "fp8", "There is no precision 'fp8'"),
    ],
)
def test_what_cannot_be_asked_for(entry: ModelEntry, device: str, precision: str, message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        open_module.open_detector(entry, device, precision)


def test_an_entry_without_weights_says_how_to_get_them(tmp_path: Path) -> None:
    missing = next(e for e in ModelLibrary(tmp_path, tmp_path).list() if e.name == "ultraface-rfb-320")
    with pytest.raises(DetectorError) as caught:
        open_module.open_detector(missing)
    assert caught.value.remedies == (Remedy(command="models download", value="ultraface-rfb-320"),)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    from detector.weights import save_model
    from tests.support.tiny_models import random_state

    save_model(tmp_path / "x.safetensors", random_spec("ultraface-slim"), random_state(random_spec("ultraface-rfb")))
    with pytest.raises(DetectorError, match=r"x\.safetensors does not fit its network"):
        open_module.open_detector(open_file(tmp_path / "x.safetensors"), "cpu")


def test_devices_are_listed_without_raising(monkeypatch: pytest.MonkeyPatch, cuda: _Cuda) -> None:
    assert devices.available_devices()[:2] == [("cpu", "CPU"), ("cuda:0", "Pretend GPU")]
    cuda.set("is_available", _fail("broken driver"))
    assert devices.available_devices() == [("cpu", "CPU")]


OFFLINE = """
import os, socket, sys, threading
from pathlib import Path

def refuse(*args, **kwargs):
    print("NETWORK", args, flush=True)
    os._exit(3)

for name in ("connect", "connect_ex", "sendto", "sendmsg", "bind"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = socket.create_connection = refuse

from detector.model_file import open_file
from detector.runtime.open import open_detector
import numpy as np
with open_detector(open_file(Path(sys.argv[1])), "cpu") as detector:
    assert detector.engine == "openvino", detector.notes
    detector.detect(np.zeros((240, 320, 3), np.uint8))
with open_detector(open_file(Path(sys.argv[2])), "cpu") as detector:
    detector.detect(np.zeros((240, 320, 3), np.uint8))
assert sys.modules["openvino_telemetry"] is None
assert "openvino.tools.ovc.telemetry_stub" in sys.modules
assert threading.active_count() == 1, threading.enumerate()
left = sorted(str(p) for p in Path.home().rglob("*") if p.is_file())
assert not left, left
"""


def test_nothing_is_sent_or_left_behind(entry: ModelEntry, tmp_path: Path, repository: Path) -> None:
    from tools.fixtures.tiny_ir import save_tiny_ir

    ir = save_tiny_ir(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    # In continuous integration OpenVINO keeps quiet by itself: look as if this were a user's desktop.
    quiet = {"CI", "TF_BUILD", "JENKINS_URL"}
    environment = {k: v for k, v in os.environ.items() if k not in quiet} | {"HOME": str(home), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(entry.path), str(ir)],
        env=environment,
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_openvino_has_one_door(repository: Path) -> None:
    """An import elsewhere could come first, with the usage reports on."""
    door = repository / "detector" / "runtime" / "openvino_runtime.py"
    for path in (
        *repository.glob("app/**/*.py"),
        *repository.glob("detector/**/*.py"),
        *repository.glob("tools/**/*.py"),
    ):
        if path == door:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            assert not any(name.split(".")[0] in ("openvino", "nncf") for name in names), path


def test_openvino_imported_past_the_door_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    openvino_runtime.load_openvino()
    monkeypatch.setitem(sys.modules, "openvino_telemetry", torch)  # any module: it is there
    with pytest.raises(DetectorError, match="usage reports on"):
        openvino_runtime.load_openvino()
