"""The results of a benchmark, as data and as the JSON of ``ssd-viewer bench``. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from app.lab.bench.machine import Machine
from app.lab.bench.statistics import flat, percentile


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One contestant in one case: a place, a load, a batch size.

    Attributes:
        name: Name of the contestant; unique in its case.
        place: Device of the case: "cpu", "cuda:0".
        device: Display name of the device.
        precision: Number format of the computation.
        engine: Which of our engines; empty for a baseline.
        load: "empty", "typical", "worst", or "own weights".
        batch: Frames per run.
        rounds: Milliseconds of each run, by round.
        ratio_to_baseline: Speed relative to the baseline of its case.
        stages_ms: Median time of each stage of a run, in order; empty if stages cannot be told apart.
        candidates: Candidates per frame before suppression; None for the baselines.
        memory_mib: Peak memory after opening; None if the system does not tell.
        peak_share: Share of the place's peak arithmetic rate in this precision; None if either is unknown.
        agreement: Share of detections in common with the reference; None for the reference, and without one.
    """

    name: str
    place: str
    device: str
    precision: str
    engine: str
    load: str
    batch: int
    rounds: tuple[tuple[float, ...], ...]
    ratio_to_baseline: float
    stages_ms: dict[str, float]
    candidates: float | None
    memory_mib: float | None
    peak_share: float | None
    agreement: float | None

    @property
    def p50_ms(self) -> float:
        """Median time of a run."""
        return statistics.median(flat(self.rounds))

    @property
    def p95_ms(self) -> float:
        """95th percentile of the time of a run."""
        return percentile(flat(self.rounds), 0.95)

    @property
    def frames_per_s(self) -> float:
        """Frames per second, by the median."""
        return 1000 * self.batch / self.p50_ms


@dataclass(frozen=True, slots=True)
class Skipped:
    """A part of "all" that this computer lacks.

    Attributes:
        name: Name of the part.
        reason: Reason, one line.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExportSpeed:
    """The speed of an export and of its steps alone.

    Attributes:
        video_s: Length of the exported part, seconds.
        frames: Number of frames.
        width: Frame width, pixels.
        height: Frame height, pixels.
        model: Name of the model.
        device: Device it ran on.
        precision: Number format of the computation.
        encoder: FFmpeg's name of the encoder.
        objects: Mean number of objects per frame, as an export shows them.
        steps: Frames per second of "decode", "detect", "paint" and "encode"; "write" is painting and encoding side
            by side, as in the export.
        whole: Frames per second of the export, from its start to the finished file, without opening the model.
        cpu_ms: Total processor time per frame, for each step and for the "whole".
        share: ``whole`` over the slowest of "decode", "detect" and "write", the median of the rounds.
        possible_share: ``whole`` over what these three can reach side by side on the processors they share.
        rounds: Number of rounds.
    """

    video_s: float
    frames: int
    width: int
    height: int
    model: str
    device: str
    precision: str
    encoder: str
    objects: float
    steps: dict[str, float]
    whole: float
    cpu_ms: dict[str, float]
    share: float
    possible_share: float
    rounds: int


@dataclass(frozen=True, slots=True)
class BenchReport:
    """A whole benchmark.

    Attributes:
        model: Name of the model.
        weights: "random" or "its own".
        frames: Description of the frames.
        score_floor: Candidates score more than this.
        machine: The computer.
        baseline: Prefix of the name of the contestant the ratios refer to, in each case.
        reference: Likewise for the agreement; empty without a reference.
        peaks_gflops: Peak rate by place and precision, 10^9 operations per second.
        gflop: 10^9 operations of the network per frame; None if unknown.
        results: Results by case, in the order of the contestants.
        skipped: Parts of "all" that are missing.
        notes: Notes for the reader.
        export: Speed of an export; None if not requested.
    """

    model: str
    weights: str
    frames: str
    score_floor: float
    machine: Machine
    baseline: str
    reference: str
    peaks_gflops: dict[str, dict[str, float]]
    gflop: float | None
    results: tuple[CaseResult, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    export: ExportSpeed | None = None


def as_json(report: BenchReport) -> dict[str, Any]:
    """Returns the report as the documented JSON object."""
    return {
        "device": report.results[0].device if report.results else "",
        "model": report.model,
        "results": [_row(result) for result in report.results],
        "weights": report.weights,
        "frames": report.frames,
        "score_floor": report.score_floor,
        "baseline": report.baseline,
        "reference": report.reference,
        "gflop_per_frame": report.gflop,
        "peaks_gflops": report.peaks_gflops,
        "machine": {
            "cpu": report.machine.cpu,
            "cores": report.machine.cores,
            "system": report.machine.system,
            "packages": report.machine.packages,
            "busy_share": report.machine.busy,
        },
        "skipped": [{"name": each.name, "reason": each.reason} for each in report.skipped],
        "notes": list(report.notes),
        "export": None if report.export is None else _export(report.export),
    }


def _row(result: CaseResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "batch": result.batch,
        "frames_per_s": round(result.frames_per_s, 3),
        "latency_ms": {"p50": round(result.p50_ms, 4), "p95": round(result.p95_ms, 4)},
        "stages_ms": {stage: round(time, 4) for stage, time in result.stages_ms.items()},
        "ratio_to_baseline": round(result.ratio_to_baseline, 4),
        "device": result.device,
        "precision": result.precision,
        "engine": result.engine,
        "load": result.load,
        "runs": sum(len(each) for each in result.rounds),
        "candidates": None if result.candidates is None else round(result.candidates, 1),
        "memory_mib": None if result.memory_mib is None else round(result.memory_mib, 1),
        "peak_share": None if result.peak_share is None else round(result.peak_share, 4),
        "agreement": None if result.agreement is None else round(result.agreement, 4),
    }


def _export(speed: ExportSpeed) -> dict[str, Any]:
    return {
        "video_s": round(speed.video_s, 3),
        "frames": speed.frames,
        "width": speed.width,
        "height": speed.height,
        "model": speed.model,
        "device": speed.device,
        "precision": speed.precision,
        "encoder": speed.encoder,
        "objects_per_frame": round(speed.objects, 2),
        "steps_frames_per_s": {step: round(rate, 2) for step, rate in speed.steps.items()},
        "frames_per_s": round(speed.whole, 2),
        "cpu_ms_per_frame": {step: round(spent, 3) for step, spent in speed.cpu_ms.items()},
        "share_of_slowest_step": round(speed.share, 4),
        "share_of_possible": round(speed.possible_share, 4),
        "rounds": speed.rounds,
    }
