"""``ssd-viewer annotate``: videos to annotated videos and data. Main thread; the work runs on the export's threads."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.addresses import check_files
from app.cli.annotate_cache import add_cache_flags, chosen_model
from app.cli.annotate_key_frames import add_key_frame_flag
from app.cli.annotate_queue import export_all
from app.cli.annotate_ray import add_ray_flags, check_ray_flags, run_tasks
from app.cli.annotate_requests import add_target_flags, check_targets_asked, request_for
from app.cli.batch_results import find_named, give_results
from app.cli.console import Console
from app.cli.options import add_detection_flags, add_jobs_flag, add_result_flags
from app.core.settings import DetectionSettings, ModelSettings

if TYPE_CHECKING:
    from app.core.export.history import FinishedExport
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
    add_jobs_flag(parser)
    add_cache_flags(parser)
    add_key_frame_flag(parser)
    add_ray_flags(parser)
    add_detection_flags(parser)
    add_result_flags(parser)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """Annotate each video; one that fails is reported, and the rest goes on."""
    check_files(options.videos, "annotate")
    check_ray_flags(options)
    found, troubles = find_named(options.videos, console)
    options.videos = [video.path for video in found]
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
    return give_results(results, model.name, troubles, console)


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
