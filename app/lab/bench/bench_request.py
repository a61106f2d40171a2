"""What to measure, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.lab.bench.random_weights import Load
from app.lab.bench.rounds import RoundPlan
from detector.shelf import ShelfEntry

ALL = "all"
"""As a device or a precision: every one this computer has, and no complaint about the others."""


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """One measurement.

    Attributes:
        entry: The model; without weights it gets random ones.
        devices: As for ``open_detector``, or ``ALL``.
        precisions: The same.
        batches: Sizes of batch.
        loads: Given, the weights are random and find so much; empty: the model's own weights where it has some, else
            typical.
        versus: Names of ``BASELINES``; the ratios refer to the first.
        source: A video whose first frames are looked at; None for drawn ones.
        export_s: So many seconds of the source are exported, too, step by step and as a whole; None for none.
        plan: How long each case may take.
    """

    entry: ShelfEntry
    devices: tuple[str, ...] = ("auto",)
    precisions: tuple[str, ...] = ("auto",)
    batches: tuple[int, ...] = (1,)
    loads: tuple[Load, ...] = ()
    versus: tuple[str, ...] = ()
    source: Path | None = None
    export_s: float | None = None
    plan: RoundPlan = field(default_factory=RoundPlan)
