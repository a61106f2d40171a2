"""From a model's file to a running detector: picks the engine, and says so when it is not the one asked for.

Call it on the thread that will use the detector. Importing this module loads no torch and no OpenVINO.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from detector.errors import DetectorError
from detector.model_file import ModelEntry, how_to_get
from detector.runtime import openvino_runtime
from detector.runtime.base import PRECISIONS, Detector, Precision
from detector.runtime.engine import Engine
from detector.runtime.fallback import FallbackDetector
from detector.runtime.nvidia_driver import has_nvidia_gpu
from detector.runtime.precision import Plan, plain_precision, plan_precision
from detector.runtime.torch_package import has_torch, load_torch
from detector.spec import TWO_STAGE

if TYPE_CHECKING:
    import torch

_DEVICE = re.compile(r"auto|cpu|mps|xpu|cuda(:\d{1,2})?")
UNTESTED = {"mps": "Apple", "xpu": "Intel"}
"""Devices of torch on which nobody has tried this program, and who makes them."""
_log = logging.getLogger(__name__)


def open_detector(
    entry: ModelEntry,
    device: str = "auto",
    precision: str = "auto",
    cache_dir: Path | None = None,
    *,
    for_batches: bool = False,
) -> Detector:
    """Open a model, ready to run.

    A device that is asked for but cannot be used is replaced by the CPU, and a number format the device does not have
    by one it has; ``Detector.notes`` then tells.

    Args:
        entry: The model.
        device: "auto", "cpu", "cuda", "cuda:N", "mps" or "xpu".
        precision: One of ``PRECISIONS``; "auto" is float16 on a GPU. On the CPU it is int8 where the model's file
            shows that this agrees with float32, which it is otherwise; what ``models optimise`` measured there counts
            for more than either.
        cache_dir: Where what ``models optimise`` measured is kept; None for nowhere.
        for_batches: It will be handed ``preferred_batch`` frames at a time, and nobody waits for the first of them.

    Raises:
        DetectorError: No such device or precision, or the model is not here or cannot be used.
    """
    check_device(device)
    asked = _checked_precision(precision)
    if entry.path is None:
        raise DetectorError(f"The weights of {entry.name} are not on this computer.", *how_to_get(entry.spec))
    detector = _open(entry, device, asked, cache_dir, for_batches)
    _log.info("%s on %s by %s, %s", entry.name, detector.device, detector.engine, detector.precision)
    return detector


def available_devices() -> list[tuple[str, str]]:
    """Devices that can be asked for as (id, shown name), the CPU first; never raises.

    Imports torch only where there may be more than the CPU.
    """
    devices = [("cpu", "CPU")]
    if not may_have_gpu() or not has_torch():
        return devices
    try:
        import torch

        if torch.cuda.is_available():
            for index in range(torch.cuda.device_count()):
                devices.append((f"cuda:{index}", torch.cuda.get_device_name(index)))
        devices += untested_devices()
    except Exception as error:  # a broken driver must not take the settings panel down
        _log.info("devices could not be listed: %s", error)
    return devices


def untested_devices() -> list[tuple[str, str]]:
    """Those of ``UNTESTED`` that are here, as (id, shown name); imports torch."""
    import torch

    return [
        (name, f"{maker} GPU (untested)") for name, maker in UNTESTED.items() if getattr(torch, name).is_available()
    ]


def check_device(device: str) -> None:
    """Raise ``DetectorError`` unless ``device`` is written as one can be; whether it is there is another matter."""
    if not _DEVICE.fullmatch(device):
        raise DetectorError(f"There is no device {device!r}.", "Use auto, cpu, cuda, cuda:N, mps or xpu.")


def may_have_gpu() -> bool:
    """Whether it is worth asking torch for a GPU; loads nothing."""
    return sys.platform == "darwin" or has_nvidia_gpu()


def needs_torch(entry: ModelEntry, device: str) -> bool:
    """Whether opening ``entry`` imports torch into this process."""
    if entry.spec.architecture == "openvino-ir":
        return False
    if entry.spec.architecture in TWO_STAGE:
        return True
    return (_wants_gpu(device) and has_torch()) or not openvino_runtime.is_installed()


def _wants_gpu(device: str) -> bool:
    return device in UNTESTED or device.startswith("cuda") or (device == "auto" and has_nvidia_gpu())


def _checked_precision(precision: str) -> Precision:
    for known in PRECISIONS:
        if precision == known:
            return known
    raise DetectorError(f"There is no precision {precision!r}.", f"Use one of {', '.join(PRECISIONS)}.")


def _open(entry: ModelEntry, device: str, precision: Precision, cache_dir: Path | None, for_batches: bool) -> Detector:
    notes: list[str] = []
    if entry.spec.architecture == "openvino-ir":
        if device not in ("auto", "cpu"):
            notes.append(f"This model runs by OpenVINO, on the CPU; {device} is not used.")
        return _open_ir(entry, precision, notes, cache_dir, for_batches)
    if entry.spec.architecture in TWO_STAGE:
        return _open_two_stage(entry, device, precision, notes)
    found = None
    if _wants_gpu(device) and not has_torch():
        notes.append("The GPU is not used: that needs PyTorch, which is not in this installation. Running on the CPU.")
    elif _wants_gpu(device):
        load_torch()
        look = _open_untested if device in UNTESTED else _open_cuda
        found = look(entry, device, precision, notes)
    if found is None:
        return _open_cpu(entry, precision, notes, cache_dir, for_batches)
    then: Precision = "auto" if precision == "fp16" else precision
    return FallbackDetector(found, lambda: _open_cpu(entry, then, [], cache_dir, for_batches))


def _open_cuda(entry: ModelEntry, device: str, precision: Precision, notes: list[str]) -> Engine | None:
    """The GPU, or None with the reason in ``notes``; "auto" on a computer without one is no reason to speak."""
    import torch

    from detector.runtime.torch_cuda import TorchDeviceDetector, why_not_cuda

    if device == "auto" and not torch.cuda.is_available():
        return None
    index = int(device.partition(":")[2] or 0)
    reason = why_not_cuda(index)
    if not reason:
        place = torch.device("cuda", index)
        try:
            return TorchDeviceDetector(entry, place, _gpu_precision(place, precision, notes), notes)
        except DetectorError as error:
            reason = error.message.rstrip(".")
    notes[:] = [f"The GPU is not used: {reason}. Running on the CPU."]
    return None


def _open_two_stage(entry: ModelEntry, device: str, precision: Precision, notes: list[str]) -> Detector:
    """torchvision's network, on an NVIDIA GPU where one can be used, else on the CPU."""
    load_torch()
    if importlib.util.find_spec("torchvision") is None:
        raise DetectorError(f"{entry.name} needs torchvision, which is not installed.", "pip install torchvision")
    import torch

    from detector.runtime.cuda_support import why_not_cuda
    from detector.runtime.faster_rcnn import FasterRcnnDetector

    if precision not in ("auto", "fp32"):
        notes.append(f"Faster R-CNN runs in fp32 only, not in {precision}.")
    if device in UNTESTED:
        notes.append("Faster R-CNN runs on NVIDIA GPUs and CPUs only. Running on the CPU.")
    elif device.startswith("cuda") or (device == "auto" and has_nvidia_gpu() and torch.cuda.is_available()):
        index = int(device.partition(":")[2] or 0)
        reason = why_not_cuda(index)
        if not reason:
            try:
                return FasterRcnnDetector(entry, torch.device("cuda", index), notes)
            except DetectorError as error:
                reason = error.message.rstrip(".")
        notes.append(f"The GPU is not used: {reason}. Running on the CPU.")
    return FasterRcnnDetector(entry, torch.device("cpu"), notes)


def _gpu_precision(place: torch.device, precision: Precision, notes: list[str]) -> str:
    import torch

    if precision == "bf16":
        with torch.cuda.device(place):
            if not torch.cuda.is_bf16_supported(including_emulation=False):
                notes.append("This GPU does not compute bf16 itself; fp16 is used.")
                return "fp16"
    if precision == "int8":
        notes.append("int8 is for the CPU; fp16 is used on the GPU.")
    return "fp16" if precision in ("auto", "int8") else precision


def _open_untested(entry: ModelEntry, device: str, precision: Precision, notes: list[str]) -> Engine | None:
    """A GPU of another maker, or None with the reason in ``notes``."""
    import torch

    from detector.runtime.torch_cuda import TorchDeviceDetector

    name, reason = UNTESTED[device], "there is none, or this PyTorch has no support for it"
    if getattr(torch, device).is_available():
        chosen = "fp16" if precision in ("auto", "int8") else precision
        try:
            return TorchDeviceDetector(entry, torch.device(device), chosen, [f"{name} GPUs are untested."])
        except DetectorError as error:
            reason = error.message.rstrip(".")
    notes.append(f"The {name} GPU is not used: {reason}. Running on the CPU.")
    return None


def _open_cpu(
    entry: ModelEntry, precision: Precision, notes: list[str], cache_dir: Path | None, for_batches: bool
) -> Detector:
    if openvino_runtime.is_installed():
        from detector.runtime.openvino import OpenVinoDetector

        try:
            plan = _plan(entry, precision, cache_dir)
            return OpenVinoDetector(
                entry,
                plan.precision,
                [*notes, *plan.remarks],
                network=plan.network,
                for_batches=for_batches,
            )
        except DetectorError as error:
            # Damaged weights fail again below, with their own message.
            _log.info("openvino is not used for %s: %s", entry.name, error)
            notes.append(f"OpenVINO is not used: {error.message.rstrip('.')}. Running by torch.")
    load_torch()
    from detector.runtime.torch_cpu import TorchCpuDetector, has_native_bf16

    chosen, remarks = plain_precision(precision, has_native_bf16())
    return TorchCpuDetector(entry, chosen, [*notes, *remarks])


def _open_ir(
    entry: ModelEntry, precision: Precision, notes: list[str], cache_dir: Path | None, for_batches: bool
) -> Detector:
    from detector.runtime.ir import IrDetector

    plan = _plan(entry, precision, cache_dir)
    return IrDetector(entry, plan.precision, [*notes, *plan.remarks], network=plan.network, for_batches=for_batches)


def _plan(entry: ModelEntry, precision: Precision, cache_dir: Path | None) -> Plan:
    openvino = openvino_runtime.load_openvino()
    native = openvino_runtime.cpu_capabilities(openvino.Core())
    return plan_precision(openvino, entry, precision, native, cache_dir)
