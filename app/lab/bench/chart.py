"""A benchmark as a chart in PNG or SVG, or as one HTML page with everything. Any thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from app.core.charts import Axis, Bar, BarChart, Drawing, in_grid, layout, png_bytes, svg_element, svg_file
from app.core.charts.svg import escaped
from app.core.files.atomic_file import write_atomically
from app.core.html_page import cards, cell, facts, notes, page, table
from app.lab.bench.bench_report import BenchReport, CaseResult
from app.lab.bench.report_text import HEADS, export_rows, export_text, figures, stage_rows

FORMATS = (".html", ".png", ".svg")

_COLUMNS = 2
_OURS, _THEIRS = 0, 4  # colours


def write_chart(report: BenchReport, path: Path) -> None:
    """Writes ``report`` to ``path`` in the format of its suffix, one of ``FORMATS``.

    Raises:
        AppError: The file cannot be written; nothing is left half-written.
    """
    suffix = path.suffix.lower()
    if suffix == ".html":
        content = _page(report).encode("utf-8", "backslashreplace")
    else:
        drawing = in_grid(_drawings(report), _COLUMNS)
        content = png_bytes(drawing) if suffix == ".png" else svg_file(drawing).encode()
    write_atomically(path, content)


def speed_chart(results: Sequence[CaseResult]) -> BarChart:
    """Returns a chart of the frames per second of one case's contestants."""
    first = results[0]
    bars = tuple(
        Bar(
            each.name,
            each.frames_per_s,
            f"{each.frames_per_s:,.1f}  ({each.ratio_to_baseline:.2f}x)",
            colour=_OURS if each.engine else _THEIRS,
        )
        for each in results
    )
    note = f"{first.load}, batch {first.batch}"
    return BarChart(f"Frames a second on {first.place}", bars, Axis("", 0.0), note)


def _drawings(report: BenchReport) -> list[Drawing]:
    return [layout(speed_chart(case)) for case in cases(report)]


def cases(report: BenchReport) -> Iterator[list[CaseResult]]:
    """Groups the results that were measured in the same rounds."""
    for _, group in groupby(report.results, key=lambda each: (each.place, each.load, each.batch)):
        yield list(group)


def _page(report: BenchReport) -> str:
    ours = [each for each in report.results if each.engine]
    best = max(ours, key=lambda each: each.frames_per_s)
    body = [
        f"<h1>Speed of {escaped(report.model)}</h1>",
        '<p class="sub">From a decoded frame in memory to detections in memory. Medians; ratios are of the '
        "same rounds.</p>",
        cards(
            (
                (f"{best.frames_per_s:,.1f}", f"frames a second: {best.name}, batch {best.batch}"),
                (f"{best.p50_ms:.2f} ms", f"its median; 95 % within {best.p95_ms:.2f} ms"),
                (f"{best.ratio_to_baseline:.2f}x", f"as fast as {report.baseline}"),
            )
        ),
        notes([*report.notes, *(f"{each.name}: {each.reason}" for each in report.skipped)]),
        '<div class="charts">',
        *(svg_element(drawing) for drawing in _drawings(report)),
        "</div>",
        "<h2>Figures</h2>",
        table(HEADS, ([cell(text) for text in figures(each)] for each in report.results), "facts"),
        "<h2>Stages</h2>",
        "<p>Milliseconds of one run, measured in runs of their own.</p>",
        *_stage_tables(report),
        *_export_table(report),
        "<h2>Where</h2>",
        facts(
            (
                ("Computer", report.machine.text()),
                ("Frames", report.frames),
                ("Candidates", f"above a score of {report.score_floor:g}"),
                ("Weights", report.weights),
                ("Network", f"{report.gflop:,.2f} GFLOP a frame" if report.gflop is not None else ""),
                *((f"Peak of {place}", _peaks(peaks)) for place, peaks in report.peaks_gflops.items()),
            )
        ),
    ]
    return page(f"Speed of {report.model}", body)


def _stage_tables(report: BenchReport) -> Iterator[str]:
    for case in cases(report):
        rows = stage_rows(case)
        if len(rows) > 1:
            yield f"<h3>{escaped(case[0].place)}, {escaped(case[0].load)}, batch {case[0].batch}</h3>"
            yield table(rows[0], ([cell(text) for text in row] for row in rows[1:]), "facts")


def _export_table(report: BenchReport) -> Iterator[str]:
    if report.export is not None:
        head, *rows = export_rows(report.export)
        yield f"<h2>Export</h2><p>{escaped(export_text(report.export))}</p>"
        yield table(head, ([cell(text) for text in row] for row in rows), "facts")


def _peaks(peaks: dict[str, float]) -> str:
    return ", ".join(f"{name} {peak:,.0f} GFLOP/s" for name, peak in peaks.items())
