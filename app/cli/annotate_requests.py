"""The requests of ``annotate``: one ``ExportRequest`` for each video. Pure but for looking at names."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.annotate_cache import cache_policy, resumes, with_cached_threshold
from app.cli.annotate_highlights import (
    add_highlight_flags,
    check_highlights_asked,
    highlight_options,
    wants_highlights,
)
from app.cli.annotate_key_frames import detect_every
from app.cli.annotate_video import add_video_flags, video_options
from app.cli.console import UsageError
from app.core.errors import AppError
from app.core.settings import DetectionSettings, ModelSettings

if TYPE_CHECKING:
    from app.core.events.scene import IgnoreMask
    from app.core.export.request import DataFile, ExportRequest
    from app.core.export_queue.video_search import FoundVideo


def add_target_flags(parser: argparse.ArgumentParser) -> None:
    """The videos, and the files to make of each."""
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO|FOLDER", help="a folder: all videos below it")
    parser.add_argument("-o", "--output", metavar="FILE|DIR", help="the annotated video, or the folder for several")
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="FILE",
        help="write the detections: .jsonl, .csv, .json (COCO), .txt (MOTChallenge), .srt, or a folder .voc, .yolo; "
        "just the ending (.csv) names it like the video; repeatable",
    )
    parser.add_argument("--data-format", metavar="NAME", help="of --data: jsonl, csv, coco, voc, yolo, mot, srt")
    parser.add_argument("--no-video", action="store_true", help="data files only")
    parser.add_argument(
        "--masks",
        type=Path,
        metavar="FILE.json",
        help="find nothing in the masks of this file of zones (docs/events.md)",
    )
    add_highlight_flags(parser)
    add_video_flags(parser)


def check_targets_asked(options: argparse.Namespace) -> None:
    """Refuse what can be seen to be wrong before any work.

    Raises:
        UsageError: With the reason.
    """
    from app.core.export.targets import VIDEO_SUFFIXES
    from app.core.records.formats import format_of

    video_options(options)
    cache_policy(options)
    if options.no_video and not options.data and not wants_highlights(options):
        raise UsageError("--no-video leaves nothing to write.", "Add --data FILE.")
    try:
        for name in options.data:
            format_of(Path(name), options.data_format)
    except AppError as error:
        raise UsageError(error.message, error.hint, *error.remedies) from error
    check_highlights_asked(options)
    if len(options.videos) > 1:
        if options.output is not None and not _is_folder(options.output):
            raise UsageError("With several videos -o must be a folder.", "End it with a slash, or leave it out.")
        if any(not _is_ending(name) for name in options.data):
            raise UsageError("With several videos --data must be an ending.", "Write --data .jsonl or --data .csv.")
    elif options.output is not None and not _is_folder(options.output) and not options.no_video:
        suffix = Path(options.output).suffix
        if suffix.lower() not in VIDEO_SUFFIXES:
            raise UsageError(
                f"Annotated videos are MP4, MKV or WebM files, not {suffix}.",
                "Choose a name that ends in .mp4, .mkv or .webm.",
            )


def request_for(
    options: argparse.Namespace,
    found: FoundVideo,
    model: ModelSettings,
    detection: DetectionSettings,
    plain: bool = False,
) -> ExportRequest:
    """Returns the request for one of the videos. A folder to write to gets folders as those that were searched.

    Args:
        options: All that was typed.
        found: The video.
        model: The detector.
        detection: Which of its results.
        plain: A name that is taken is not numbered.
    """
    from app.core.export.request import DataFile, ExportRequest
    from app.core.export.targets import default_output, plain_output
    from app.core.records.formats import format_of

    output = _output(options.output, found, plain_output if plain else default_output)
    data: list[DataFile] = []
    for name in options.data:
        path = output.with_name(output.stem + name) if _is_ending(name) else Path(name)
        data.append(DataFile(path, format_of(path, options.data_format)))
    request = ExportRequest(
        found.path,
        None if options.no_video else output,
        tuple(data),
        model,
        detection,
        video=video_options(options),
        cache=cache_policy(options),
        highlights=highlight_options(options, output),
        resume=resumes(options),
        detect_every=detect_every(options),
        masks=masks(options),
    )
    return with_cached_threshold(request, options) if request.cache == "only" else request


def masks(options: argparse.Namespace) -> tuple[IgnoreMask, ...]:
    """Returns the masks of the file that was named.

    Raises:
        AppError: It cannot be read, or has no mask.
    """
    if options.masks is None:
        return ()
    from app.core.events.scene import read_scene

    found = read_scene(options.masks).masks
    if not found:
        raise AppError(f"{options.masks.name} has no masks.", 'Add some under "masks", or leave --masks out.')
    return found


def _output(asked: str | None, found: FoundVideo, default: Callable[..., Path]) -> Path:
    if asked is None:
        return default(found.path)
    return default(found.path, Path(asked) / found.folder) if _is_folder(asked) else Path(asked)


def _is_folder(output: str) -> bool:
    return output.endswith(("/", "\\")) or Path(output).is_dir() or not Path(output).suffix


def _is_ending(name: str) -> bool:
    return name.startswith(".") and "/" not in name and not Path(name).suffix
