"""How ``annotate`` shows what it does: a bar on a terminal, and lines at the end. Main thread."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from app.cli.console import Console
from app.core.counts import found_in_all

if TYPE_CHECKING:
    from app.core.export.request import ExportProgress, ExportReport, ExportRequest


class ExportBar:
    """A progress bar on stderr.

    Args:
        name: Name of the video.
        shown: Whether anybody looks.
        line: How many bars are above it.
    """

    def __init__(self, name: str, shown: bool, line: int = 0) -> None:
        from tqdm import tqdm

        options = {"unit": "frame", "dynamic_ncols": True, "leave": False}
        self._bar = tqdm(desc=name, file=sys.stderr, disable=not shown, position=line, **options)

    def show(self, progress: ExportProgress) -> None:
        """Take over the newest state."""
        if self._bar.disable:
            return
        paused = progress.stage == "paused"
        self._bar.set_postfix_str("paused" if paused else "", refresh=paused)
        self._bar.total = progress.frames_total
        self._bar.update(progress.frames_done - self._bar.n)

    def close(self) -> None:
        """Take it off the screen."""
        self._bar.close()


@contextmanager
def between_bars() -> Iterator[None]:
    """Lines written inside go above the bars."""
    from tqdm import tqdm

    with tqdm.external_write_mode():
        yield


def tell(console: Console, report: ExportReport, threshold: float, all_of_it: bool = True) -> None:
    """Prints what an export did, and at which threshold; or what is to be known of it alone."""
    if all_of_it:
        _tell_results(console, report, threshold)
    for note in report.notes:
        console.note(note if note.startswith(report.source.name) else f"{report.source.name}: {note}")


def _tell_results(console: Console, report: ExportReport, threshold: float) -> None:
    from app.core.files.disk import size_text

    rate = report.frames / report.seconds if report.seconds > 0 else 0.0
    console.say(
        f"{report.source.name}: {report.frames} frames in {report.seconds:.1f} s ({rate:.1f} per second); "
        f"{_found(report)}; {report.model} on {report.device}, {report.precision}, threshold {threshold:.2f}"
    )
    for path in (report.output, *report.data, *report.folders):
        if path is not None:
            console.say(f"  {path}" + (f" ({report.encoder})" if path == report.output else ""))
    if report.cache is not None:
        console.say(f"  {report.cache} ({size_text(report.cache_bytes)} of detections kept, for --from-cache)")


def _found(report: ExportReport) -> str:
    by_class = ", ".join(f"{name} {count}" for name, count in report.counts.items())
    return report.found if report.objects is not None or not by_class else f"{report.found} ({by_class})"


def all_found(reports: Sequence[Mapping[str, Any]]) -> str:
    """Says what several exports found, of which each is given as ``ExportReport.as_dict``."""
    return found_in_all(
        (int(report.get("detections") or 0), int(report.get("frames") or 0), report.get("objects"))
        for report in reports
    )


def common_threshold(requests: Sequence[ExportRequest]) -> float | None:
    """Returns the threshold that all of them share; None for several, as with several models' kept detections."""
    values = {request.detection.threshold for request in requests}
    return values.pop() if len(values) == 1 else None
