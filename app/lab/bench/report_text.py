"""A benchmark as tables of text, for the terminal and the page. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.lab.bench.bench_report import CaseResult, ExportSpeed

HEADS = (
    "contestant", "load", "batch", "frames/s", "p50 ms", "p95 ms", "x baseline", "of peak", "MiB", "candidates",
    "agrees",
)  # fmt: skip

_STEPS = {
    "decode": "decode",
    "detect": "detect",
    "paint": "paint",
    "encode": "encode, sound included",
    "write": "paint and encode",
}
_LAST = ("postprocess", "copy")  # baselines have stages of their own before these


def figures(result: CaseResult) -> tuple[str, ...]:
    """Returns one row under ``HEADS``."""
    return (
        result.name,
        result.load,
        str(result.batch),
        f"{result.frames_per_s:,.1f}",
        f"{result.p50_ms:.2f}",
        f"{result.p95_ms:.2f}",
        f"{result.ratio_to_baseline:.2f}",
        _or_dash(result.peak_share, ".0%"),
        _or_dash(result.memory_mib, ",.0f"),
        _or_dash(result.candidates, ",.0f"),
        _or_dash(result.agreement, ".1%"),
    )


def stage_rows(case: Sequence[CaseResult]) -> list[tuple[str, ...]]:
    """Returns a header, then stage times (ms) of each contestant that reports them, in order of execution."""
    met = dict.fromkeys(stage for each in case for stage in each.stages_ms)
    stages = [stage for stage in met if stage not in _LAST] + [stage for stage in _LAST if stage in met]
    rows = [("stage, ms", *stages)]
    for each in case:
        if each.stages_ms:
            texts = (f"{each.stages_ms[stage]:.2f}" if stage in each.stages_ms else "-" for stage in stages)
            rows.append((each.name, *texts))
    return rows


def export_rows(speed: ExportSpeed) -> list[tuple[str, ...]]:
    """Returns a header, then frames per second and processor time of an export's steps alone and of the whole."""
    rows = [("alone", "frames/s", "CPU ms")]
    rows += [(_STEPS[step], f"{rate:,.1f}", f"{speed.cpu_ms[step]:,.2f}") for step, rate in speed.steps.items()]
    return [*rows, ("all at once: the export", f"{speed.whole:,.1f}", f"{speed.cpu_ms['whole']:,.2f}")]


def export_text(speed: ExportSpeed) -> str:
    """Describes the export in one line."""
    return (
        f"Export of {speed.frames} frames, {speed.width} x {speed.height}, {speed.video_s:.0f} s of video, "
        f"{speed.objects:.1f} objects in each; {speed.model} on {speed.device} in {speed.precision}, {speed.encoder}. "
        f"It reaches {speed.share:.0%} of its slowest step alone, {speed.possible_share:.0%} of what these processors "
        f"can do at all, and takes {speed.frames / speed.whole:,.0f} s."
    )


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
