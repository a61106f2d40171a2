"""The request for a benchmark, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.lab.bench.random_weights import Load
from app.lab.bench.rounds import RoundPlan
from detector.model_file import ModelEntry

ALL = "all"
"""Stands for every device or precision this computer has; missing ones are no error."""


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """One benchmark.

    Attributes:
        entry: The model; without weights it gets random ones.
        devices: Names that ``open_detector`` takes, or ``ALL``.
        precisions: Likewise.
        batches: Batch sizes.
        loads: Loads of random weights to measure; if empty, the model's own weights where it has some, else typical.
        versus: Names of ``BASELINES``; the ratios refer to the first.
        source: A video whose first frames are used; None for drawn frames.
        export_s: Seconds of the source to export as well, step by step and as a whole; None for no export.
        plan: Time allowed for each case.
    """

    entry: ModelEntry
    devices: tuple[str, ...] = ("auto",)
    precisions: tuple[str, ...] = ("auto",)
    batches: tuple[int, ...] = (1,)
    loads: tuple[Load, ...] = ()
    versus: tuple[str, ...] = ()
    source: Path | None = None
    export_s: float | None = None
    plan: RoundPlan = field(default_factory=RoundPlan)
