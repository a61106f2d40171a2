"""``tools.gpu_check`` as far as it goes without a GPU: counting, comparing, and saying that there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from detector.runtime import open as runtime_open
from detector.runtime.torch_cpu import TorchCpuDetector
from detector.runtime.torch_cuda import TorchDeviceDetector, why_not_cuda
from detector.shelf import open_file
from tests.support.one_thread import one_thread
from tests.support.tiny_models import picture, save_random
from tools import gpu_check
from tools.gpu_check import Traffic, profiled, relative_error, traffic


def test_what_surrounds_the_calls_is_not_counted() -> None:
    few = {"Memcpy DtoH (Device -> Pinned)": 12, "cudaDeviceSynchronize": 1, "cudaStreamSynchronize": 10, "aten::mm": 9}
    many = {"Memcpy DtoH (Device -> Pinned)": 22, "cudaDeviceSynchronize": 1, "cudaStreamSynchronize": 20}
    many |= {"Memcpy HtoD (Pinned -> Device)": 10, "cudaLaunchKernelExC": 5, "cudaGraphLaunch": 10, "aten::mm": 90}
    assert traffic(few, many, 10) == Traffic(down=1.0, up=1.0, waits=1.0, launches=1.5)


def test_the_profiler_counts_calls() -> None:
    ones = torch.ones(8, 8)
    seen = profiled(lambda: torch.mm(ones, ones), 3)
    assert seen["aten::mm"] == 3


def test_the_device_engine_is_compared_with_the_reference(tmp_path: Path) -> None:
    save_random(tmp_path / "a.safetensors")
    save_random(tmp_path / "b.safetensors", seed=1)
    same, other = open_file(tmp_path / "a.safetensors"), open_file(tmp_path / "b.safetensors")
    frames = [picture(240, 320)]
    with one_thread(), TorchCpuDetector(same, "fp32") as reference:
        with TorchDeviceDetector(same, torch.device("cpu"), "fp32") as ours:
            assert relative_error(ours, reference, frames) < 1e-4
        with TorchDeviceDetector(other, torch.device("cpu"), "fp32") as ours:
            assert relative_error(ours, reference, frames) > 0.5


def test_a_model_that_answers_otherwise_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_random(tmp_path / "a.safetensors")
    save_random(tmp_path / "b.safetensors", seed=1)
    right, wrong = open_file(tmp_path / "a.safetensors"), open_file(tmp_path / "b.safetensors")
    said: list[str] = []
    chosen = right

    def opened(entry: object, device: str, precision: str) -> object:
        if device == "cpu":
            return TorchCpuDetector(right, "fp32")
        detector = TorchDeviceDetector(chosen, torch.device("cpu"), "fp32")
        detector.device = "cuda:0 (pretended)"
        return detector

    monkeypatch.setattr(gpu_check, "open_detector", opened)
    monkeypatch.setattr(gpu_check, "profiled", lambda _work, calls: {"Memcpy DtoH (Device -> Pinned)": calls})
    with one_thread():
        assert gpu_check.check_model(right, "cuda:0", [picture()], said.append)
        chosen = replace(wrong)
        assert not gpu_check.check_model(right, "cuda:0", [picture()], said.append)
    assert "100.0% of detections in common" in said[0]
    assert "1 copies down, 0 up, 0 waits, 0 launches" in said[1]
    assert [line for line in said if "left out" in line]  # this one has no other number format


def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    if not why_not_cuda(9):
        pytest.skip("ten GPUs here")
    assert gpu_check.main(["--device", "cuda:9"]) == 1
    assert capsys.readouterr().err.startswith("gpu_check: cuda:9 cannot be used: ")


def test_on_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    if why_not_cuda(0):
        pytest.skip("no CUDA device here")
    assert runtime_open.may_have_gpu()
    options = ["--models", "ssdlite320-mobilenetv3-coco", "--batch", "1", "--seconds", "0"]
    assert gpu_check.main(options) == 0
    assert "All is well." in capsys.readouterr().out
