"""From a model's name to a running detector: picks the engine, and says so when it is not the one asked for.

Call it on the thread that will use the detector. Importing this module loads no torch and no OpenVINO.
"""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from detector.errors import DetectorError
from detector.runtime import openvino_runtime
from detector.runtime.base import PRECISIONS, Detector, Precision
from detector.runtime.nvidia_driver import has_nvidia_gpu
from detector.runtime.torch_package import load_torch
from detector.shelf import Shelf, ShelfEntry, bundled_dir, how_to_get

if TYPE_CHECKING:
    import torch

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,2})?")
_log = logging.getLogger(__name__)


def open_detector(
    model: str | Path | ShelfEntry,
    device: str = "auto",
    precision: str = "auto",
    shelf: Shelf | None = None,
    cache_dir: Path | None = None,
) -> Detector:
    """Open a model, ready to run.

    A device that is asked for but cannot be used is replaced by the CPU, and a number format the device does not have
    by one it has; ``Detector.notes`` then tells.

    Args:
        model: A name on the shelf, a model file, or an entry of the shelf.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: One of ``PRECISIONS``; "auto" is float16 on a GPU and float32 on the CPU.
        shelf: Where names are looked up; None for the models that came with the program.
        cache_dir: Where networks converted for OpenVINO are kept, so that opening them again needs no torch; None
            for nowhere.

    Raises:
        DetectorError: No such model, device or precision, or the model cannot be used.
    """
    check_device(device)
    asked = _checked_precision(precision)
    if not isinstance(model, ShelfEntry):
        folder = bundled_dir()
        model = (shelf or Shelf(folder, folder)).find(model)  # the same folder twice is listed once
    if model.path is None:
        raise DetectorError(f"The weights of {model.name} are not on this computer.", how_to_get(model.spec))
    detector = _open(model, device, asked, cache_dir)
    _log.info("%s on %s by %s, %s", model.name, detector.device, detector.engine, detector.precision)
    return detector


def available_devices() -> list[tuple[str, str]]:
    """Devices that can be asked for as (id, shown name), the CPU first; never raises.

    Imports torch only where there may be more than the CPU.
    """
    devices = [("cpu", "CPU")]
    if not may_have_gpu():
        return devices
    try:
        import torch

        if torch.cuda.is_available():
            for index in range(torch.cuda.device_count()):
                devices.append((f"cuda:{index}", torch.cuda.get_device_name(index)))
        if torch.backends.mps.is_available():
            devices.append(("mps", "Apple GPU (untested)"))
    except Exception as error:  # a broken driver must not take the settings panel down
        _log.info("devices could not be listed: %s", error)
    return devices


def check_device(device: str) -> None:
    """Raise ``DetectorError`` unless ``device`` is written as one can be; whether it is there is another matter."""
    if not _DEVICE.fullmatch(device):
        raise DetectorError(f"There is no device {device!r}.", "Use auto, cpu, cuda, cuda:N or mps.")


def may_have_gpu() -> bool:
    """Whether it is worth asking torch for a GPU; loads nothing."""
    return sys.platform == "darwin" or has_nvidia_gpu()


def needs_torch(entry: ShelfEntry, device: str) -> bool:
    """Whether opening ``entry`` with a cache for converted networks imports torch into this process."""
    if entry.spec.architecture == "openvino-ir":
        return False
    gpu = device == "mps" or device.startswith("cuda") or (device == "auto" and has_nvidia_gpu())
    return gpu or not openvino_runtime.is_installed()


def _checked_precision(precision: str) -> Precision:
    for known in PRECISIONS:
        if precision == known:
            if known == "int8":
                raise DetectorError("int8 is not available in this version.", "Use auto, fp32, bf16 or fp16.")
            return known
    raise DetectorError(f"There is no precision {precision!r}.", f"Use one of {', '.join(PRECISIONS)}.")


def _open(entry: ShelfEntry, device: str, precision: Precision, cache_dir: Path | None) -> Detector:
    notes: list[str] = []
    if entry.spec.architecture == "openvino-ir":
        if device not in ("auto", "cpu"):
            notes.append(f"This model runs by OpenVINO, on the CPU; {device} is not used.")
        return _open_ir(entry, precision, notes)
    found = None
    if device == "mps":
        load_torch()
        found = _open_mps(entry, precision, notes)
    elif device.startswith("cuda") or (device == "auto" and has_nvidia_gpu()):
        load_torch()
        found = _open_cuda(entry, device, precision, notes)
    return found or _open_cpu(entry, precision, notes, cache_dir)


def _open_cuda(entry: ShelfEntry, device: str, precision: Precision, notes: list[str]) -> Detector | None:
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


def _gpu_precision(place: torch.device, precision: Precision, notes: list[str]) -> str:
    import torch

    if precision == "bf16":
        with torch.cuda.device(place):
            if not torch.cuda.is_bf16_supported(including_emulation=False):
                notes.append("This GPU does not compute bf16 itself; fp16 is used.")
                return "fp16"
    return "fp16" if precision == "auto" else precision


def _open_mps(entry: ShelfEntry, precision: Precision, notes: list[str]) -> Detector | None:
    import torch

    from detector.runtime.torch_cuda import TorchDeviceDetector

    reason = "there is none, or this PyTorch has no support for it"
    if torch.backends.mps.is_available():
        untested = "Apple GPUs are untested."
        try:
            return TorchDeviceDetector(
                entry, torch.device("mps"), "fp16" if precision == "auto" else precision, [untested]
            )
        except DetectorError as error:
            reason = error.message.rstrip(".")
    notes.append(f"The Apple GPU is not used: {reason}. Running on the CPU.")
    return None


def _open_cpu(entry: ShelfEntry, precision: Precision, notes: list[str], cache_dir: Path | None) -> Detector:
    if openvino_runtime.is_installed():
        from detector.runtime.openvino import OpenVinoDetector

        try:
            capabilities = openvino_runtime.cpu_capabilities(openvino_runtime.load_openvino().Core())
            chosen, remarks = _cpu_precision(precision, "BF16" in capabilities)
            return OpenVinoDetector(entry, chosen, [*notes, *remarks], cache_dir)
        except DetectorError as error:
            # Damaged weights fail again below, with their own message.
            _log.info("openvino is not used for %s: %s", entry.name, error)
            notes.append(f"OpenVINO is not used: {error.message.rstrip('.')}. Running by torch.")
    load_torch()
    from detector.runtime.torch_cpu import TorchCpuDetector, has_native_bf16

    chosen, remarks = _cpu_precision(precision, has_native_bf16())
    return TorchCpuDetector(entry, chosen, [*notes, *remarks])


def _open_ir(entry: ShelfEntry, precision: Precision, notes: list[str]) -> Detector:
    from detector.runtime.ir import IrDetector

    capabilities = openvino_runtime.cpu_capabilities(openvino_runtime.load_openvino().Core())
    chosen, remarks = _cpu_precision(precision, "BF16" in capabilities)
    return IrDetector(entry, chosen, [*notes, *remarks])


def _cpu_precision(asked: Precision, has_bf16: bool) -> tuple[str, list[str]]:
    """What the CPU will compute in, and why where that is not as asked. "auto" is the exact one."""
    if asked == "bf16" and has_bf16:
        return "bf16", []
    if asked == "bf16":
        return "fp32", ["This CPU does not compute bf16 itself, emulating it is slow; fp32 is used."]
    if asked == "fp16":
        return "fp32", ["fp16 is for GPUs; fp32 is used on the CPU."]
    return "fp32", []
