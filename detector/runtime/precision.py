"""Which number format a CPU computes a model in, and what to say where that is not the one asked for."""

from __future__ import annotations

import logging
import platform
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.model_file import ModelEntry
from detector.runtime.base import Precision
from detector.runtime.format_measurements import Optimised, best_format, is_proven, read_network, read_optimised
from detector.runtime.openvino_graph import network_of

_X86 = ("x86_64", "amd64")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PrecisionChoice:
    """The way in which OpenVINO will run a model.

    Attributes:
        precision: "fp32", "bf16" or "int8".
        notes: Why, where the user should know.
        network: The ``openvino.Model`` in int8; None otherwise.
    """

    precision: str
    notes: tuple[str, ...] = ()
    network: Any = None


def choose_precision(
    openvino: Any, entry: ModelEntry, asked: Precision, native: Set[str], cache_dir: Path | None
) -> PrecisionChoice:
    """Chooses the number format that OpenVINO computes ``entry`` in.

    "auto" is what ``models optimise`` measured to be the fastest on this computer of the formats that agree with the
    exact one. Until then it is int8 where the model's file shows that it agrees, and the processor has been tried to
    be faster in it; else the exact one. Nothing is measured here, so opening a model never waits for it.

    Args:
        openvino: The module.
        entry: The model, with weights.
        asked: The format asked for.
        native: What the CPU computes itself, such as "BF16" and "INT8".
        cache_dir: Where what was measured is kept.
    """
    assert entry.path is not None  # open_detector refuses entries without weights
    has_bf16, int8 = "BF16" in native, entry.spec.int8
    if asked == "auto":
        measured = None if cache_dir is None else read_optimised(entry.path, cache_dir)
        if measured is not None:
            return _best(openvino, entry, measured, has_bf16, cache_dir)
        if int8 is not None and is_proven(int8) and is_faster_in_int8(native):
            network = _network(openvino, entry, cache_dir)
            if network is not None:
                return PrecisionChoice("int8", (), network)  # as the model's maker meant it: nothing to say
    if asked == "int8":
        network = _network(openvino, entry, cache_dir)
        return PrecisionChoice("fp32", (_not_here(entry),)) if network is None else PrecisionChoice("int8", (), network)
    return PrecisionChoice(*plain_precision(asked, has_bf16))


def is_faster_in_int8(native: Set[str]) -> bool:
    """Tells if int8 was tried to be faster on this kind of processor, without or with dot products of bytes."""
    return "INT8" in native and platform.machine().lower() in _X86


def _network(openvino: Any, entry: ModelEntry, cache_dir: Path | None) -> Any:
    """The network in int8, of the ranges in the model's file or from the cache; None where there is none that fits."""
    assert entry.path is not None  # as above
    if entry.spec.int8 is None:
        return None if cache_dir is None else read_network(openvino, entry.path, cache_dir)
    try:
        return network_of(openvino, entry, entry.spec.int8.ranges)
    except DetectorError as error:  # damaged weights fail again in fp32, with the same message
        _log.info("%s cannot run in int8: %s", entry.name, error)
        return None


def _best(
    openvino: Any, entry: ModelEntry, measured: Optimised, has_bf16: bool, cache_dir: Path | None
) -> PrecisionChoice:
    """The fastest format that agrees and can be used; an int8 network may have been damaged since it was measured."""
    best, reason = best_format(measured)
    notes: tuple[str, ...] = ()
    if best == "int8":
        network = _network(openvino, entry, cache_dir)
        if network is not None:
            return PrecisionChoice("int8", (reason,), network)
        best, reason = best_format(measured, without="int8")
        notes = (f"{entry.name} in int8 is damaged. Optimise it again.",)
    chosen = "bf16" if best == "bf16" and has_bf16 else "fp32"
    return PrecisionChoice(chosen, (*notes, reason) if reason and chosen == best else notes)


def _not_here(entry: ModelEntry) -> str:
    if entry.spec.int8 is not None:
        return f"What the file of {entry.name} says of int8 does not fit its network, so fp32 is used."
    return f"{entry.name} has not been optimised for this computer, so fp32 is used. Optimise it to run it in int8."


def plain_precision(asked: Precision, has_bf16: bool) -> tuple[str, tuple[str, ...]]:
    """Returns the format that the CPU computes in where there is no int8 network, and why where it is not ``asked``."""
    if asked == "bf16" and has_bf16:
        return "bf16", ()
    reasons = {
        "bf16": "This CPU does not compute bf16 itself, emulating it is slow; fp32 is used.",
        "fp16": "fp16 is for GPUs; fp32 is used on the CPU.",
        "int8": "int8 needs OpenVINO; fp32 is used.",
    }
    return "fp32", tuple(reason for name, reason in reasons.items() if name == asked)


def gpu_precision(asked: Precision, has_bf16: bool) -> tuple[str, tuple[str, ...]]:
    """Returns the format that a GPU computes in, and why where it is not ``asked``; "auto" is fp16."""
    if asked == "bf16" and not has_bf16:
        return "fp16", ("This GPU does not compute bf16 itself; fp16 is used.",)
    if asked == "int8":
        return "fp16", ("int8 is for the CPU; fp16 is used on the GPU.",)
    return ("fp16" if asked == "auto" else asked), ()
