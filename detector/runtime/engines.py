"""Every engine in one table, the preferred first: the models and devices it takes, why it cannot be used, its opening.

``detector.runtime.open`` walks it. A new engine is a row here and its module. Importing this loads no torch and no
OpenVINO: a row does so when it is asked for.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from detector.errors import DetectorError
from detector.model_file import ModelEntry
from detector.plans.architectures import has_own_graph, is_two_stage
from detector.runtime import openvino_runtime
from detector.runtime.base import Precision
from detector.runtime.devices import UNTESTED, cuda_index, wants_cuda
from detector.runtime.engine import Engine
from detector.runtime.openvino_devices import is_openvino_device, openvino_name, why_not
from detector.runtime.precision import PrecisionChoice, choose_precision, gpu_precision, plain_precision
from detector.runtime.torch_package import has_torch, load_torch
from detector.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """The way in which a model is to be run.

    Attributes:
        device: "auto", "cpu", "cuda", "cuda:N", "gpu", "gpu.N", "npu", "mps" or "xpu".
        precision: Number format, or "auto".
        cache_dir: Where what ``models optimise`` measured is kept; None for nowhere.
        for_batches: It will be handed many frames at a time, and nobody waits for the first of them.
    """

    device: str
    precision: Precision
    cache_dir: Path | None = None
    for_batches: bool = False


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One engine.

    Attributes:
        title: For people, beginning a sentence.
        instead: What is done where it cannot be used, a sentence without its full stop.
        needs_torch: Opening it imports torch.
        takes: (spec, device) -> whether it is meant for such a model there. Loads nothing.
        why_not: (spec, request) -> None where it can be used, else the reason; "" for one that nobody need be told.
        open: Opens it. Raises ``DetectorError``.
        may_fail: Its device may fail in the middle of a run, and another engine goes on.
    """

    title: str
    instead: str
    needs_torch: bool
    takes: Callable[[ModelSpec, str], bool]
    why_not: Callable[[ModelSpec, EngineRequest], str | None]
    open: Callable[[ModelEntry, EngineRequest], Engine]
    may_fail: bool = False


def _is_single_stage(spec: ModelSpec) -> bool:
    return not has_own_graph(spec) and not is_two_stage(spec)


def _always(_spec: ModelSpec, _request: EngineRequest) -> str | None:
    return None


# -- networks in OpenVINO's own format ---------------------------------------------------------------------------------


def _open_graph(entry: ModelEntry, request: EngineRequest) -> Engine:
    from detector.runtime.ir import IrDetector, require_ir_survival

    assert entry.path is not None  # open_detector refuses entries without weights
    require_ir_survival(entry.path, request.cache_dir)
    choice, is_cpu = _openvino_precision(entry, request), request.device in ("auto", "cpu")
    notes = () if is_cpu else (f"This model runs by OpenVINO, on the CPU; {request.device} is not used.",)
    return IrDetector(
        entry, choice.precision, (*notes, *choice.notes), network=choice.network, for_batches=request.for_batches
    )


def _openvino_precision(entry: ModelEntry, request: EngineRequest) -> PrecisionChoice:
    openvino = openvino_runtime.load_openvino()
    native = openvino_runtime.cpu_capabilities(openvino.Core())
    return choose_precision(openvino, entry, request.precision, native, request.cache_dir)


# -- torchvision's Faster R-CNN ----------------------------------------------------------------------------------------


def _why_not_two_stage_gpu(_spec: ModelSpec, request: EngineRequest) -> str | None:
    if request.device in UNTESTED:
        return "Faster R-CNN runs on NVIDIA GPUs and CPUs only"
    return _why_not_cuda(request) if has_torch() else ""


def _open_two_stage(entry: ModelEntry, request: EngineRequest, device: str) -> Engine:
    load_torch()
    if importlib.util.find_spec("torchvision") is None:
        raise DetectorError(f"{entry.name} needs torchvision, which is not installed.", "pip install torchvision")
    import torch

    from detector.runtime.faster_rcnn import FasterRcnnDetector

    fits = request.precision in ("auto", "fp32")
    notes = () if fits else (f"Faster R-CNN runs in fp32 only, not in {request.precision}.",)
    return FasterRcnnDetector(entry, torch.device(device), notes)


def _open_two_stage_gpu(entry: ModelEntry, request: EngineRequest) -> Engine:
    return _open_two_stage(entry, request, f"cuda:{cuda_index(request.device)}")


def _open_two_stage_cpu(entry: ModelEntry, request: EngineRequest) -> Engine:
    return _open_two_stage(entry, request, "cpu")


# -- SSDs on a GPU -----------------------------------------------------------------------------------------------------


def _why_not_torch() -> str | None:
    if not has_torch():
        return "that needs PyTorch, which is not in this installation"
    try:
        load_torch()
    except DetectorError as error:
        return error.message.rstrip(".")
    return None


def _why_not_cuda(request: EngineRequest) -> str | None:
    missing = _why_not_torch()
    if missing is not None:
        return missing
    import torch

    from detector.runtime.cuda_support import why_not_cuda

    if request.device == "auto" and not torch.cuda.is_available():
        return ""
    return why_not_cuda(cuda_index(request.device)) or None


def _open_cuda(entry: ModelEntry, request: EngineRequest) -> Engine:
    import torch

    from detector.runtime.cuda_support import has_native_bf16
    from detector.runtime.torch_cuda import TorchDeviceDetector

    place = torch.device("cuda", cuda_index(request.device))
    has_bf16 = request.precision == "bf16" and has_native_bf16(place)
    return TorchDeviceDetector(entry, place, *gpu_precision(request.precision, has_bf16))


def _why_not_untested(_spec: ModelSpec, request: EngineRequest) -> str | None:
    missing = _why_not_torch()
    if missing is not None:
        return missing
    import torch

    is_here = getattr(torch, request.device).is_available()
    return None if is_here else "there is none, or this PyTorch has no support for it"


def _open_untested(entry: ModelEntry, request: EngineRequest) -> Engine:
    import torch

    from detector.runtime.torch_cuda import TorchDeviceDetector

    precision, _ = gpu_precision(request.precision, has_bf16=True)
    notes = (f"{UNTESTED[request.device]} GPUs are untested.",)
    return TorchDeviceDetector(entry, torch.device(request.device), precision, notes)


def _untested_row(name: str, maker: str) -> EngineRow:
    return EngineRow(
        f"The {maker} GPU",
        "Running on the CPU",
        needs_torch=True,
        takes=lambda spec, device: _is_single_stage(spec) and device == name,
        why_not=_why_not_untested,
        open=_open_untested,
        may_fail=True,
    )


# -- SSDs on OpenVINO's other devices ----------------------------------------------------------------------------------


def _why_not_openvino_device(_spec: ModelSpec, request: EngineRequest) -> str | None:
    if not openvino_runtime.is_installed():
        return "that needs OpenVINO, which is not in this installation"
    return why_not(openvino_runtime.load_openvino().Core(), openvino_name(request.device))


def _open_openvino_device(entry: ModelEntry, request: EngineRequest) -> Engine:
    from detector.runtime.openvino_device import OpenVinoDeviceDetector

    return OpenVinoDeviceDetector(
        entry, request.device, request.precision, request.cache_dir, for_batches=request.for_batches
    )


# -- SSDs on the CPU ---------------------------------------------------------------------------------------------------


def _open_openvino(entry: ModelEntry, request: EngineRequest) -> Engine:
    from detector.runtime.openvino import OpenVinoDetector

    choice = _openvino_precision(entry, request)
    return OpenVinoDetector(
        entry, choice.precision, choice.notes, network=choice.network, for_batches=request.for_batches
    )


def _open_torch_cpu(entry: ModelEntry, request: EngineRequest) -> Engine:
    load_torch()
    from detector.runtime.torch_cpu import TorchCpuDetector, has_native_bf16

    return TorchCpuDetector(entry, *plain_precision(request.precision, has_native_bf16()))


ENGINES: tuple[EngineRow, ...] = (
    EngineRow(
        "OpenVINO",
        "No other engine runs such a model",
        needs_torch=False,
        takes=lambda spec, _device: has_own_graph(spec),
        why_not=_always,
        open=_open_graph,
    ),
    EngineRow(
        "The GPU",
        "Running on the CPU",
        needs_torch=True,
        takes=lambda spec, device: is_two_stage(spec) and (wants_cuda(device) or device in UNTESTED),
        why_not=_why_not_two_stage_gpu,
        open=_open_two_stage_gpu,
    ),
    EngineRow(
        "torchvision on the CPU",
        "No other engine runs such a model",
        needs_torch=True,
        takes=lambda spec, _device: is_two_stage(spec),
        why_not=_always,
        open=_open_two_stage_cpu,
    ),
    EngineRow(
        "The GPU",
        "Running on the CPU",
        needs_torch=True,
        takes=lambda spec, device: _is_single_stage(spec) and wants_cuda(device),
        why_not=lambda _spec, request: _why_not_cuda(request),
        open=_open_cuda,
        may_fail=True,
    ),
    *(_untested_row(name, maker) for name, maker in UNTESTED.items()),
    EngineRow(
        "OpenVINO's device",
        "Running on the CPU",
        needs_torch=False,
        takes=lambda spec, device: _is_single_stage(spec) and is_openvino_device(device),
        why_not=_why_not_openvino_device,
        open=_open_openvino_device,
        may_fail=True,
    ),
    EngineRow(
        "OpenVINO",
        "Running by torch",
        needs_torch=False,
        takes=lambda spec, _device: _is_single_stage(spec) and openvino_runtime.is_installed(),
        why_not=_always,
        open=_open_openvino,
    ),
    EngineRow(
        "PyTorch on the CPU",
        "No other engine is left",
        needs_torch=True,
        takes=lambda spec, _device: _is_single_stage(spec),
        why_not=_always,
        open=_open_torch_cpu,
    ),
)
"""Whatever the device, the last row that takes a model can be used: its failure is that of the opening."""
