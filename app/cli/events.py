"""``ssd-viewer events``: questions about what happens in videos, answered from what an analysis kept. Main thread."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.addresses import check_files
from app.cli.analyse import add_analysis_flags, chosen_model, request_for
from app.cli.annotate_queue import export_all
from app.cli.batch_results import find_named
from app.cli.console import Console, UsageError
from app.cli.events_text import tell_answer
from app.cli.options import add_result_flags, fraction, names
from app.cli.times import seconds
from app.cli.zones import add_zones_flag, check_named, check_zones_asked, note_edges, scenes_for, zones_file
from app.core.errors import AppError
from app.core.thresholds import threshold_for

if TYPE_CHECKING:
    from app.core.candidate_cache.store_facts import StoreFacts
    from app.core.events.answer import Answer
    from app.core.events.question import Question
    from app.core.events.scene import Scene
    from app.core.export.request import ExportRequest


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = (
        "One line for each object of the videos: what, when, in which zones, across which lines. Answered from what "
        "an analysis kept beside each video; where there is none, the video is analysed first."
    )
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO|FOLDER", help="a folder: all videos below it")
    _add_question(parser)
    _add_files(parser)
    add_analysis_flags(parser)
    parser.add_argument(
        "--threshold", type=fraction("the threshold"), metavar="0..1", help="least score (default: the model's own)"
    )
    parser.add_argument("--iou", type=fraction("the IoU limit"), metavar="0..1", help=argparse.SUPPRESS)
    add_result_flags(parser)
    return run


def _add_question(parser: argparse.ArgumentParser) -> None:
    asked = parser.add_argument_group("which events")
    asked.add_argument("--classes", type=names, metavar="NAME[,NAME]", help="only of these classes (default: all)")
    add_zones_flag(asked, "zones, lines and ignore masks")
    asked.add_argument("--zone", default="", metavar="NAME", help="that stayed in this zone")
    asked.add_argument("--line", default="", metavar="NAME", help="that crossed this line")
    asked.add_argument("--direction", choices=("in", "out"), help="that crossed it from left to right (in), or back")
    asked.add_argument(
        "--min-duration", type=seconds, default=0.0, metavar="S", help="that lasted so long; with --zone in the zone"
    )
    asked.add_argument("--still", type=seconds, default=0.0, metavar="S", help="that stood still for so long")
    asked.add_argument(
        "--from", dest="from_s", type=seconds, default=0.0, metavar="T", help="not before: 90s, 1:30 or 0:01:30"
    )
    asked.add_argument("--to", dest="to_s", type=seconds, default=float("inf"), metavar="T", help="not after")
    asked.add_argument(
        "--min-score", type=fraction("the least score"), default=0.0, metavar="0..1", help="whose best score is so high"
    )


def _add_files(parser: argparse.ArgumentParser) -> None:
    files = parser.add_argument_group("answers as files")
    files.add_argument("--csv", metavar="FILE|-", help="a table; - is stdout")
    files.add_argument("--sqlite", type=Path, metavar="FILE", help="a database; it may hold many videos")
    files.add_argument("--clips", type=Path, metavar="DIR", help="a video of each event, with its sound")
    files.add_argument(
        "--case", type=Path, metavar="DIR", help="all of it in a folder, with report and checksums; see verify"
    )
    files.add_argument("--before", type=seconds, default=2.0, metavar="S", help="seconds a clip begins before (2)")
    files.add_argument("--after", type=seconds, default=2.0, metavar="S", help="seconds a clip goes on after (2)")
    files.add_argument("--snapshots", type=Path, metavar="DIR", help="the best frame of each event, marked and clean")
    files.add_argument("--heatmap", type=Path, metavar="FILE.png", help="where objects were, over the first frame")


def run(options: argparse.Namespace, console: Console) -> int:
    """Answer the question; a video that cannot be analysed is reported, and the rest is answered."""
    check_files(options.videos, "events")
    if options.csv == "-" and options.json == "-":
        raise UsageError("--csv - and --json - cannot both have stdout.", "Name a file for one of them.")
    question = _asked(options)
    model, detection = chosen_model(options, console)
    found, troubles = find_named(options.videos, console, tells=options.csv != "-")
    scenes = _scenes(options, [video.path for video in found], console)
    requests = [request_for(options, video.path, model, detection) for video in found]
    _check_apart(options, requests, console)
    for trouble in troubles:
        console.error(trouble)
    from app.core.events.answer import answer
    from app.core.events.judgements import JudgementStore
    from app.core.paths import judgements_file

    videos = _analysed(requests, options.jobs, console)
    note_edges(scenes.values(), question.line, console.note)
    with _progress(console) as tick:
        given = answer(
            videos,
            _threshold(options),
            detection.iou,
            question,
            scenes.__getitem__,
            tick,
            JudgementStore(judgements_file()).of,
        )
    _give(given, options, console)
    return 1 if troubles or len(videos) < len(requests) else 0


def _asked(options: argparse.Namespace) -> Question:
    from app.core.events.question import Question

    check_zones_asked(options, options.zone, options.line)
    if options.from_s > options.to_s:
        raise UsageError("--from is later than --to.", "Exchange them.")
    limits = (options.min_duration, options.still, options.from_s, options.to_s, options.min_score)
    return Question(options.classes or (), options.zone, options.line, options.direction, *limits)


def _scenes(options: argparse.Namespace, videos: Sequence[Path], console: Console) -> dict[Path, Scene]:
    """Zones, lines and masks of each video; what is asked for is among them."""
    check = partial(check_named, zone=options.zone, line=options.line)
    scenes = scenes_for(options, list(map(str, videos)), console.note, check)
    if options.direction and not any(scene.lines for scene in scenes):
        raise UsageError("--direction is about lines, and none is drawn.", "Name a file with --zones.")
    return dict(zip(videos, scenes, strict=True))


def _check_apart(options: argparse.Namespace, requests: Sequence[ExportRequest], console: Console) -> None:
    """Refuse to write over a video, or two answers into one file.

    Raises:
        AppError: As said.
    """
    from app.core.export.targets import check_apart

    videos = [request.source for request in requests]
    zones = zones_file(options)
    sources = videos if zones is None else [*videos, zones]
    csv = None if options.csv in (None, "-") else Path(options.csv)
    targets = [path for path in (csv, options.sqlite, options.heatmap) if path is not None]
    folders = [path.absolute() for path in (options.clips, options.snapshots, options.case) if path is not None]
    check_apart(targets, sources, folders)
    console.check_json_apart(sources, [*targets, *folders])


def _analysed(requests: Sequence[ExportRequest], jobs: int, console: Console) -> list[tuple[Path, Path]]:
    """Each video with its complete store; those that were never analysed are analysed now."""
    from app.core.export.analysis import analysed_before

    missing = [request for request in requests if analysed_before(request) is None]
    if missing:
        export_all(missing, jobs, console, tells=False)
    kept = [(request.source, store) for request in requests if (store := analysed_before(request)) is not None]
    if not kept:
        raise AppError("None of the videos could be analysed.", "What is wrong with each is said above.")
    return [(source, store.path) for source, store in kept]


@contextlib.contextmanager
def _progress(console: Console) -> Iterator[Callable[[], None]]:
    """A bar of the frames through which objects are followed, where anybody looks."""
    from tqdm import tqdm

    shown = {"unit": "frame", "dynamic_ncols": True, "leave": False, "disable": not console.shows_progress}
    with tqdm(desc="following objects", file=sys.stderr, **shown) as bar:

        def tick() -> None:
            bar.update()

        yield tick


def _threshold(options: argparse.Namespace) -> Callable[[StoreFacts], float]:
    from app.core.models import own_threshold

    return lambda facts: threshold_for(own_threshold(facts.model), asked=options.threshold)


def _give(given: Answer, options: argparse.Namespace, console: Console) -> None:
    """Writes the files asked for, then says the answer."""
    from app.core.events.answer import content_sha256

    needs_hashes = any(file is not None for file in (options.json, options.sqlite, options.case))
    hashes = [content_sha256(source.path) for source in given.sources] if needs_hashes else []
    _write_files(given, options, hashes)
    if options.csv == "-":
        from app.core.cases.tables import events_csv

        sys.stdout.write(events_csv(given))
    else:
        tell_answer(given, console)
    if options.json is not None:
        console.give(given.as_dict(hashes))


def _write_files(given: Answer, options: argparse.Namespace, hashes: Sequence[str]) -> None:
    """Tables, then what takes longer.

    Raises:
        AppError: One cannot be written.
    """
    from app.core.cases.case import write_case
    from app.core.cases.case_folders import write_clips, write_heatmap, write_snapshots
    from app.core.cases.tables import events_csv, write_sqlite
    from app.core.files.atomic_file import write_atomically

    if options.csv not in (None, "-"):
        write_atomically(Path(options.csv), events_csv(given).encode("utf-8", "replace"))
    if options.sqlite is not None:
        write_sqlite(options.sqlite, given, hashes)
    look = _look(options)
    if options.heatmap is not None:
        write_heatmap(options.heatmap, given, look)
    if options.snapshots is not None:
        write_snapshots(options.snapshots, given, look)
    if options.clips is not None:
        write_clips(options.clips, given, look)
    if options.case is not None:
        write_case(options.case, given, hashes, look)


def _look(options: argparse.Namespace) -> Any:
    from fractions import Fraction

    from app.cli.annotate_video import images_per_s
    from app.core.cases.images import Look
    from app.core.muxing.video_options import VideoOptions

    video = VideoOptions(deinterlace=options.deinterlace, images_per_s=images_per_s(options))
    return Look(Fraction(str(options.before)), Fraction(str(options.after)), video=video)
