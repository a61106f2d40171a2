"""Which number format a CPU computes a model in, and what to say where that is not the one asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.runtime.base import Precision
from detector.runtime.optimised import Optimised, best_format, read_network, read_optimised
from detector.shelf import ShelfEntry


@dataclass(frozen=True, slots=True)
class Plan:
    """How OpenVINO will run a model.

    Attributes:
        precision: "fp32", "bf16" or "int8".
        remarks: Why, where the user should know.
        network: The ``openvino.Model`` in int8; None otherwise.
    """

    precision: str
    remarks: tuple[str, ...] = ()
    network: Any = None


def plan_precision(openvino: Any, entry: ShelfEntry, asked: Precision, has_bf16: bool, cache_dir: Path | None) -> Plan:
    """What OpenVINO computes ``entry`` in.

    "auto" is the exact format until ``models optimise`` has measured the others on this computer; then it is the
    fastest of those that agree with the exact one. Nothing is measured here, so opening a model never waits for it.

    Args:
        openvino: The module.
        entry: The model, with weights.
        asked: The format asked for.
        has_bf16: Whether the CPU computes bf16 itself.
        cache_dir: Where optimised networks are kept.
    """
    assert entry.path is not None  # open_detector refuses entries without weights
    if asked == "auto" and cache_dir is not None:
        measured = read_optimised(entry.path, cache_dir)
        if measured is not None:
            return _best(openvino, entry, measured, has_bf16, cache_dir)
    if asked == "int8":
        network = None if cache_dir is None else read_network(openvino, entry.path, cache_dir)
        return Plan("fp32", (_not_here(entry),)) if network is None else Plan("int8", (), network)
    chosen, remarks = plain_precision(asked, has_bf16)
    return Plan(chosen, tuple(remarks))


def _best(openvino: Any, entry: ShelfEntry, measured: Optimised, has_bf16: bool, cache_dir: Path) -> Plan:
    """The fastest format that agrees and can be used; an int8 network may have been damaged since it was measured."""
    assert entry.path is not None  # as above
    best, reason = best_format(measured)
    remarks = []
    if best == "int8":
        network = read_network(openvino, entry.path, cache_dir)
        if network is not None:
            return Plan("int8", (reason,), network)
        best, reason = best_format(measured, without="int8")
        remarks = [f"{entry.name} in int8 is damaged. Make it anew: ssd-viewer models optimise {entry.name}"]
    chosen = "bf16" if best == "bf16" and has_bf16 else "fp32"
    return Plan(chosen, (*remarks, *([reason] if reason and chosen == best else [])))


def _not_here(entry: ShelfEntry) -> str:
    return (
        f"{entry.name} was not optimised for this computer yet, so fp32 is used. "
        f"Choose “Optimise for this computer” in Models, or type: ssd-viewer models optimise {entry.name}"
    )


def plain_precision(asked: Precision, has_bf16: bool) -> tuple[str, list[str]]:
    """Where there is no int8 network: what the CPU computes in, and why where that is not as asked."""
    if asked == "bf16" and has_bf16:
        return "bf16", []
    if asked == "bf16":
        return "fp32", ["This CPU does not compute bf16 itself, emulating it is slow; fp32 is used."]
    if asked == "fp16":
        return "fp32", ["fp16 is for GPUs; fp32 is used on the CPU."]
    if asked == "int8":
        return "fp32", ["int8 needs OpenVINO; fp32 is used."]
    return "fp32", []
