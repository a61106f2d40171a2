"""``ssd-viewer annotate``: videos to annotated videos and data. Main thread; the work runs on the export's threads."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.cli.annotate_kept import add_kept_flags, chosen_model
from app.cli.annotate_queue import export_all
from app.cli.annotate_ray import add_ray_flags, check_ray_flags, run_tasks
from app.cli.annotate_requests import add_target_flags, check_targets_asked, request_for
from app.cli.console import Console
from app.cli.options import add_detection_flags, add_result_flags, positive
from app.core.errors import AppError
from app.core.settings import DetectionSettings, ModelSettings

if TYPE_CHECKING:
    from app.core.export.queue_state import QueueItem
    from app.core.export.search import FoundVideo


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
    add_kept_flags(parser)
    add_ray_flags(parser)
    add_detection_flags(parser)
    add_result_flags(parser)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """Annotate each video; one that fails is reported, and the rest goes on."""
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
    if options.resume:
        found = _not_made_yet(options, found, model, detection, console)
    requests = (request_for(options, video, model, detection) for video in found)
    items = export_all(requests, options.jobs, console)
    if len(items) > 1:
        _sum_up(items, console)
    last = next((item.report for item in reversed(items) if item.report is not None), None)
    console.give(
        {
            "model": model.name if last is None else last.model,
            "device": None if last is None else last.device,
            "precision": None if last is None else last.precision,
            "videos": [_plain(item) for item in items],
            **({"problems": list(troubles)} if troubles else {}),
        }
    )
    return 1 if troubles or any(item.report is None for item in items) else 0


def _find(options: argparse.Namespace, console: Console) -> tuple[tuple[FoundVideo, ...], tuple[str, ...]]:
    """The videos meant; ``options.videos`` names them from here on.

    Raises:
        AppError: There are none.
    """
    from app.core.export.search import find_videos

    named = list(options.videos)
    found = find_videos(named)
    if not found.videos:
        raise AppError(found.troubles[0] if found.troubles else f"There is no video in {named[0]}.")
    options.videos = [video.path for video in found.videos]
    if len(found.videos) > len(named):
        console.say(f"{len(found.videos)} videos")
    return found.videos, found.troubles


def _not_made_yet(
    options: argparse.Namespace,
    found: tuple[FoundVideo, ...],
    model: ModelSettings,
    detection: DetectionSettings,
    console: Console,
) -> tuple[FoundVideo, ...]:
    """The videos whose files are not there yet; the others are named."""
    from app.core.export.made import was_made

    left = []
    for video in found:
        if was_made(request_for(options, video, model, detection, plain=True)):
            console.say(f"{video.path.name}: done already")
        else:
            left.append(video)
    return tuple(left)


def _sum_up(items: tuple[QueueItem, ...], console: Console) -> None:
    done = [item.report for item in items if item.report is not None]
    failed = len(items) - len(done)
    console.say(
        f"{len(done)} of {len(items)} videos done{f', {failed} failed' if failed else ''}: "
        f"{sum(report.frames for report in done)} frames, {sum(report.detections for report in done)} objects"
    )


def _plain(item: QueueItem) -> dict[str, Any]:
    if item.report is not None:
        return item.report.as_dict()
    return {"path": str(item.request.source), "error": item.message}
