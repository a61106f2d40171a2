"""Questions and requests to torch's devices: can an NVIDIA GPU be used, what is it called, take this memory back.

None of the questions raises, for drivers may be broken in any way. On any thread.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import torch

CAPTURING = threading.Lock()
"""Held while any engine of this process captures a CUDA graph, or gives memory back: the allocator cannot do both."""

_PREFERRED = ((8 << 30, 32), (2 << 30, 8))  # (free bytes, frames at a time)
_STREAMS = 32  # of one priority, in torch
_dealing = threading.Lock()
_in_use: weakref.WeakValueDictionary[tuple[int, int], torch.cuda.Stream] = weakref.WeakValueDictionary()
_log = logging.getLogger(__name__)


def new_stream(device: torch.device) -> torch.cuda.Stream:
    """A queue of work of its own on an NVIDIA GPU, until nobody holds it any more.

    torch deals 32 of them in turn, in use or not, so that the capture on one engine's stream could meet another's work.

    Raises:
        RuntimeError: All are in use.
    """
    make: Any = torch.cuda.Stream  # written without types
    with _dealing:
        for _ in range(_STREAMS):
            stream: torch.cuda.Stream = make(device)
            key = (device.index or 0, stream.cuda_stream)
            if key not in _in_use:
                _in_use[key] = stream
                return stream
    raise RuntimeError(f"all {_STREAMS} streams are in use")


def preferred_batch(device: torch.device) -> int:
    """Returns how many frames an engine is best handed at a time, by the memory that is free on an NVIDIA GPU."""
    free_bytes = torch.cuda.mem_get_info(device)[0]
    return next((count for least, count in _PREFERRED if free_bytes >= least), 1)


def shown(device: torch.device) -> str:
    """Returns the device's name for people, e.g. "cuda:0 (NVIDIA H100)"."""
    try:
        if device.type == "cuda":
            return f"{device} ({torch.cuda.get_device_name(device)})"
        return f"{device} ({torch.xpu.get_device_name(device)})" if device.type == "xpu" else str(device)
    except (RuntimeError, AssertionError):  # told properly when the network is put there
        return str(device)


def empty_cache(device: torch.device) -> None:
    """Give freed memory back to the other programs on the device, and page-locked memory back to the system.

    After a fault every call to a GPU fails until the program ends, and closing must work even then.
    """
    try:
        if device.type == "cuda":
            with CAPTURING, torch.cuda.device(device):
                torch.cuda.empty_cache()
                empty_host_cache = getattr(torch.accelerator, "empty_host_cache", None)  # not in torch 2.8
                if empty_host_cache is not None:
                    empty_host_cache()
        elif device.type == "mps":
            torch.mps.empty_cache()
        elif device.type == "xpu":
            torch.xpu.empty_cache()
    except (RuntimeError, AssertionError) as error:  # as in ``why_not_cuda``
        _log.info("memory of %s is not given back: %s", device, first_line(error))


def why_not_cuda(index: int) -> str:
    """Empty where CUDA device ``index`` can be used, else the reason; runs one tiny kernel to be sure."""
    try:
        if not torch.cuda.is_available():
            return "no NVIDIA GPU with a working driver was found"
        if index >= torch.cuda.device_count():
            return f"there is no GPU number {index}"
        capability = torch.cuda.get_device_capability(index)
        if not is_covered(capability, torch.cuda.get_arch_list()):
            return f"this PyTorch has no code for the GPU's compute capability {capability[0]}.{capability[1]}"
        ones = torch.ones(8, device=f"cuda:{index}")
        if float((ones + ones).sum()) != 16.0:
            return "the GPU computed a wrong result"
    except (RuntimeError, AssertionError) as error:  # driver and library faults come as these
        _log.info("cuda:%d refused: %s", index, error)
        return first_line(error)
    return ""


def has_native_bf16(device: torch.device) -> bool:
    """Returns whether an NVIDIA GPU multiplies bfloat16 itself, rather than by emulating it."""
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def is_covered(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Returns whether a PyTorch built for ``architectures`` ("sm_90", "compute_90"...) runs on a GPU of ``capability``.

    Binary code (sm) runs on the same major version from its minor version up; PTX (compute) on anything newer.
    """
    for name in architectures:
        kind, _, digits = name.partition("_")
        if not digits.isdecimal():  # "90a" and the like run on exactly that chip
            if digits[:-1].isdecimal() and divmod(int(digits[:-1]), 10) == capability:
                return True
            continue
        major, minor = divmod(int(digits), 10)
        if kind == "sm" and capability[0] == major and capability[1] >= minor:
            return True
        if kind == "compute" and capability >= (major, minor):
            return True
    return False


def first_line(error: BaseException) -> str:
    """The first line of a library's message, without its full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".")[:200] if lines else type(error).__name__
