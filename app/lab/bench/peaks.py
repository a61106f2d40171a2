"""Measures the peak arithmetic rate of this computer, and counts the operations of a network. Needs torch.

The peak is the better of a large matrix product and of a typical detector's convolution, by torch. The share of it
that a network reaches is the share of its time that the arithmetic needs at the least.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from app.lab.bench.stages import settling
from detector.errors import DetectorError
from detector.spec import ModelSpec

if TYPE_CHECKING:
    import torch

_RUNS = 5
SECONDS = 1.0
"""How long each product is repeated; tests make it and the sizes small."""

MATRIX_SIDE = {"cpu": 1536, "cuda": 8192, "mps": 4096, "xpu": 4096}
_CHANNELS, MAP_SIDE = 256, {"cpu": 75, "cuda": 300, "mps": 150, "xpu": 150}


def network_flops(spec: ModelSpec) -> float | None:
    """Counts the floating point operations for one frame, multiply and add as two; None if unknown.

    Counts convolutions only, which leaves out a thousandth; nothing is computed.
    """
    import torch
    from torch import nn

    from detector.models.build import build_network

    try:
        with torch.device("meta"):  # shapes only
            network = build_network(spec)
            images = torch.empty(1, 3, spec.input.height, spec.input.width)
    except DetectorError:  # it brings its own graph
        return None
    total = 0

    def count(module: nn.Conv2d, _inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        total += 2 * output.numel() * module.weight[0].numel()

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    with torch.inference_mode():
        network(images)
    return float(total)


def measured_peak(device: str, precision: str) -> float | None:
    """Measures floating point operations per second; None if ``precision`` cannot be measured there.

    Args:
        device: "cpu", "cuda:0 (...)", ...
        precision: "fp32", "fp16", "bf16", "int8", or on a GPU "tf32": float32 with products rounded to 10 bits.
    """
    import torch

    place = torch.device(device.split(" ", 1)[0])
    if precision == "int8":
        return _int8(place) if place.type == "cpu" else None
    dtypes = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    dtype = dtypes.get(precision)
    if dtype is None or (precision in ("fp16", "tf32") and place.type == "cpu"):
        return None
    with torch.inference_mode(), _rounding(precision == "tf32"):
        return max(_matmul(place, dtype), _convolution(place, dtype))


@contextmanager
def _rounding(allowed: bool) -> Iterator[None]:
    """Within the context, allows or forbids rounding float32 products on a GPU to 10 bits."""
    import torch

    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = convolutions.allow_tf32, products.allow_tf32
    convolutions.allow_tf32 = products.allow_tf32 = allowed
    try:
        yield
    finally:
        convolutions.allow_tf32, products.allow_tf32 = before


def _matmul(place: torch.device, dtype: torch.dtype) -> float:
    import torch

    side = MATRIX_SIDE.get(place.type, 2048)
    a, b = (torch.randn(side, side, device=place).to(dtype) for _ in range(2))
    return 2.0 * side**3 / _fastest(lambda: torch.mm(a, b), place)


def _convolution(place: torch.device, dtype: torch.dtype) -> float:
    """Times a 3x3 convolution with as many output as input channels."""
    import torch
    from torch.nn import functional

    side = MAP_SIDE.get(place.type, 75)
    images = torch.randn(1, _CHANNELS, side, side, device=place).to(dtype)
    weight = torch.randn(_CHANNELS, _CHANNELS, 3, 3, device=place).to(dtype)
    images, weight = (each.contiguous(memory_format=torch.channels_last) for each in (images, weight))
    flops = 2.0 * side**2 * 9 * _CHANNELS**2
    return flops / _fastest(lambda: functional.conv2d(images, weight, padding=1), place)


def _int8(place: torch.device) -> float | None:
    import torch

    multiply: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = getattr(torch, "_int_mm", None)
    if multiply is None:
        return None
    side = MATRIX_SIDE["cpu"]
    a, b = (torch.randint(-128, 127, (side, side), dtype=torch.int8, device=place) for _ in range(2))
    return 2.0 * side**3 / _fastest(lambda: multiply(a, b), place)


def _fastest(work: Callable[[], object], place: torch.device) -> float:
    """Returns the seconds of the fastest of several runs, by the device's own clock if it has one."""
    times: list[float] = []
    begun = time.perf_counter()
    settle = settling(place.type)
    work()  # finds its kernel
    settle()
    while len(times) < _RUNS or (time.perf_counter() - begun < SECONDS and len(times) < 50):
        times.append(_on_gpu(work) if place.type == "cuda" else _on_host(work, settle))
    return min(times)


def _on_host(work: Callable[[], object], settle: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    settle()
    return time.perf_counter() - begun


def _on_gpu(work: Callable[[], object]) -> float:
    import torch

    event: Any = torch.cuda.Event  # written without types
    start, end = event(enable_timing=True), event(enable_timing=True)
    start.record()
    work()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1000
