"""``ssd-viewer annotate``: videos to annotated videos and data. Main thread; the work runs on the export's threads."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.addresses import check_files
from app.cli.annotate_cache import add_cache_flags, chosen_model
from app.cli.annotate_queue import export_all
from app.cli.annotate_ray import add_ray_flags, check_ray_flags, run_tasks
from app.cli.annotate_requests import add_target_flags, check_targets_asked, request_for
from app.cli.annotate_text import all_found, common_threshold
from app.cli.console import Console
from app.cli.options import add_detection_flags, add_result_flags, positive
from app.core.errors import AppError
from app.core.settings import DetectionSettings, ModelSettings

if TYPE_CHECKING:
    from app.core.export.history import FinishedExport
    from app.core.export.request import ExportReport
    from app.core.export_queue.state import QueueItem
    from app.core.export_queue.video_search import FoundVideo


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = (
        "Paint what is found into a copy of the video; sound and timing stay. "
        "The copy is NAME.annotated.mp4 beside the video, numbered where that exists; "
        "a file named with -o or --data is replaced when the work is done. What the model finds is kept in "
        "VIDEO.ssdv beside the copy: an interrupted run goes on from there, and --from-cache renders from it."
    )
    add_target_flags(parser)
    parser.add_argument(
        "--jobs",
        type=positive("--jobs"),
        default=1,
        metavar="N",
        help="videos at the same time (default: 1; on a CPU they share its cores, and more is seldom faster)",
    )
    add_cache_flags(parser)
    add_ray_flags(parser)
    add_detection_flags(parser)
    add_result_flags(parser)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """Annotate each video; one that fails is reported, and the rest goes on."""
    check_files(options.videos, "annotate")
    check_ray_flags(options)
    found, troubles = _find(options, console)
    check_targets_asked(options)
    model, detection = chosen_model(options, console)
    console.check_json_apart(options.videos)
    for trouble in troubles:
        console.error(trouble)
    if options.ray is not None:
        asked = [request_for(options, video, model, detection, plain=True) for video in found]
        return max(run_tasks(options, asked, console), 1 if troubles else 0)
    before = _made_before(options, found, model, detection, console) if options.resume else {}
    left = [video for video in found if video.path not in before]
    requests = [request_for(options, video, model, detection) for video in left]
    console.check_json_apart((), (path for request in requests for path in request.targets()))
    items = export_all(requests, options.jobs, console)
    new = dict(zip((video.path for video in left), items, strict=True))
    results = [before.get(video.path) or new[video.path] for video in found]
    if len(results) > 1:
        _sum_up(results, console)
    by = next((by for result in reversed(results) if (by := _by(result)) is not None), None)
    console.give(
        {
            "model": model.name if by is None else by.model,
            "device": None if by is None else by.device,
            "precision": None if by is None else by.precision,
            "threshold": common_threshold([result.request for result in results]),
            "videos": [_plain(result) for result in results],
            **({"problems": list(troubles)} if troubles else {}),
        }
    )
    return 1 if troubles or any(item.report is None for item in items) else 0


def _find(options: argparse.Namespace, console: Console) -> tuple[tuple[FoundVideo, ...], tuple[str, ...]]:
    """The videos meant; ``options.videos`` names them from here on.

    Raises:
        AppError: There are none.
    """
    from app.core.export_queue.video_search import find_videos

    named = list(options.videos)
    found = find_videos(named)
    if not found.videos:
        raise AppError(found.troubles[0] if found.troubles else f"There is no video in {named[0]}.")
    options.videos = [video.path for video in found.videos]
    if len(found.videos) > len(named):
        console.say(f"{len(found.videos)} videos")
    return found.videos, found.troubles


def _made_before(
    options: argparse.Namespace,
    found: tuple[FoundVideo, ...],
    model: ModelSettings,
    detection: DetectionSettings,
    console: Console,
) -> dict[Path, FinishedExport]:
    """The videos whose files are there already; they are named."""
    from app.core.export.history import find_finished

    before = {}
    for video in found:
        made = find_finished(request_for(options, video, model, detection, plain=True))
        if made is not None:
            console.say(f"{video.path.name}: done already")
            before[video.path] = made
    return before


def _sum_up(results: Sequence[QueueItem | FinishedExport], console: Console) -> None:
    done = [report for result in results if (report := _plain(result)) and "error" not in report]
    before, failed = sum("done_before" in report for report in done), len(results) - len(done)
    words = [f"{len(done)} of {len(results)} videos done"]
    words += [f"{before} of them before"] if before else []
    words += [f"{failed} failed"] if failed else []
    console.say(f"{', '.join(words)}: {all_found(done)}")


def _by(result: QueueItem | FinishedExport) -> FinishedExport | ExportReport | None:
    """What knows the model; None where nothing does."""
    from app.core.export.history import FinishedExport

    if isinstance(result, FinishedExport):
        return result if result.model else None
    return result.report


def _plain(result: QueueItem | FinishedExport) -> dict[str, Any]:
    from app.core.export.history import FinishedExport

    if isinstance(result, FinishedExport):
        return result.as_dict()
    if result.report is not None:
        return result.report.as_dict()
    return {"path": str(result.request.source), "error": result.message}
