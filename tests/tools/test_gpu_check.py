"""``tools.gpu.check`` as far as it goes without a GPU: the program itself, counting, comparing; on one, all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from detector.detections import Candidates
from detector.model_file import open_file
from detector.registry import MODELS
from detector.runtime.cuda_support import why_not_cuda
from detector.runtime.torch_cpu import TorchCpuDetector
from detector.runtime.torch_cuda import TorchDeviceDetector
from tests.support.one_thread import one_thread
from tests.support.tiny_models import picture, random_spec, save_random
from tools.gpu import check as gpu_check
from tools.gpu.accuracy import check_accuracy, relative_error, same
from tools.gpu.support import Bench, sizes_of
from tools.gpu.traffic import Traffic, of_a_call, profiled, traffic

_BLOCKED = ("av", "PySide6", "platformdirs", "openvino", "cv2_enumerate_cameras")
"""What a computer that is lent for its GPU need not have."""


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
    right, other = open_file(tmp_path / "a.safetensors"), open_file(tmp_path / "b.safetensors")
    frames = [picture(240, 320)]
    with one_thread(), TorchCpuDetector(right, "fp32") as reference:
        with TorchDeviceDetector(right, torch.device("cpu"), "fp32") as ours:
            assert relative_error(ours, reference, frames) < 1e-4
            found = ours.candidates_batch(frames)[0]
        with TorchDeviceDetector(other, torch.device("cpu"), "fp32") as ours:
            assert relative_error(ours, reference, frames) > 0.5
            assert not same(found, ours.candidates_batch(frames)[0])
    assert same(found, found)
    assert same(Candidates.empty(), Candidates.empty())


def test_a_model_that_answers_otherwise_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_random(tmp_path / "a.safetensors")
    save_random(tmp_path / "b.safetensors", seed=1)
    right, wrong = open_file(tmp_path / "a.safetensors"), open_file(tmp_path / "b.safetensors")
    bench = Bench("cpu", sizes_of("cpu", quick=True), {"a": right})
    monkeypatch.setattr(
        Bench, "open", lambda bench, _name, precision: TorchDeviceDetector(wrong, bench.place, precision)
    )
    with one_thread():
        failures = check_accuracy(bench, "a")["failures"]
    assert any("raw outputs off" in each for each in failures)


def test_a_section_that_fails_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_bench: Bench, _name: str) -> dict[str, Any]:
        raise RuntimeError("CUDA error: no kernel image")

    def fine(_bench: Bench, name: str) -> dict[str, Any]:
        return {"seen": name, "failures": ["it is off"] if name == "b" else []}

    monkeypatch.setattr(gpu_check, "sections", lambda _names: [("x", "a", broken), ("y", "a", fine), ("y", "b", fine)])
    saved: list[int] = []
    bench = Bench("cpu", sizes_of("cpu", quick=True), {})
    outcome = gpu_check.run_sections(bench, ["a"], 1, lambda seen: saved.append(len(seen.sections)))
    assert saved == [1, 2, 3]
    assert outcome.failures == ["x a: RuntimeError: CUDA error: no kernel image", "y b: it is off"]
    assert "no kernel image" in outcome.sections["x a"]["error"]
    assert outcome.sections["y a"]["seen"] == "a"
    assert gpu_check.run_sections(bench, ["a"], -1, lambda _: None).sections == {}  # no time
    assert "left out" in capsys.readouterr().out


@pytest.mark.timeout(300)
def test_all_of_it_runs_without_a_gpu_and_with_little_installed(tmp_path: Path, repository: Path) -> None:
    program = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {_BLOCKED!r}:
            raise ImportError(name + " is not here")
sys.meta_path.insert(0, Blocked())
import torch
torch.set_num_threads(1)
from tools.gpu.check import main
sys.exit(main(["--device", "cpu", "--quick", "--models", "ultraface-slim-320", "--out", {str(tmp_path / "out")!r}]))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All is well." in done.stdout
    content = json.loads((tmp_path / "out" / gpu_check.RESULT).read_text(encoding="utf-8"))
    assert content["failures"] == []
    assert [key.split()[0] for key in content["sections"]] == [
        "peaks", "accuracy", "traffic", "latency", "kernels", "pieces", "chunks", "switches", "shortage"
    ]  # fmt: skip
    assert content["sections"]["latency ultraface-slim-320"]["rows"][0]["p50"] > 0


def test_all_sections_are_tried_on_the_first_model_and_the_main_ones_on_all() -> None:
    order = [(name, model) for name, model, _ in gpu_check.sections(gpu_check.MODEL_NAMES)]
    assert len(set(order)) == len(order)
    assert {model for name, model in order if name == "latency"} == set(gpu_check.MODEL_NAMES) <= set(MODELS)


def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    if not why_not_cuda(9):
        pytest.skip("ten GPUs here")
    assert gpu_check.main(["--device", "cuda:9"]) == 1
    assert capsys.readouterr().err.startswith("gpu_check: cuda:9 cannot be used: ")


@pytest.mark.skipif(bool(why_not_cuda(0)), reason="no CUDA device here")
def test_on_a_gpu_one_copy_comes_back_and_the_host_waits_once(tmp_path: Path) -> None:
    spec = random_spec()
    few = replace(spec, postprocess=replace(spec.postprocess, score_floor=0.97))  # candidates, a few hundred
    save_random(tmp_path / "a.safetensors", few)
    with TorchDeviceDetector(open_file(tmp_path / "a.safetensors"), torch.device("cuda", 0), "fp16") as ours:
        for batch in (1, 4):
            frames = [picture(seed=seed) for seed in range(batch)]
            for _ in range(4):
                ours.candidates_batch(frames)
            seen = of_a_call(partial(ours.candidates_batch, frames))
            assert (seen.down, seen.waits) == (1.0, 1.0)
            assert ours._graphs is not None  # else the figures above are of no graph
            assert (batch, 240, 320) in dict(ours._graphs.items())


@pytest.mark.skipif(bool(why_not_cuda(0)), reason="no CUDA device here")
def test_on_a_gpu_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu_check.main(["--quick", "--models", "ssdlite320-mobilenetv3-coco"]) == 0
    assert "All is well." in capsys.readouterr().out
