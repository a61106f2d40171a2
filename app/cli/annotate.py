"""``ssd-viewer annotate``: videos to annotated videos and data. Main thread; the work runs on the export's threads."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.cli.annotate_requests import add_target_flags, check_targets_asked, request_for
from app.cli.annotate_words import Bar, tell
from app.cli.console import Console
from app.cli.interrupt import cancel_on_interrupt
from app.cli.options import add_detection_flags, add_result_flags, detection_settings, find_model, say_if_demo
from app.core.errors import ExplainedError

if TYPE_CHECKING:
    from app.core.export.request import ExportReport, ExportRequest


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = (
        "Paint what is found into a copy of the video; sound and timing stay. "
        "The copy is NAME.annotated.mp4 beside the video, numbered where that exists; "
        "a file named with -o or --data is replaced when the work is done."
    )
    add_target_flags(parser)
    add_detection_flags(parser)
    add_result_flags(parser)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """Annotate each video; one that fails is reported, and the rest goes on."""
    check_targets_asked(options)
    model, detection = detection_settings(options)
    say_if_demo(find_model(model, detection), console)
    console.check_json_apart(options.videos)
    reports: list[dict[str, Any]] = []
    last: ExportReport | None = None
    for video in options.videos:
        try:
            last = _export(request_for(options, video, model, detection), console)
        except ExplainedError as error:
            named = len(options.videos) == 1 or video.name in error.message
            console.error(str(error) if named else f"{video.name}: {error}")
            reports.append({"path": str(video), "error": error.message})
        else:
            reports.append(last.as_dict())
            tell(console, last)
    console.give(
        {
            "model": model.name if last is None else last.model,
            "device": None if last is None else last.device,
            "precision": None if last is None else last.precision,
            "videos": reports,
        }
    )
    return 1 if any("error" in report for report in reports) else 0


def _export(request: ExportRequest, console: Console) -> ExportReport:
    from app.core.export.job import ExportJob
    from app.core.export.request import ExportCancelledError

    with Bar(request.source.name, console.shows_progress) as bar:
        job = ExportJob(request, bar.show)
        with cancel_on_interrupt(job.cancel):
            try:
                return job.run()
            except ExportCancelledError:
                raise KeyboardInterrupt from None
