"""The devices a model can be asked to run on: how they are written, and which are here. Importing it loads no torch."""

from __future__ import annotations

import logging
import re
import sys

from detector.errors import DetectorError
from detector.runtime.nvidia_driver import has_nvidia_gpu
from detector.runtime.openvino_devices import openvino_devices
from detector.runtime.torch_package import has_torch

_DEVICE = re.compile(r"auto|cpu|mps|xpu|cuda(:\d{1,2})?|gpu(\.\d{1,2})?|npu")
UNTESTED = {"mps": "Apple", "xpu": "Intel"}
"""Devices of torch on which nobody has tried this program, and who makes them."""
_log = logging.getLogger(__name__)


def check_device(device: str) -> None:
    """Raise ``DetectorError`` unless ``device`` is written as one can be; whether it is there is another matter."""
    if not _DEVICE.fullmatch(device):
        raise DetectorError(f"There is no device {device!r}.", "Use auto, cpu, cuda, cuda:N, gpu, npu, mps or xpu.")


def available_devices() -> list[tuple[str, str]]:
    """Devices that can be asked for as (id, shown name), the CPU first; never raises.

    Imports torch and OpenVINO only where they may find more than the CPU.
    """
    devices = [("cpu", "CPU")]
    try:
        devices += openvino_devices()
    except Exception as error:  # as below
        _log.info("openvino's devices could not be listed: %s", error)
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


def may_have_gpu() -> bool:
    """Returns whether it is worth asking torch for a GPU; loads nothing."""
    return sys.platform == "darwin" or has_nvidia_gpu()


def wants_cuda(device: str) -> bool:
    """Returns whether ``device`` means an NVIDIA GPU: asked for, or left open where there is one. Loads nothing."""
    return device.startswith("cuda") or (device == "auto" and has_nvidia_gpu())


def cuda_index(device: str) -> int:
    """Returns N of "cuda:N"; 0 for what names no GPU."""
    return int(device.partition(":")[2] or 0)
