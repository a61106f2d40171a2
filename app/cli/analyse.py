"""``ssd-viewer analyse``: what an export finds, kept without writing a video. Main thread; the work runs on its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.addresses import check_files
from app.cli.annotate_key_frames import add_key_frame_flag, detect_every
from app.cli.annotate_queue import export_all
from app.cli.annotate_ray import add_ray_flags, check_ray_flags, run_tasks
from app.cli.annotate_video import add_reading_flags, images_per_s
from app.cli.batch_results import find_named, give_results
from app.cli.console import Console
from app.cli.options import (
    add_jobs_flag,
    add_model_flags,
    add_result_flags,
    detection_settings,
    find_model,
    fraction,
    say_if_demo,
    with_own_limits,
)
from app.core.settings import DetectionSettings, ModelSettings

if TYPE_CHECKING:
    from app.core.export.history import FinishedExport
    from app.core.export.request import ExportRequest
    from app.core.export_queue.state import QueueItem


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = (
        "Run the model on every frame of the videos, and keep what it finds in VIDEO.ssdv beside each: then events, "
        "annotate --from-cache and the window's timeline need no model. An interrupted run goes on from where it was."
    )
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO|FOLDER", help="a folder: all videos below it")
    add_analysis_flags(parser)
    add_ray_flags(parser)
    parser.add_argument(
        "--threshold",
        type=fraction("the threshold"),
        metavar="0..1",
        help="least score that is counted; all above 0.05 are kept, or above this if it is lower",
    )
    add_result_flags(parser)
    parser.set_defaults(iou=None, classes=None)
    return run


def add_analysis_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that say how videos are analysed."""
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="where detections are kept (default: beside each video)"
    )
    add_jobs_flag(parser)
    add_key_frame_flag(parser)
    add_reading_flags(parser)
    add_model_flags(parser, ModelSettings().name)


def run(options: argparse.Namespace, console: Console) -> int:
    """Analyse each video; one that fails is reported, and the rest goes on."""
    check_files(options.videos, "analyse")
    check_ray_flags(options)
    found, troubles = find_named(options.videos, console)
    videos = [video.path for video in found]
    model, detection = chosen_model(options, console)
    console.check_json_apart(videos)
    for trouble in troubles:
        console.error(trouble)
    requests = [request_for(options, video, model, detection) for video in videos]
    if options.ray is not None:
        return max(run_tasks(options, requests, console), 1 if troubles else 0)
    results = analyse_all(requests, options.jobs, console)
    return give_results(results, model.name, troubles, console)


def chosen_model(options: argparse.Namespace, console: Console) -> tuple[ModelSettings, DetectionSettings]:
    """Returns the model asked for and how its results are read.

    Raises:
        UsageError: There is no such model, device or class.
        DetectorError: Its weights are not here, or they are broken.
    """
    model, detection = detection_settings(options)
    entry = find_model(model, detection)
    say_if_demo(entry, console)
    return model, with_own_limits(detection, options, entry.spec.threshold, entry.spec.postprocess.iou_threshold)


def request_for(
    options: argparse.Namespace, video: Path, model: ModelSettings, detection: DetectionSettings
) -> ExportRequest:
    """Returns what is to be done with a video.

    Raises:
        UsageError: The pace of images is none.
    """
    from app.core.export.analysis import analysis_of
    from app.core.muxing.video_options import VideoOptions

    reading = VideoOptions(deinterlace=options.deinterlace, images_per_s=images_per_s(options))
    return analysis_of(video, options.output, model, detection, reading, detect_every(options))


def analyse_all(
    requests: Sequence[ExportRequest], jobs: int, console: Console
) -> tuple[QueueItem | FinishedExport, ...]:
    """Analyses what was not analysed before; what fails is said, and the rest goes on.

    Returns:
        How each ended, in the order asked for.

    Raises:
        KeyboardInterrupt: Ctrl-C; the same goes on from there.
    """
    before = [_made_before(request) for request in requests]
    for made in before:
        if made is not None:
            console.say(f"{made.request.source.name}: analysed already")
    left = [request for request, made in zip(requests, before, strict=True) if made is None]
    items = iter(export_all(left, jobs, console) if left else ())
    return tuple(next(items) if made is None else made for made in before)


def _made_before(request: ExportRequest) -> FinishedExport | None:
    """Returns the earlier analysis that has all that ``request`` would find; None for none."""
    from app.core.candidate_cache.store import CandidateStore
    from app.core.export.analysis import analysed_before, saw_enough
    from app.core.export.history import FinishedExport

    kept = analysed_before(request)
    if kept is None or not saw_enough(kept.facts, request):
        return None
    with CandidateStore.open(kept.path) as store:
        frames = store.frames
    about = {"frames": frames, "frames_known": frames, "cache": str(kept.path), "cache_bytes": kept.path.stat().st_size}
    return FinishedExport(request, about, kept.facts.model, kept.facts.device, kept.facts.precision)
