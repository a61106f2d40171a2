"""The device a training runs on: which one, in which number format, and whether the images fit its memory."""

from __future__ import annotations

import re

import torch
from torch import nn

from detector.errors import DetectorError, Remedy
from detector.runtime.torch_cpu import has_native_bf16
from detector.training import allocator
from detector.training.processes import Processes

_SIDES = (512, 300)  # of images kept on a GPU, unless the network's input is larger; crops lose less of large ones
_GPU_SHARE = 0.5  # of free GPU memory that the images may take


def device_name(asked: str) -> str:
    """Returns the device that "auto", "cpu", "cuda" or "cuda:N" means here.

    Raises:
        DetectorError: There is no such device.
    """
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked == "cpu":
        return asked
    gpu = re.fullmatch(r"cuda(?::([0-9]{1,3}))?", asked)
    if gpu is None:
        raise DetectorError(f"Training on {asked} is not supported.", "Use cpu, cuda or cuda:N.")
    if int(gpu[1] or 0) >= torch.cuda.device_count():
        raise DetectorError(f"There is no GPU {asked} here.", "Train on the CPU.", Remedy("device", "cpu"))
    return asked


def uses_bf16(precision: str, device: torch.device, network: nn.Module) -> bool:
    """Returns whether ``network`` is trained in bfloat16 where ``precision`` is asked for.

    Raises:
        DetectorError: The device would only emulate it.
    """
    if precision == "fp32":
        return False
    if precision == "auto" and device.type == "cpu" and _is_depthwise(network):
        return False  # a CPU learns depthwise convolutions slower in bfloat16 than in float32
    native = torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else has_native_bf16()
    if precision == "bf16" and not native:
        raise DetectorError("This device does not compute bf16 itself; emulating it is slow.", "Use fp32.")
    return native


def _is_depthwise(network: nn.Module) -> bool:
    return any(isinstance(module, nn.Conv2d) and module.groups > 1 for module in network.modules())


def resident_side(device: torch.device, count: int, size: tuple[int, int]) -> int | None:
    """Returns the side of squares in which ``count`` images fit on ``device``, for inputs of ``size``, or None."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    sides = (max(side, *size) for side in _SIDES)
    return next((side for side in sides if count * side * side * 3 <= free * _GPU_SHARE), None)


def open_device(name: str, processes: Processes) -> torch.device:
    """Returns the device of this process, set up for steps of equal shape.

    Raises:
        DetectorError: There are fewer GPUs than processes.
    """
    device = torch.device(name)
    if device.type != "cuda":
        allocator.keep_freed_memory()
        return device
    index = processes.local_rank if processes.count > 1 else device.index or 0
    if index >= torch.cuda.device_count():
        raise DetectorError(
            f"There are {torch.cuda.device_count()} GPUs here for {processes.count} processes.",
            "Start as many processes as there are GPUs.",
        )
    device = torch.device("cuda", index)
    torch.cuda.set_device(device)
    torch.backends.cudnn.benchmark = True  # every step has the same shapes
    return device
