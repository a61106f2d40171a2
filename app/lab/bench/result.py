"""What a measurement found, as data, and as the JSON of ``ssd-viewer bench``. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from app.lab.bench.machine import Machine
from app.lab.bench.statistics import flat, percentile


@dataclass(frozen=True, slots=True)
class Result:
    """One contestant in one case: a place, a load, a size of batch.

    Attributes:
        name: Of the contestant; unique in its case.
        place: "cpu", "cuda:0": where the case ran.
        device: The same for people.
        precision: What it computed in.
        engine: Of ours, which; else empty.
        load: "empty", "typical", "worst", or "own weights".
        batch: Frames in one run.
        rounds: Milliseconds of each run, by round.
        ratio_to_baseline: How many times as fast as the baseline of its case.
        stages_ms: Medians by stage of one run, in order; empty where they cannot be told apart.
        candidates: In a frame, before suppression; None for the baselines.
        memory_mib: Most it took, opening left out; None where the system does not tell.
        peak_share: Of what the place can multiply in this precision; None where either is unknown.
        agreement: Share of detections it has in common with the reference; None for the reference, and without one.
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
        """Median of one run."""
        return statistics.median(flat(self.rounds))

    @property
    def p95_ms(self) -> float:
        """95 of 100 runs take no longer."""
        return percentile(flat(self.rounds), 0.95)

    @property
    def frames_per_s(self) -> float:
        """By the median."""
        return 1000 * self.batch / self.p50_ms


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was asked for as one of "all" and is not there.

    Attributes:
        name: What.
        reason: Why not, one line.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExportSpeed:
    """Frames a second of an export and of its steps alone.

    Attributes:
        video_s: Length of what was exported, seconds.
        frames: Pictures in it.
        width: Of a picture, pixels.
        height: The same.
        model: Which.
        device: Where it ran.
        precision: What it computed in.
        encoder: FFmpeg's name of it.
        objects: Found in a picture on average, as an export shows them.
        steps: "decode", "detect", "paint", "encode" by frames a second; "write" is painting and encoding, side by
            side as in the export.
        whole: Frames a second of the export, from its start to the finished file; opening the model is left out.
        cpu_ms: Of each step and the "whole": what processors spend on a frame, all of them together.
        share: ``whole`` over the slowest of "decode", "detect" and "write", the median of the rounds.
        possible_share: ``whole`` over what these three can reach side by side on the processors they share.
        rounds: How many there were.
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
    """A whole measurement.

    Attributes:
        model: Its name.
        weights: "random" or "its own".
        frames: What was looked at, for people.
        score_floor: Candidates score more than this.
        machine: Where.
        baseline: Beginning of the name of what the ratios refer to, in each case.
        reference: The same for the agreement; empty without one.
        peaks_gflops: By place and precision, 10^9 operations in a second.
        gflop: Of the network for one frame; None where unknown.
        results: By case, in the order of the contestants.
        skipped: What is missing.
        notes: What the reader should know.
        export: What an export costs; None where that was not asked for.
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
    results: tuple[Result, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    export: ExportSpeed | None = None


def as_json(report: BenchReport) -> dict[str, Any]:
    """For ``--json``."""
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


def _row(result: Result) -> dict[str, Any]:
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
