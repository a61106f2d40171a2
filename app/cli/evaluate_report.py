"""The files that ``ssd-viewer evaluate`` writes for people: ``--report``, ``--plots``. Main thread."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.console import Console, UsageError
from app.cli.options import fraction
from app.core.thresholds import COMMON

if TYPE_CHECKING:
    from detector.evaluation.results import Evaluation


def add_report_flags(parser: argparse.ArgumentParser) -> None:
    """``--report --plots --plot-format --shown``."""
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="write one self-contained page: numbers, curves, and the worst mistakes on their images",
    )
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write the precision-recall curves as images")
    parser.add_argument("--plot-format", choices=("png", "svg"), help="format of the images (default: png)")
    parser.add_argument(
        "--shown",
        type=fraction("the score"),
        metavar="0..1",
        help=f"score from which a detection counts as shown (default: the model's own, else {COMMON})",
    )


def written_reports(options: argparse.Namespace) -> list[Path]:
    """Files that will be written, checked as far as can be before any work.

    Raises:
        UsageError: With the reason.
    """
    if options.plot_format and options.plots is None:
        raise UsageError("--plot-format has no effect without --plots.", "Name a folder with --plots.")
    if options.report is not None and not options.report.parent.is_dir():
        raise UsageError(f"The folder {options.report.parent} does not exist.", "Create it, or choose another.")
    if options.plots is not None and options.plots.exists() and not options.plots.is_dir():
        raise UsageError(f"--plots wants a folder, and {options.plots} is a file.")
    return [options.report] if options.report is not None else []


def write_reports(options: argparse.Namespace, evaluation: Evaluation, shown: float, console: Console) -> None:
    """Write what was asked for, with the threshold ``shown`` marked, and say where it is.

    Raises:
        AppError: A file cannot be written.
    """
    if options.report is not None:
        from app.lab.evaluation.report import write_report

        write_report(evaluation, options.report, threshold=shown)
        console.say(f"Report: {options.report}")
    if options.plots is not None:
        from app.lab.evaluation.plots import write_plots

        paths = write_plots(evaluation, options.plots, options.plot_format or "png", shown)
        console.say(f"Plots: {len(paths)} files in {options.plots}")
