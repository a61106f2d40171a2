"""One benchmark from its request to its report. On the calling thread, which owns every engine it opens."""

from __future__ import annotations

import statistics
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from app.core import paths
from app.core.frames import ImageBGR
from app.core.settings import ModelSettings
from app.lab.bench.baselines import check_baseline
from app.lab.bench.bench_report import BenchReport, CaseResult, ExportSpeed, Skipped
from app.lab.bench.bench_request import ALL, BenchRequest
from app.lab.bench.contestant_agreement import agreement
from app.lab.bench.contestants import OurDetector
from app.lab.bench.export_steps import ExportBench
from app.lab.bench.int8_networks import quantise_random
from app.lab.bench.lineup import Lineup, Opening, formats, open_exactly, open_lineup, places
from app.lab.bench.machine import Machine, this_machine
from app.lab.bench.model_speeds import record_speeds
from app.lab.bench.peaks import measured_peak, network_flops
from app.lab.bench.random_weights import write_random
from app.lab.bench.rounds import Contestant, Feed, run_rounds
from app.lab.bench.sample_frames import drawn_frames, video_frames
from app.lab.bench.statistics import flat, times_faster
from detector.detections import FLOOR, Detections
from detector.errors import DetectorError
from detector.model_file import ModelEntry
from detector.runtime.torch_package import load_torch

OnProgress = Callable[[str, int, int], None]
OWN_WEIGHTS = "own weights"

_STAGE_RUNS = (3, 15)
_STAGE_MS = 3000.0
_COMPARED = 4  # frames


def run_bench(
    request: BenchRequest,
    on_progress: OnProgress = lambda _what, _done, _total: None,
    stop: threading.Event | None = None,
) -> BenchReport:
    """Runs a benchmark.

    Args:
        request: The request.
        on_progress: Called with the current step, rounds done and rounds in all; (0, 0) if unknown.
        stop: Set from any thread to cancel.

    Raises:
        BenchCancelledError: ``stop`` was set.
        AppError: The video, or a device, precision or baseline asked for by name, is not available.
        DetectorError: The model cannot be used.
    """
    machine = this_machine()
    request = replace(request, entry=_as_shown(request.entry))
    stop = stop or threading.Event()
    load_torch()
    where = places(request.devices)
    for name in request.versus:
        check_baseline(name, request.entry.spec)
    frames = drawn_frames() if request.source is None else video_frames(request.source)
    runner = _Runner(request, frames, on_progress, stop)
    with tempfile.TemporaryDirectory(prefix="ssd-viewer-bench-", ignore_cleanup_errors=True) as folder:
        entries = _entries(request, frames, Path(folder), on_progress)
        cache_dir, is_random = paths.optimised_dir(), OWN_WEIGHTS not in entries
        if is_random and "cpu" in where:
            entries = _in_int8(request, entries, frames, on_progress, stop)
        for place in where:
            for load, entry in entries.items():
                runner.run_place(entry, place, load, cache_dir)
        if request.export_s is not None and request.source is not None:
            runner.run_export(next(iter(entries.values())), where[0], cache_dir, Path(folder))
    return runner.report(machine, is_random)


def _as_shown(entry: ModelEntry) -> ModelEntry:
    """Returns the model with the score floor of the window and of exports; evaluations use a lower one."""
    rule = entry.spec.postprocess
    rule = replace(rule, score_floor=max(rule.score_floor, FLOOR))
    return replace(entry, spec=replace(entry.spec, postprocess=rule))


def _entries(
    request: BenchRequest, frames: Sequence[ImageBGR], folder: Path, on_progress: OnProgress
) -> dict[str, ModelEntry]:
    """Returns the model by load."""
    if request.entry.path is not None and not request.loads:
        return {OWN_WEIGHTS: request.entry}
    on_progress("random weights", 0, 0)
    files = write_random(request.entry.spec, frames, folder, request.loads or ("typical",))
    spec = replace(request.entry.spec, int8=None)  # its ranges are those of other weights
    return {load: replace(request.entry, spec=spec, path=path) for load, path in files.items()}


def _in_int8(
    request: BenchRequest,
    entries: dict[str, ModelEntry],
    frames: Sequence[ImageBGR],
    on_progress: OnProgress,
    stop: threading.Event,
) -> dict[str, ModelEntry]:
    """Returns random weights with ranges for int8, if requested; of "all" formats it may be missing."""
    if not {"int8", ALL} & set(request.precisions):
        return entries
    try:
        return {load: quantise_random(entry, frames, on_progress, stop) for load, entry in entries.items()}
    except DetectorError:
        if "int8" in request.precisions:
            raise
        return entries


@dataclass(frozen=True, slots=True)
class _Facts:
    """Figures of a contestant for every batch size; see ``CaseResult``. ``flops`` is per frame, None if unknown."""

    memory_mib: float | None
    candidates: float | None
    agreement: float | None
    flops: float | None


class _Runner:
    """Collects the results of all cases."""

    def __init__(
        self, request: BenchRequest, frames: Sequence[ImageBGR], on_progress: OnProgress, stop: threading.Event
    ) -> None:
        self._request, self._frames, self._on_progress, self._stop = request, frames, on_progress, stop
        self._results: list[tuple[CaseResult, float | None]] = []  # with the operations per frame, if known
        self._skipped: list[Skipped] = []
        self._peaks: dict[str, dict[str, float]] = {}
        self._flops = network_flops(request.entry.spec)
        self._baseline = self._reference = ""
        self._export: ExportSpeed | None = None

    def run_place(self, entry: ModelEntry, place: str, load: str, cache_dir: Path) -> None:
        """Runs all cases of one place and load.

        On the CPU, engines are reopened for larger batches, as an export opens them; a GPU's engine serves all sizes.
        """
        batches = self._request.batches
        parts = ([b for b in batches if b == 1], [b for b in batches if b > 1]) if place == "cpu" else (batches,)
        for part in parts:
            if part:
                self._run_lineup(entry, place, load, cache_dir, part)

    def _run_lineup(self, entry: ModelEntry, place: str, load: str, cache_dir: Path, batches: Sequence[int]) -> None:
        self._on_progress(f"opening on {place}", 0, 0)
        request = self._request
        rehearsal = Feed(self._frames, max(batches))(0)
        opening = Opening(request.precisions, request.versus, cache_dir, for_batches=max(batches) > 1)
        with closing(open_lineup(entry, place, opening, rehearsal)) as lineup:
            self._skipped += [each for each in lineup.skipped if each not in self._skipped]
            self._measure_peaks(lineup)
            facts = self._facts(lineup)
            for batch in batches:
                self._case(lineup, load, batch, facts)
            self._measure_peaks(lineup)

    def _measure_peaks(self, lineup: Lineup) -> None:
        """Measures before and after the cases, and keeps the better: a disturbance only ever slows it down."""
        peaks = self._peaks.setdefault(lineup.place, {})
        for precision in dict.fromkeys(each.precision for each in lineup.all()):
            self._on_progress(f"what {lineup.place} can multiply in {precision}", 0, 0)
            measured = measured_peak(lineup.place, precision)
            if measured is not None:
                peaks[precision] = max(measured, peaks.get(precision, 0.0))

    def _facts(self, lineup: Lineup) -> dict[str, _Facts]:
        """Returns the figures by name; the reference is a baseline with the same weights, else our float32."""
        frames = self._frames[:_COMPARED]
        same = lineup.same_network()
        reference = next((each for each in same if not isinstance(each, OurDetector) or each.precision == "fp32"), None)
        expected = _one_by_one(reference, frames) if reference is not None else []
        if reference is not None and len(same) > 1:
            self._reference = self._reference or reference.name
        facts = {}
        for each in lineup.all():
            compared = reference is not None and each in same and each is not reference
            facts[each.name] = _Facts(
                memory_mib=lineup.memory_mib[each.name],
                candidates=each.candidates(frames) / len(frames) if isinstance(each, OurDetector) else None,
                agreement=agreement(_one_by_one(each, frames), expected) if compared else None,
                flops=self._flops if each in same else None,
            )
        return facts

    def _case(self, lineup: Lineup, load: str, batch: int, facts: dict[str, _Facts]) -> None:
        contestants, feed = lineup.all(), Feed(self._frames, batch)
        title = f"{lineup.place}, {load}, batch {batch}"
        times = run_rounds(
            contestants,
            feed,
            self._request.plan,
            on_round=lambda done, total: self._on_progress(title, done, total),
            stop=self._stop,
        )
        self._baseline = self._baseline or contestants[0].name
        for contestant, rounds in zip(contestants, times, strict=True):
            known = facts[contestant.name]
            result = CaseResult(
                name=contestant.name,
                place=lineup.place,
                device=contestant.device,
                precision=contestant.precision,
                engine=contestant.engine if isinstance(contestant, OurDetector) else "",
                load=load,
                batch=batch,
                rounds=tuple(tuple(each) for each in rounds),
                ratio_to_baseline=times_faster(times[0], rounds),
                stages_ms=_stages(contestant, feed, statistics.median(flat(rounds))),
                candidates=known.candidates,
                memory_mib=known.memory_mib,
                peak_share=None,
                agreement=known.agreement,
            )
            self._results.append((result, known.flops))

    def run_export(self, entry: ModelEntry, place: str, cache_dir: Path, folder: Path) -> None:
        """Measures an export of the source in the first number format."""
        request = self._request
        assert request.source is not None
        assert request.export_s is not None
        how = Opening(request.precisions[:1], (), cache_dir, for_batches=True)
        precision = formats(how.precisions)[0]
        self._export = ExportBench(
            request.source,
            request.export_s,
            ModelSettings(str(entry.path), place, precision),
            lambda: open_exactly(entry, place, precision, how),
            folder,
            lambda step: self._on_progress(f"export: {step}", 0, 0),
            self._stop,
        ).run()

    def _with_share(self, result: CaseResult, flops: float | None) -> CaseResult:
        peak = self._peaks[result.place].get(result.precision)
        return replace(result, peak_share=flops * result.frames_per_s / peak if flops is not None and peak else None)

    def report(self, machine: Machine, is_random: bool) -> BenchReport:
        """Returns all results so far, and records the speeds of the model's own weights."""
        results = tuple(self._with_share(*each) for each in self._results)
        model = self._request.entry.path
        unkept = record_speeds(results, model, paths.speeds_file()) if model is not None and not is_random else ""
        height, width = self._frames[0].shape[:2]
        source = "drawn" if self._request.source is None else f"of {self._request.source.name}"
        return BenchReport(
            model=self._request.entry.name,
            weights="random" if is_random else "its own",
            frames=f"{len(self._frames)} frames {source}, {width} x {height}",
            score_floor=self._request.entry.spec.postprocess.score_floor,
            machine=machine,
            baseline=self._baseline,
            reference=self._reference,
            peaks_gflops={
                place: {name: round(peak / 1e9, 1) for name, peak in peaks.items()}
                for place, peaks in self._peaks.items()
            },
            gflop=None if self._flops is None else round(self._flops / 1e9, 3),
            results=results,
            skipped=tuple(self._skipped),
            notes=tuple(note for note in (machine.warning(), *untested_notes(self._peaks), unkept) if note),
            export=self._export,
        )


def untested_notes(where: Iterable[str]) -> list[str]:
    """Returns a line for each of these devices whose engine was never tried on one."""
    from detector.runtime.devices import UNTESTED

    return [
        f"{UNTESTED[place]} GPUs are untested: judge their figures with care." for place in where if place in UNTESTED
    ]


def _one_by_one(contestant: Contestant, frames: Sequence[ImageBGR]) -> list[Detections]:
    return [contestant.run([frame])[0] for frame in frames]


def _stages(contestant: Contestant, feed: Feed, usual_ms: float) -> dict[str, float]:
    """Returns median stage times from extra runs, since timing stages would disturb the timing of the whole."""
    low, high = _STAGE_RUNS
    count = max(low, min(high, int(_STAGE_MS / usual_ms)))
    contestant.run(feed(0))
    runs = [contestant.stages(feed(index)) for index in range(1, count + 1)]
    return {stage: statistics.median(run[stage] for run in runs) for stage in runs[0]}
