"""OpenVINO's devices beside the CPU: a laptop's graphics and its NPU. Which are here, what they compute, their names.

Nobody has tried this program on such hardware: its tests run the CPU under other names. So an engine on such a device
must first give the answers that the model's file keeps (``detector.golden``).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Set
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.runtime import openvino_runtime

KINDS = {"gpu": "GPU", "npu": "NPU"}
"""What can be asked for, and OpenVINO's name for it."""
_DEVICE_FILES = (("/dev/dri", "renderD*"), ("/dev/accel", "accel*"))
_log = logging.getLogger(__name__)


def is_openvino_device(device: str) -> bool:
    """Returns whether ``device`` is "gpu", "gpu.N" or "npu"."""
    return device.partition(".")[0] in KINDS


def openvino_name(device: str) -> str:
    """Returns OpenVINO's name of "gpu", "gpu.N" or "npu"."""
    kind, dot, number = device.partition(".")
    return f"{KINDS[kind]}{dot}{number}"


def may_have_openvino_device() -> bool:
    """Returns whether it is worth asking OpenVINO for more than the CPU; loads nothing."""
    if sys.platform == "darwin" or not openvino_runtime.is_installed():
        return False
    if sys.platform == "win32":
        return True
    return any(next(Path(folder).glob(names), None) is not None for folder, names in _DEVICE_FILES)


def openvino_devices() -> list[tuple[str, str]]:
    """Lists OpenVINO's devices beside the CPU as (id, shown name); imports OpenVINO where there may be one.

    Raises:
        DetectorError: OpenVINO does not load.
    """
    if not may_have_openvino_device():
        return []
    core = openvino_runtime.load_openvino().Core()
    found = []
    for name in core.available_devices:
        kind, dot, number = str(name).partition(".")
        device = f"{kind.lower()}{dot}{number}"
        if kind in KINDS.values():
            found.append((device, f"{shown_name(core, str(name))} (untested)"))
    return found


def parts(name: str) -> list[str]:
    """Returns the devices that OpenVINO's name stands for: "HETERO:NPU,CPU" combines two."""
    return name.rpartition(":")[2].split(",")


def why_not(core: Any, name: str) -> str | None:
    """Says why OpenVINO cannot use a device; None where it lists it, or all of the devices that it combines.

    Args:
        core: ``openvino.Core``.
        name: OpenVINO's name, such as "GPU", "GPU.1" or "HETERO:NPU,CPU".
    """
    listed = {str(device) for device in core.available_devices}
    listed |= {device.partition(".")[0] for device in listed}
    for part in parts(name):
        if part not in listed:
            return f"OpenVINO finds no {part} on this computer, or its driver is missing"
    return None


def shown_name(core: Any, name: str) -> str:
    """Returns what the maker calls a device; OpenVINO's own name where that is not told."""
    try:
        return " and ".join(str(core.get_property(part, "FULL_DEVICE_NAME")).strip() or part for part in parts(name))
    except RuntimeError as error:
        _log.info("openvino does not name %s: %s", name, error)
        return name


def capabilities(core: Any, name: str) -> frozenset[str]:
    """Returns the formats that a device computes natively, e.g. {"FP16", "INT8"}; of a combination, what all do.

    Raises:
        DetectorError: OpenVINO cannot use it.
    """
    try:
        each = [frozenset(core.get_property(part, "OPTIMIZATION_CAPABILITIES")) for part in parts(name)]
    except RuntimeError as error:
        raise DetectorError(f"OpenVINO cannot use {name}: {openvino_runtime.last_line(error)}.") from error
    return frozenset.intersection(*each)


def device_precision(asked: str, native: Set[str], has_ranges: bool) -> tuple[str, tuple[str, ...]]:
    """Returns the format that a device computes in, and why where it is not the one asked for.

    Args:
        asked: One of ``PRECISIONS``; "auto" is fp16, which such devices are made for.
        native: As for ``capabilities``.
        has_ranges: The model's file holds what int8 needs.
    """
    usual = "fp16" if "FP16" in native else "fp32"
    if asked in ("auto", usual):
        return usual, ()
    if asked == "fp32" and "FP32" in native:
        return "fp32", ()
    if asked == "int8" and "INT8" in native and has_ranges:
        return "int8", ()
    if asked == "int8" and not has_ranges:
        return usual, (f"The model's file does not hold what int8 needs on this device; {usual} is used.",)
    return usual, (f"This device does not compute {asked}; {usual} is used.",)
