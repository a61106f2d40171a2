"""OpenVINO's devices beside the CPU. None is here: the CPU stands in for them, under the names that combine devices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.model_check import check_model
from app.lab.bench.lineup import places
from detector.errors import DetectorError, ExplainedError
from detector.library import ModelLibrary
from detector.model_file import ModelEntry, open_file
from detector.runtime import devices, openvino_device, openvino_devices, openvino_runtime
from detector.runtime.base import Detector
from detector.runtime.open import needs_torch, open_detector
from detector.runtime.openvino_devices import device_precision, why_not
from detector.runtime.openvino_requests import Requests
from tests.support.tiny_models import picture, random_spec, save_random

COMBINED = ["CPU", "HETERO:CPU", "AUTO:CPU", "MULTI:CPU"]


@pytest.fixture
def demo(repository: Path) -> ModelEntry:
    """A model whose file keeps answers."""
    return open_file(repository / "weights" / "demo.safetensors")


@pytest.fixture(params=COMBINED)
def stand_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What runs as the NPU."""
    name = str(request.param)
    monkeypatch.setitem(openvino_devices.KINDS, "npu", name)
    return name


def assert_same(ours: Detector, theirs: Detector, frame: Any) -> None:
    found, wanted = ours.detect(frame), theirs.detect(frame)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=0.002)
    np.testing.assert_allclose(found.boxes_xyxy, wanted.boxes_xyxy, atol=0.1)


def test_it_answers_as_the_cpu_does(demo: ModelEntry, stand_in: str, tmp_path: Path) -> None:
    frame = picture(300, 300)
    with open_detector(demo, "npu", "fp32", tmp_path) as there, open_detector(demo, "cpu", "fp32") as here:
        assert (there.engine, there.precision, there.device.split()[0]) == ("openvino", "fp32", "npu")
        assert any("untested" in note for note in there.notes)
        assert_same(there, here, frame)
        assert len(there.detect_batch([frame, frame])) == 2
    assert not needs_torch(demo, "npu")


def test_many_at_a_time(demo: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(openvino_devices.KINDS, "gpu", "CPU")
    frames = [picture(300, 300, seed) for seed in range(4)]
    with open_detector(demo, "gpu", "fp32", for_batches=True) as there, open_detector(demo, "cpu", "fp32") as here:
        for found, wanted in zip(there.detect_batch(frames), here.detect_batch(frames), strict=True):
            np.testing.assert_allclose(found.scores, wanted.scores, atol=0.002)


@pytest.mark.parametrize("device", ["gpu", "gpu.1", "npu"])
def test_where_there_is_none_the_cpu_does_it_and_the_notes_say_why(demo: ModelEntry, device: str) -> None:
    with open_detector(demo, device) as found:
        assert (found.engine, found.device) == ("openvino", "cpu")
        assert device.upper() in found.notes[0]


def test_one_that_answers_otherwise_is_not_trusted(demo: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(openvino_devices.KINDS, "npu", "CPU")
    right = Requests.first

    def wrong(self: Requests, frame: Any) -> list[Any]:
        return [output[:, ::-1] for output in right(self, frame)]

    monkeypatch.setattr(Requests, "first", wrong)
    with open_detector(demo, "npu", "fp32") as found:
        assert found.device == "cpu"
        assert "answers otherwise" in found.notes[0]


def test_one_that_cannot_be_compiled_for_gives_way(demo: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(openvino_devices.KINDS, "npu", "HETERO:CPU")
    compile_model = openvino_runtime._compile  # the one place that hands OpenVINO a device

    def fails(core: Any, network: Any, precision: str, hint: str, place: str) -> Any:
        if place != "CPU":
            raise RuntimeError("Exception from src\nthe driver is too old")
        return compile_model(core, network, precision, hint, place)

    monkeypatch.setattr(openvino_runtime, "_compile", fails)
    with open_detector(demo, "npu", "fp32") as found:
        assert found.device == "cpu"
        assert "the driver is too old" in found.notes[0]


def test_one_that_fails_in_use_loses_no_frame(demo: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(openvino_devices.KINDS, "npu", "CPU")
    frame, works = picture(300, 300), openvino_device.OpenVinoDetector._run  # what the device's engine calls

    def dies(self: Any, *arguments: Any) -> Any:
        if self.device.startswith("npu"):
            raise RuntimeError("device removed")
        return works(self, *arguments)

    with open_detector(demo, "npu", "fp32") as found, open_detector(demo, "cpu", "fp32") as here:
        assert found.device.startswith("npu")
        monkeypatch.setattr(openvino_device.OpenVinoDetector, "_run", dies)
        assert_same(found, here, frame)
        assert found.device == "cpu"
        assert any("device removed" in note for note in found.notes)


def test_a_model_without_answers_of_its_own_runs_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(openvino_devices.KINDS, "npu", "CPU")
    save_random(tmp_path / "x.safetensors", random_spec("ultraface-rfb"))
    with open_detector(open_file(tmp_path / "x.safetensors"), "npu", "fp32") as found:
        assert found.device.startswith("npu")


@pytest.mark.parametrize(
    ("asked", "native", "has_ranges", "wanted", "notes"),
    [
        ("auto", {"FP16", "FP32"}, False, "fp16", 0),
        ("auto", {"FP32"}, True, "fp32", 0),
        ("fp32", {"FP16"}, False, "fp16", 1),
        ("fp32", {"FP16", "FP32"}, False, "fp32", 0),
        ("bf16", {"FP16", "FP32"}, False, "fp16", 1),
        ("int8", {"FP16", "INT8"}, True, "int8", 0),
        ("int8", {"FP16", "INT8"}, False, "fp16", 1),
        ("int8", {"FP16"}, True, "fp16", 1),
    ],
)
def test_number_formats(asked: str, native: set[str], has_ranges: bool, wanted: str, notes: int) -> None:
    precision, said = device_precision(asked, native, has_ranges)
    assert (precision, len(said)) == (wanted, notes)


class _Core:
    """Lists a laptop's devices, as OpenVINO does."""

    available_devices = ("CPU", "GPU.0", "GPU.1", "NPU")

    def get_property(self, name: str, what: str) -> str:
        assert what == "FULL_DEVICE_NAME"
        if name == "NPU":
            raise RuntimeError("not told")
        return f"Graphics {name[-1]}"


def test_what_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_devices, "may_have_openvino_device", lambda: True)
    monkeypatch.setattr(openvino_runtime.load_openvino(), "Core", _Core)
    here = [("gpu.0", "Graphics 0 (untested)"), ("gpu.1", "Graphics 1 (untested)"), ("npu", "NPU (untested)")]
    assert devices.available_devices()[:4] == [("cpu", "CPU"), *here]
    assert places(["all"])[:4] == ("cpu", "gpu.0", "gpu.1", "npu")
    assert why_not(_Core(), "GPU") is None
    assert why_not(_Core(), "HETERO:NPU,CPU") is None
    assert why_not(_Core(), "GPU.2") is not None


def test_bench_refuses_what_is_not_here() -> None:
    with pytest.raises(ExplainedError, match="OpenVINO finds none"):
        places(["npu"])


def test_how_they_are_written() -> None:
    for device in ("gpu", "gpu.0", "npu"):
        devices.check_device(device)
    for device in ("gpu:0", "npu.1", "gpu.100", "GPU"):
        with pytest.raises(DetectorError):
            devices.check_device(device)


def test_models_check_asks_it_and_hears_when_another_answered(
    demo: ModelEntry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("app.core.model_check.available_devices", lambda: [("cpu", "CPU"), ("npu", "NPU")])
    entry = next(entry for entry in ModelLibrary(tmp_path, Path(demo.path or "").parent).list() if entry.name == "demo")
    answered = {check.engine: check.ok for check in check_model(entry)}
    assert answered["npu, fp32"] is False
    monkeypatch.setitem(openvino_devices.KINDS, "npu", "CPU")
    checks = [check for check in check_model(entry) if " on npu" in check.engine]
    assert [check.ok for check in checks] == [True]
